/** A missing permission is told at once, by the flag to run with. */

import { sharedServerUrl } from "@sluice/test-server";
import { describe, expect, test } from "vitest";
import { sharedAddress, startProgram } from "./deno.js";

interface Outcome {
  readonly connected?: true;
  readonly code?: string;
  readonly message?: string;
  readonly flags?: readonly string[];
  readonly ms: number;
}

/** What became of connecting to each place. */
async function connectTo(places: readonly unknown[], permissions: readonly string[]): Promise<Outcome[]> {
  const args = places.map((place) => JSON.stringify(place));
  const { lines, stderr } = await startProgram("connect", { permissions, args }).ended;
  // No warnings of attempts to connect.
  expect(stderr).toBe("");
  return lines.map((line) => JSON.parse(line));
}

describe("without network", () => {
  const [a, b] = [
    { host: "10.0.0.1", port: 26_379 },
    { host: "redis-2", port: 7_000 },
  ];
  const CASES: readonly (readonly [what: string, redis: unknown, flags: string[]])[] = [
    ["a URL", "redis://user:hush@127.0.0.1:7001/2", ["--allow-net=127.0.0.1:7001"]],
    ["a URL without a port", "rediss://redis.example", ["--allow-net=redis.example:6379"]],
    ["an IPv6 address", "redis://[::1]:7001", ["--allow-net=[::1]:7001"]],
    ["options", { host: "redis-1", port: 7001, password: "hush" }, ["--allow-net=redis-1:7001"]],
    ["options without a host", { port: 7001 }, ["--allow-net=localhost:7001"]],
    [
      "Sentinels",
      { sentinels: [a, { host: "redis-2" }], name: "main" },
      ["--allow-net=10.0.0.1:26379,redis-2:26379"],
    ],
    ["a Redis", { instance: "redis://127.0.0.1:7001" }, ["--allow-net=127.0.0.1:7001"]],
    // A Cluster's names are looked up by themselves, which a permission for one port does not cover.
    [
      "a Cluster",
      { cluster: [a, b, 7001, "redis://:hush@[::1]:7002", a] },
      ["--allow-net=10.0.0.1:26379,redis-2,127.0.0.1:7001,[::1]:7002"],
    ],
    [
      "the path of a socket",
      "/run/redis.sock",
      ["--allow-net=unix:/run/redis.sock", "--allow-read=/run/redis.sock", "--allow-write=/run/redis.sock"],
    ],
  ];

  test("connect fails at once, naming --allow-net and each address, for every form of redis", async () => {
    const outcomes = await connectTo(
      CASES.map(([, redis]) => redis),
      ["--allow-env"],
    );
    expect(outcomes).toHaveLength(CASES.length);
    for (const [at, [what, , flags]] of CASES.entries()) {
      expect(outcomes[at], what).toMatchObject({ code: "RUNTIME_PERMISSION", flags });
      expect(outcomes[at]?.message, what).toContain(`run with ${flags.join(" ")}`);
      expect(outcomes[at]?.message, what).not.toContain("hush");
    }
  });

  test("only what is missing is named", async () => {
    const sentinels = { sentinels: [a, b], name: "main" };
    const permissions = ["--allow-env", "--allow-net=10.0.0.1", "--allow-read=/run/redis.sock"];
    const outcomes = await connectTo([sentinels, "/run/redis.sock"], permissions);
    expect(outcomes).toMatchObject([
      { flags: ["--allow-net=redis-2:7000"] },
      { flags: ["--allow-net=unix:/run/redis.sock", "--allow-write=/run/redis.sock"] },
    ]);
  });

  test("what is denied is as good as missing", async () => {
    const permissions = ["--allow-env", "--allow-net", `--deny-net=${sharedAddress()}`];
    expect(await connectTo([sharedServerUrl()], permissions)).toMatchObject([
      { flags: [`--allow-net=${sharedAddress()}`] },
    ]);
  });

  test("a bad option is told before a missing permission", async () => {
    const outcomes = await connectTo([{ host: "redis-1", keyPrefix: "app:" }], ["--allow-env"]);
    expect(outcomes).toMatchObject([{ code: "INVALID_OPTION" }]);
  });
});

describe("without the environment", () => {
  test("connect fails at once, naming --allow-env", async () => {
    for (const permissions of [[], [`--allow-net=${sharedAddress()}`], ["--allow-env=HOME", "--allow-net"]]) {
      const [outcome] = await connectTo([sharedServerUrl()], permissions);
      expect(outcome).toMatchObject({
        code: "RUNTIME_PERMISSION",
        message: expect.stringMatching(/^load ioredis, .* run with --allow-env$/),
        flags: ["--allow-env"],
      });
    }
  });
});
