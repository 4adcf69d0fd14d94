/** The command: which server and runtimes it takes, what it writes where, how it ends, what it leaves on a server. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { startSentinels, startServer, type TestServer } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { runCommand } from "./cli-support.js";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
/** A case that is quick, with consumers alone. */
const QUICK = "consuming/*two-groups";

let server: TestServer;
let admin: Redis;

beforeAll(async () => {
  server = await startServer();
  admin = new Redis(server.url);
});

afterAll(async () => {
  admin?.disconnect();
  await server?.stop();
});

describe("wrong usage ends with 2, and one line names the option and what is wanted", () => {
  const WRONG: readonly (readonly [args: string[], line: string | RegExp])[] = [
    [["--redis", "localhost"], 'error: --redis, "localhost": wanted redis://host:port or rediss://host:port'],
    [
      ["--redis", "http://u:pw@h"],
      "error: --redis, the URL given: wanted redis://host:port or rediss://host:port",
    ],
    [["--redis"], "error: option '--redis <url>' argument missing"],
    [["--redis", "redis://h", "--server", "path"], /^error: --redis and --server: wanted one of them/],
    [
      ["--server", "redis-1.0"],
      /^error: option '--server <which>' argument 'redis-1.0' is invalid\. Wanted one of/,
    ],
    [
      ["--server", "docker", "--cluster"],
      /^error: --server docker with --cluster: a Cluster is started from auto/,
    ],
    [["--sentinel", "main"], /^error: --sentinel: wanted with --redis and the URL of a Sentinel/],
    [["--runtime", "node,perl"], /"perl" is none of node, deno, bun, separated by commas\.$/],
    [["--level", "hard"], /"hard" is none of core, recovery, tenancy, cluster, acl, separated by commas\.$/],
    [["--case", "no-such"], /^error: --case "no-such": no case of core, .* matches; --list shows all$/],
    [
      ["--report", "pdf"],
      /'--report <form>' argument 'pdf' is invalid\. Allowed choices are table, json, junit, html/,
    ],
    [
      ["--case", QUICK, "--output", "/no/such/folder/report"],
      /^error: --output "\/no\/such\/folder\/report": wanted a file in a folder/,
    ],
    [
      ["--concurrency", "0"],
      /'--concurrency <n>' argument '0' is invalid\. Wanted a whole number from 1 to 64/,
    ],
    [["--wat"], "error: unknown option '--wat'"],
  ];

  test.each(WRONG)("%j", async (args, line) => {
    const { status, stdout, stderr } = await runCommand(args);
    expect(stderr.trimEnd()).toEqual(typeof line === "string" ? line : expect.stringMatching(line));
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });
});

describe("a server that is not as the options say ends with 2", () => {
  test("one that does not answer, named without its password", async () => {
    const { status, stderr } = await runCommand(["--redis", "redis://u:s3cret@127.0.0.1:1", "--case", QUICK]);
    expect(stderr).toMatch(/^error: reach --redis redis:\/\/127\.0\.0\.1:1: connect ECONNREFUSED .*\n$/);
    expect(status).toBe(2);
  });

  test("one that refuses the login", async () => {
    const url = `redis://somebody:s3cret@127.0.0.1:${server.port}`;
    const { status, stderr } = await runCommand(["--redis", url, "--case", QUICK]);
    expect(stderr).toMatch(
      /^error: reach --redis redis:\/\/\S+: WRONGPASS .*: wanted a server that answers\n$/,
    );
    expect(stderr).not.toContain("s3cret");
    expect(status).toBe(2);
  });

  test("one of REDIS_URL, which is named as that", async () => {
    const { status, stderr } = await runCommand(["--case", QUICK], { REDIS_URL: "redis://127.0.0.1:1" });
    expect(stderr).toContain("reach REDIS_URL redis://127.0.0.1:1: ");
    expect(status).toBe(2);
  });

  test("a single server where --cluster says a Cluster", async () => {
    const { status, stderr } = await runCommand(["--redis", server.url, "--cluster", "--case", QUICK]);
    expect(stderr).toMatch(
      /^error: --cluster: --redis \S+ is a single server, not of a Cluster: leave the option out\n$/,
    );
    expect(status).toBe(2);
  });
});

test("help and version go to standard output and end with 0", async () => {
  const help = await runCommand(["--help"]);
  expect(help).toMatchObject({ status: 0, stderr: "" });
  expect(help.stdout).toContain("Exit status: 0 nothing failed, 1 something failed, 2 wrong usage");
  for (const line of help.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(await runCommand(["--version"])).toEqual({ status: 0, stdout: "1.2.3\n", stderr: "" });
});

test("the README has a row for every option, and for no other", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const inReadme = [...readme.matchAll(/^\| `(--[\w-]+)/gm)].map(([, option]) => option);
  const inHelp = [...(await runCommand(["--help"])).stdout.matchAll(/^ {2}(--[\w-]+)/gm)].map(
    ([, option]) => option,
  );
  expect(inReadme.sort()).toEqual(inHelp.filter((it) => it !== "--help" && it !== "--version").sort());
});

test("the list needs no server, and holds what the options choose", async () => {
  const listed = await runCommand(["--list", "--case", "consuming/*"], { REDIS_URL: "redis://127.0.0.1:1" });
  expect(listed).toMatchObject({ status: 0, stderr: "" });
  expect(listed.stdout).toMatch(/^consuming\/two-groups {2}\[core\] {2}\S.*$/m);
  expect(
    listed.stdout
      .trimEnd()
      .split("\n")
      .every((line) => line.startsWith("consuming/")),
  ).toBe(true);
  const none = await runCommand(["--list", "--case", "consuming/*", "--level", "acl"]);
  expect(none.status).toBe(2);
});

describe("a run", () => {
  test("tells the facts and notes on standard error, the report on standard output, and ends with 0", async () => {
    const { status, stdout, stderr } = await runCommand([
      ...["--redis", server.url, "--runtime", "node", "--case", QUICK],
    ]);
    expect(stderr).toMatch(/^redis \S+, standalone at 127\.0\.0\.1:\d+\n {2}runtimes +node v\d+/);
    expect(stderr).toContain("a restart loses every event that was acknowledged");
    expect(stdout).toMatch(/^ level +node/);
    expect(stdout).toMatch(/\n1 passed, in \d+\.\d s\n$/);
    expect(status).toBe(0);
  });

  test("in which something fails ends with 1, and the report says what", async () => {
    await admin.call("ACL", "SETUSER", "cannot-claim", "on", ">pw", "~*", "&*", "+@all", "-xclaim");
    const url = `redis://cannot-claim:pw@127.0.0.1:${server.port}`;
    const { status, stdout, stderr } = await runCommand([
      ...["--redis", url, "--runtime", "node", "--case", QUICK, "--report", "json"],
    ]);
    await admin.call("ACL", "DELUSER", "cannot-claim");
    expect(stderr).toContain("forbidden: XCLAIM");
    const report = JSON.parse(stdout);
    expect(report.totals).toEqual({ passed: 0, failed: 1, notApplicable: 0 });
    expect(report.results[0].reason).toContain("xclaim");
    expect(status).toBe(1);
  });

  test("with --bail begins nothing after the first failure", async () => {
    await admin.call("ACL", "SETUSER", "cannot-add", "on", ">pw", "~*", "&*", "+@all", "-xadd");
    const url = `redis://cannot-add:pw@127.0.0.1:${server.port}`;
    const { status, stdout } = await runCommand([
      ...["--redis", url, "--runtime", "node", "--case", "consuming/*", "--concurrency", "1"],
      ...["--bail", "--report", "json"],
    ]);
    await admin.call("ACL", "DELUSER", "cannot-add");
    expect(JSON.parse(stdout).results).toHaveLength(1);
    expect(status).toBe(1);
  });

  test("writes the report to the file of --output, and nothing to standard output", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-report-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, "report.html");
    const { status, stdout, stderr } = await runCommand([
      ...["--redis", server.url, "--runtime", "node", "--case", QUICK, "--report", "html", "--output", file],
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/\n1 passed, in \S+ s; the report is in \/\S+report\.html\n$/);
    expect(await readFile(file, "utf8")).toContain("<h1>1 passed</h1>");
  });

  test.each(["html", "json", "junit"])(
    "ends with the verdict on standard error beside a report in %s, and says it once in the table",
    async (form) => {
      const args = ["--redis", server.url, "--runtime", "node", "--case", QUICK];
      expect((await runCommand([...args, "--report", form])).stderr).toMatch(/\n1 passed, in \S+ s\n$/);
      const table = await runCommand(args);
      expect(`${table.stdout}${table.stderr}`.match(/1 passed, in/g)).toHaveLength(1);
    },
  );

  test("leaves settings, users and keys of a server as they were", async () => {
    const state = async () => [await admin.config("GET", "*"), await admin.acl("LIST"), await admin.dbsize()];
    const before = await state();
    const { status } = await runCommand([
      "--redis",
      server.url,
      "--runtime",
      "node",
      "--case",
      "idempotency/*",
    ]);
    expect(status).toBe(0);
    expect(await state()).toEqual(before);
  });

  test("makes no user unless allowed, and deletes those it made", async () => {
    const args = ["--redis", server.url, "--runtime", "node", "--level", "acl", "--report", "json"];
    const before = await admin.acl("LIST");
    const without = JSON.parse((await runCommand([...args, "--case", "tenancy/acl-a*"])).stdout);
    expect(without.totals).toMatchObject({ passed: 0, failed: 0 });
    expect(without.results[0].reason).toContain("--allow-users");
    const allowed = JSON.parse(
      (await runCommand([...args, "--case", "tenancy/acl-a*", "--allow-users"])).stdout,
    );
    expect(allowed.results.filter(({ status }: { status: string }) => status !== "passed")).toEqual([]);
    expect(await admin.acl("LIST")).toEqual(before);
  });

  test("by way of a Sentinel goes to the master that it names", async () => {
    await using set = await startSentinels();
    const [sentinel] = set.sentinels;
    const args = ["--runtime", "node", "--case", QUICK, "--report", "json", "--redis", sentinel?.url ?? ""];
    const { status, stdout } = await runCommand([...args, "--sentinel", set.masterName]);
    expect(JSON.parse(stdout).server).toMatchObject({
      mode: "sentinel",
      address: `127.0.0.1:${set.master.port}`,
    });
    expect(status).toBe(0);
    const forgotten = await runCommand(args);
    expect(forgotten.stderr).toMatch(
      /is a Sentinel: wanted --sentinel with the name of a master that it knows\n$/,
    );
  });
});

test("interrupted, a run ends with 130, says so, and leaves no key behind", async () => {
  const before = await admin.dbsize();
  // A process, since what an interrupted run has under way ends with it.
  const args = ["--redis", server.url, "--runtime", "node", "--case", "recovery/*"];
  const command = spawn(process.execPath, ["--import", "tsx", CLI, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(command, "exit");
  const [stdout, stderr] = [text(command.stdout), text(command.stderr)];
  await vi.waitUntil(async () => (await admin.dbsize()) > before, { timeout: 20_000 });
  command.kill("SIGINT");
  expect(await exited).toEqual([130, null]);
  expect(await stderr).toMatch(/interrupted: removed the keys and users of this run; there is no report\n$/);
  expect(await stdout).toBe("");
  expect(await admin.dbsize()).toBe(before);
});
