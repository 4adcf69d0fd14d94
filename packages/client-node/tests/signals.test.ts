/** Draining at a signal: what is in hand is finished, then the signal takes effect. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

const child = fileURLToPath(new URL("./drain-child.ts", import.meta.url));

test.each(["SIGTERM", "SIGINT"] as const)(
  "at %s the handler in hand finishes and is settled, and the process ends by that signal",
  async (signal) => {
    const stream = uniqueName("orders");
    const process_ = start(stream, { buses: 1, handlerMs: 1_000 });
    await process_.said("handling 0");
    process_.child.kill(signal);
    expect(await process_.ended).toEqual({ code: null, signal, lines: ["handling 0", "handled 0"] });
    expect(await pending(`${stream}-0`)).toBe(0);
  },
);

test("several buses all drain before the process ends", async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 2, handlerMs: 1_500 });
  await process_.said("handling 0");
  await process_.said("handling 1");
  process_.child.kill("SIGTERM");
  const { signal, lines } = await process_.ended;
  expect(signal).toBe("SIGTERM");
  expect(lines.sort()).toEqual(["handled 0", "handled 1", "handling 0", "handling 1"]);
});

test("a second signal ends the process at once; what was in hand stays pending", async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 1, handlerMs: 60_000 });
  await process_.said("handling 0");
  process_.child.kill("SIGTERM");
  const again = setInterval(() => process_.child.kill("SIGTERM"), 100);
  const { signal, lines } = await process_.ended;
  clearInterval(again);
  expect(signal).toBe("SIGTERM");
  expect(lines).toEqual(["handling 0"]);
  expect(await pending(`${stream}-0`)).toBe(1);
});

test("a process that listens for the signal itself ends in its own way", async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 1, handlerMs: 300, own: true });
  await process_.said("handling 0");
  process_.child.kill("SIGTERM");
  await process_.said("handled 0");
  await expect.poll(() => pending(`${stream}-0`)).toBe(0);
  expect(process_.child.exitCode ?? process_.child.signalCode).toBeNull();
  process_.child.kill("SIGKILL");
  expect((await process_.ended).lines).toEqual(["handling 0", "own listener", "handled 0"]);
});

interface Running {
  readonly child: ChildProcess;
  /** Resolves when the process has printed this line. */
  said(line: string): Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: string | null; lines: string[] }>;
}

function start(stream: string, options: { buses: number; handlerMs: number; own?: boolean }): Running {
  const args = [sharedServerUrl(), stream, String(options.buses), String(options.handlerMs)];
  if (options.own === true) args.push("own");
  const process_ = spawn(process.execPath, ["--import", "tsx", child, ...args], { timeout: 25_000 });
  onTestFinished(() => {
    process_.kill("SIGKILL");
  });
  let output = "";
  const waiting = new Map<string, () => void>();
  process_.stdout.on("data", (data) => {
    output += data;
    for (const [line, resolve] of waiting) if (output.includes(`${line}\n`)) resolve();
  });
  process_.stderr.pipe(process.stderr);
  const lines = () => output.split("\n").filter((line) => line !== "");
  return {
    child: process_,
    said: (line) =>
      new Promise((resolve, reject) => {
        if (output.includes(`${line}\n`)) resolve();
        waiting.set(line, resolve);
        process_.once("close", () =>
          reject(new Error(`the process ended and did not say "${line}": ${output}`)),
        );
      }),
    ended: once(process_, "close").then(([code, signal]) => ({ code, signal, lines: lines() })),
  };
}

async function pending(stream: string): Promise<number> {
  const redis = new Redis(sharedServerUrl());
  const [count] = (await redis.call("XPENDING", [stream, "billing"])) as [number];
  redis.disconnect();
  return count;
}
