/** Draining at a signal: what is in hand is finished, then the process ends. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ConnectOptions, connect, defineEvents } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";

/** Makes a process the first one of a namespace; `--kill-child` has that end with `unshare`. */
const UNSHARE = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
const NO_NAMESPACE = "unshare may not make a process namespace here";
const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const child = fileURLToPath(new URL("./drain-child.ts", import.meta.url));

test.each(["SIGTERM", "SIGINT"] as const)(
  "at %s the handler in hand finishes and is settled, and the process ends with status 0",
  async (signal) => {
    const stream = uniqueName("orders");
    const process_ = start(stream, { buses: 1, handlerMs: 1_000 });
    await process_.said("handling 0");
    process_.kill(signal);
    expect(await process_.ended).toEqual({ code: 0, signal: null, lines: ["handling 0", "handled 0"] });
    expect(await pending(`${stream}-0`)).toBe(0);
  },
);

test('with exit: "signal" the process ends by the signal when it has drained', async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 2, handlerMs: 300, mode: "by-signal" });
  await process_.said("handling 1");
  process_.kill("SIGTERM");
  const { code, signal, lines } = await process_.ended;
  expect({ code, signal }).toEqual({ code: null, signal: "SIGTERM" });
  expect(lines).toContain("handled 1");
});

test.for([
  { mode: "serves", status: 0 },
  { mode: "by-signal", status: 143 },
] as const)(
  "as process 1, in a container, it ends when it has drained: $mode",
  async ({ mode, status }, context) => {
    context.skip(!mayUnshare(), NO_NAMESPACE);
    const stream = uniqueName("orders");
    const process_ = start(stream, { buses: 1, handlerMs: 300, mode, asFirst: true });
    await process_.said("handling 0");
    process_.kill("SIGTERM");
    expect(await process_.ended).toMatchObject({ code: status, lines: ["handling 0", "handled 0"] });
    expect(await pending(`${stream}-0`)).toBe(0);
  },
);

test("as process 1 a second signal ends it at once", async (context) => {
  context.skip(!mayUnshare(), NO_NAMESPACE);
  const process_ = start(uniqueName("orders"), { buses: 1, handlerMs: 60_000, asFirst: true });
  await process_.said("handling 0");
  process_.kill("SIGTERM");
  const again = setInterval(() => process_.kill("SIGTERM"), 100);
  const { code, lines } = await process_.ended;
  clearInterval(again);
  expect({ code, lines }).toEqual({ code: 143, lines: ["handling 0"] });
});

test("several buses all drain before the process ends", async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 2, handlerMs: 1_500 });
  await process_.said("handling 0");
  await process_.said("handling 1");
  process_.kill("SIGTERM");
  const { code, lines } = await process_.ended;
  expect(code).toBe(0);
  expect(lines.sort()).toEqual(["handled 0", "handled 1", "handling 0", "handling 1"]);
});

test("there is one listener for each signal, whatever the number of buses, and none when the last is closed", async () => {
  const count = () => [process.listenerCount("SIGTERM"), process.listenerCount("SIGINT")];
  const before = count();
  const open = (signals: ConnectOptions<never>["signals"]) =>
    connect({ redis: sharedServerUrl(), stream: uniqueName("orders"), events, signals: signals ?? false });
  const buses = await Promise.all(Array.from({ length: 12 }, () => open(true)));
  const onlyTerm = await open({ on: ["SIGTERM"], exit: "signal" });
  expect(count()).toEqual(before.map((n) => n + 1));
  await Promise.all(buses.map((bus) => bus.close()));
  expect(count()).toEqual([(before[0] ?? 0) + 1, before[1]]);
  await onlyTerm.close();
  expect(count()).toEqual(before);
});

test("a second signal ends the process at once; what was in hand stays pending", async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 1, handlerMs: 60_000 });
  await process_.said("handling 0");
  process_.kill("SIGTERM");
  const again = setInterval(() => process_.kill("SIGTERM"), 100);
  const { signal, lines } = await process_.ended;
  clearInterval(again);
  expect(signal).toBe("SIGTERM");
  expect(lines).toEqual(["handling 0"]);
  expect(await pending(`${stream}-0`)).toBe(1);
});

test("a process that listens for the signal itself ends in its own way", async () => {
  const stream = uniqueName("orders");
  const process_ = start(stream, { buses: 1, handlerMs: 300, mode: "own" });
  await process_.said("handling 0");
  process_.kill("SIGTERM");
  await process_.said("handled 0");
  await expect.poll(() => pending(`${stream}-0`)).toBe(0);
  expect(process_.child.exitCode ?? process_.child.signalCode).toBeNull();
  process_.kill("SIGKILL");
  expect((await process_.ended).lines).toEqual(["handling 0", "own listener", "handled 0"]);
});

interface Running {
  readonly child: ChildProcess;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the process has printed this line. */
  said(line: string): Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: string | null; lines: string[] }>;
}

/** Whether a process may be made the first one of a namespace, as it is in a container. */
function mayUnshare(): boolean {
  return spawnSync("unshare", [...UNSHARE, "true"]).status === 0;
}

function start(
  stream: string,
  options: {
    readonly buses: number;
    readonly handlerMs: number;
    readonly mode?: "own" | "by-signal" | "serves";
    /** As the first process of a namespace. */
    readonly asFirst?: boolean;
  },
): Running {
  const args = [sharedServerUrl(), stream, String(options.buses), String(options.handlerMs)];
  if (options.mode !== undefined) args.push(options.mode);
  const command = [process.execPath, "--import", "tsx", child, ...args];
  const [program = "", ...rest] = options.asFirst ? ["unshare", ...UNSHARE, ...command] : command;
  const process_ = spawn(program, rest);
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
    kill: (signal) => {
      const pid = Number(process_.pid);
      // `unshare` passes no signal on.
      const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
      process.kill(options.asFirst ? Number.parseInt(children(), 10) : pid, signal);
    },
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
