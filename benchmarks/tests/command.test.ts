/** The whole command, as users run it. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { expect, inject, test } from "vitest";
import { EXIT, main } from "../src/command.js";
import { planOf } from "../src/plan/plan.js";
import type { Results } from "../src/results.js";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const SLOW_MS = 240_000;

test("a quick run of everything ends with 0 and has every contender of the plan", {
  timeout: SLOW_MS,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const json = join(folder, "results.json");
  const args = ["--import", TSX, MAIN, "--quick", "--redis", inject("redisUrl"), "--json", json];
  const { stdout, stderr } = await run(process.execPath, args, { timeout: SLOW_MS });
  const results: Results = JSON.parse(await readFile(json, "utf8"));
  await rm(folder, { recursive: true });

  expect(results.runs).toBe(1);
  const measured = new Set(
    results.measurements
      .filter(({ samples }) => samples.length === 1 && samples.every(Number.isFinite))
      .map(({ workload, contender }) => `${workload}: ${contender}`),
  );
  const planned = planOf("", true).flatMap(({ name, contenders }) =>
    contenders.map((one) => `${name}: ${one.name}`),
  );
  expect([...measured].sort()).toEqual(planned.sort());
  for (const workload of planOf("", true)) {
    expect(stdout).toContain(workload.name);
    expect(stderr).toContain(`measured ${workload.name}`);
  }
});

test("an interrupted run ends with 130 and leaves nothing on the server", async () => {
  const redis = new Redis(inject("redisUrl"));
  const before = (await redis.keys("bench-*")).length;
  const interrupted = new AbortController();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  // The first thing it says is which server it has; processes are started after that.
  stderr.once("data", () => interrupted.abort());
  const status = main(["--only", "publish: raw", "--redis", inject("redisUrl")], {
    ...{ stdout, stderr },
    signal: interrupted.signal,
  });
  expect(await status).toBe(EXIT.interrupted);
  expect((await redis.keys("bench-*")).length).toBe(before);
  expect(stdout.read()).toBeNull();
  redis.disconnect();
});

test("a pattern that no contender has is wrong usage", async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const status = await main(["--only", "nothing"], { stdout, stderr, signal: new AbortController().signal });
  expect(status).toBe(EXIT.usage);
  expect(String(stderr.read())).toContain('--only "nothing": no contender is like that');
});
