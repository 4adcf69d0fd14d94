/**
 * The command as people get it: from the tarballs, outside of this repository, with every runtime, against a server
 * that it did not start and that has something to lose.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { startServer, type TestServer } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installOutside, type OutsideProgram } from "../../../tools/pack/outside.js";
import { buildPackages, PUBLISHED, pack, REPOSITORY } from "../../../tools/pack/packages.js";
import type { SuiteReport } from "../src/results.js";

const run = promisify(execFile);

/** For builds and installs on a busy machine. */
const SLOW_MS = 300_000;

let tarballs: string;
let program: OutsideProgram;
let server: TestServer;
let redis: Redis;

beforeAll(async () => {
  tarballs = realpathSync(mkdtempSync(join(tmpdir(), "sluice-packed-")));
  await buildPackages();
  program = await installOutside(await Promise.all(PUBLISHED.map((path) => pack(path, tarballs))));
  server = await startServer();
  redis = new Redis(server.url);
}, SLOW_MS);

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  program?.[Symbol.dispose]();
  rmSync(tarballs, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with what npx needs, and so with no runtime but Node, whatever else this machine has. */
function programsOfNpx(): string {
  const folder = join(tarballs, "programs");
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, "node"));
  for (const name of ["npx", "npm", "sh", "env"]) {
    const paths = (process.env.PATH ?? "").split(delimiter).map((entry) => join(entry, name));
    const program = paths.find((path) => existsSync(path));
    if (program !== undefined) symlinkSync(program, join(folder, name));
  }
  return folder;
}

/** @param path what comes before the programs of npx in PATH */
async function npx(args: readonly string[], path: readonly string[]): Promise<Ended> {
  const { REDIS_URL: _, ...env } = process.env;
  const PATH = [...path, programsOfNpx()].join(delimiter);
  const options = { cwd: program.folder, env: { ...env, PATH } };
  return await run("npx", ["--no-install", "@sluice/conformance", ...args], options).then(
    (ended) => ({ code: 0, ...ended }),
    (ended: Ended) => ended,
  );
}

async function stateOfServer() {
  return {
    settings: await redis.config("GET", "*"),
    users: await redis.acl("LIST"),
    size: await redis.dbsize(),
    // Names that the suite might have picked, had it no names of its own.
    stream: await redis.dumpBuffer("tenant:{acme}:orders"),
    hash: await redis.dumpBuffer("tenant:{acme}:orders/meta"),
  };
}

test("passes under Node, Deno and Bun, and leaves keys, settings and users as they were", {
  timeout: SLOW_MS,
}, async () => {
  await redis.xadd("tenant:{acme}:orders", "*", "key", "k1", "event", "{}");
  await redis.hset("tenant:{acme}:orders/meta", "protocol", "1");
  const before = await stateOfServer();
  const args = [
    "--redis",
    server.url,
    "--runtime",
    "node,deno,bun",
    "--case",
    "*second*",
    "--report",
    "json",
  ];
  const { code, stdout, stderr } = await npx(args, [join(REPOSITORY, "node_modules/.bin")]);
  expect(stderr).toMatch(/ {2}runtimes +node v\S+, deno v\S+, bun v\S+\n/);
  const report: SuiteReport = JSON.parse(stdout);
  const passed = (place: string) => {
    const there = report.results.filter((one) => one.place === place);
    return there.map(({ id, status }) => `${id} ${status}`).sort();
  };
  expect(passed("node").length).toBeGreaterThanOrEqual(2);
  expect(passed("deno")).toEqual(passed("node"));
  expect(passed("bun")).toEqual(passed("node"));
  expect(report.results.filter(({ status }) => status !== "passed")).toEqual([]);
  expect(code).toBe(0);
  expect(await stateOfServer()).toEqual(before);
});

test("a runtime that was asked for and is not there ends with 2, and says where it was looked for", async () => {
  const { code, stdout, stderr } = await npx(
    ["--redis", server.url, "--runtime", "node,deno", "--case", "*second*"],
    [],
  );
  expect(stderr).toContain(
    'error: --runtime deno: neither on PATH nor installed as the npm package "deno": wanted one that runs\n',
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});
