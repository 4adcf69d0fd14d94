/** A server that has reached maxmemory and evicts nothing: publishers are refused, consumers drain it to zero. */
import { beatCall, beatReply, enrollCall } from "@sluice/lua-scripts";
import { startServer, type TestServer } from "@sluice/test-server";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { failure, recovered, retry, skip, success } from "./support/attempts.js";
import { openGroup, SETTINGS, type Taken, TestGroup } from "./support/group.js";
import { keysIn, lettersOf } from "./support/look.js";
import { connect, errorOf, run } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { passTime } from "./support/time.js";
import { busyGroup } from "./support/world.js";

let server: TestServer;
let redis: Redis;

beforeAll(async () => {
  server = await startServer({ args: ["--maxmemory-policy", "noeviction"] });
  redis = connect(server.url);
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

afterEach(async () => {
  await redis.config("SET", "maxmemory", "0");
});

/** From here on the server is full, whatever is freed. */
async function fill(): Promise<void> {
  await redis.config("SET", "maxmemory", "1");
  await expect(redis.set("more", "x")).rejects.toThrow(/^OOM/);
}

describe("publish", () => {
  test.each([
    ["a stream that is there", true],
    ["a stream that is new", false],
  ])("on %s is refused with OOM, and nothing changes", async (_, exists) => {
    const group = exists ? (await busyGroup(redis)).group : new TestGroup(redis);
    await fill();
    await unchanged(redis, group.allKeys, async () => {
      for (const windowMs of [0, 60_000]) {
        expect(await errorOf(redis, group.publishCall(["new"], { windowMs }))).toMatch(/^OOM /);
      }
    });
  });

  test("still answers what it needs no memory for", async () => {
    const group = await openGroup(redis);
    await group.publish(["a"], { windowMs: 60_000 });
    await fill();
    const reply = await group.publish(["a"], { windowMs: 60_000 });
    expect(reply.results.map(({ verdict }) => verdict)).toEqual(["DUPLICATE"]);
  });
});

describe("of what belongs to all tenants", () => {
  test("enroll of a tenant that is new is refused with OOM, and nothing changes; one that is known is not", async () => {
    const group = new TestGroup(redis);
    await run(redis, enrollCall(group.registry, ["acme"]));
    await fill();
    await unchanged(redis, group.sharedKeys, async () => {
      expect(await errorOf(redis, enrollCall(group.registry, ["acme", "globex"]))).toMatch(/^OOM /);
      expect(await run(redis, enrollCall(group.registry, ["acme"]))).toEqual(["OK", 0]);
    });
  });

  test("beats are taken, of the first worker and of the next", async () => {
    const { peers } = new TestGroup(redis);
    await fill();
    const beat = (worker: string) =>
      beatCall(peers, { worker, spare: false, needHelp: ["acme"], helped: ["globex"] });
    expect(beatReply(await run(redis, beat("w1")))).toMatchObject({ workers: ["w1"] });
    expect(beatReply(await run(redis, beat("w2")))).toMatchObject({ workers: ["w1", "w2"] });
  });
});

describe("open", () => {
  test("lets a consumer into a group that is there", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    await fill();
    expect(await group.open({ consumer: "new" })).toMatchObject({ how: "JOINED" });
    expect((await group.take("new")).map(({ verdict }) => verdict)).toEqual(["LEASED"]);
  });

  test("makes a group again that was deleted", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await fill();
    expect(await group.open()).toMatchObject({ how: "HEALED" });
    expect((await group.take()).map(({ verdict }) => verdict)).toEqual(["LEASED"]);
  });

  test("of a group that is new is refused with OOM, and nothing changes", async () => {
    const group = new TestGroup(redis);
    await group.add("a");
    await fill();
    await unchanged(redis, group.allKeys, async () => {
      expect(await errorOf(redis, group.openCall())).toMatch(/^OOM /);
    });
  });
});

describe("every way out of an attempt", () => {
  const ways: readonly [string, (group: TestGroup, attempt: Taken) => Promise<unknown>, unknown][] = [
    ["success", (group, a) => group.settle("c1", success(a)), ["SETTLED"]],
    [
      "success with emitted events",
      (group, a) => group.settle("c1", success(a, [{ key: "~1", event: "x".repeat(10_000) }])),
      ["SETTLED"],
    ],
    ["skip", (group, a) => group.settle("c1", skip(a)), ["SETTLED"]],
    ["retry", (group, a) => group.settle("c1", retry(a, 20_000)), ["WAITING"]],
    ["failure", (group, a) => group.settle("c1", failure(a)), ["DEAD"]],
    ["release", (group, a) => group.release("c1", a), ["RELEASED"]],
    ["extend", (group, a) => group.extend("c1", a), ["EXTENDED"]],
  ];

  test.each(ways)("passes: %s, as the first write of its call", async (_, act, verdicts) => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await fill();
    expect(await act(group, a)).toEqual(verdicts);
  });
});

describe("lease", () => {
  test.each([
    ["LEASED", []],
    ["DUPLICATE", ["success"]],
    ["DEFERRED", ["held"]],
  ])("passes where it answers nothing but %s", async (verdict, before) => {
    const group = await openGroup(redis);
    for (const how of before) {
      const a = await group.inHand("a");
      if (how === "success") await group.settle("c1", success(a));
    }
    await group.add("a");
    await fill();
    expect((await group.take("c2")).map((taken) => taken.verdict)).toEqual([verdict]);
  });
});

describe("recover", () => {
  test.each([
    ["what is due", { retried: 1 }, (group: TestGroup, a: Taken) => group.settle("c1", retry(a, 20_000))],
    ["what is stale", { stale: 1 }, () => Promise.resolve()],
  ])("passes for %s", async (_, counts, lead) => {
    const group = await openGroup(redis);
    await lead(group, await group.inHand("a"));
    await passTime(group, SETTINGS.leaseMs + 1);
    await fill();
    const reply = await group.recover("c2");
    expect(reply.counts).toMatchObject(counts);
    expect(await group.settle("c2", ...reply.leased.map((entry) => success(recovered(entry))))).toEqual([
      "SETTLED",
    ]);
  });

  test("passes for a dead letter", async () => {
    const group = await openGroup(redis, { maxAttempts: 1 });
    await group.inHand("a");
    await fill();
    expect((await group.recover("c1")).counts).toMatchObject({ deadLettered: 1 });
    expect(await lettersOf(group)).toHaveLength(1);
  });
});

test("a full server is drained to zero, with emitted events, retries and dead letters on the way", async () => {
  const group = await openGroup(redis);
  await group.add(...Array.from({ length: 500 }, (_, at) => `k${at}`));
  await fill();
  for (let round = 0; round < 20; round++) {
    await passTime(group, 1_000);
    const due = (await group.recover("c1", { ownAfter: undefined })).leased.map(recovered);
    const taken = await group.read("c1", 100);
    const fresh = taken.length === 0 ? [] : await group.lease("c1", taken);
    const attempts = [...fresh, ...due].map((attempt, at) => {
      if (at % 10 === 1) return retry(attempt, 500);
      if (at % 10 === 2) return failure(attempt);
      return success(attempt, at % 50 === 0 && round < 3 ? [{ key: `~${attempt.key}`, event: "{}" }] : []);
    });
    if (attempts.length > 0) await group.settle("c1", ...attempts);
  }
  expect(await group.recover("c1")).toMatchObject({ more: false, nextDueInMs: undefined, leased: [] });
  expect(await group.pending()).toEqual([]);
  expect((await group.read()).length).toBe(0);
  expect((await keysIn(group)).length).toBeGreaterThan(500);
});
