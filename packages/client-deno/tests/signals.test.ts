/** Draining at a signal under Deno: what is in hand is finished, then the process ends. */

import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { leastPermissions, type Running, startProgram } from "./deno.js";

test.each(["SIGTERM", "SIGINT"] as const)(
  "at %s the handler in hand finishes and is settled, and the process ends with status 0",
  async (signal) => {
    const stream = uniqueName("orders");
    const program = start(stream, { buses: 1, handlerMs: 500 });
    await program.said("handling 0");
    program.child.kill(signal);
    expect(await program.ended).toMatchObject({ code: 0, signal: null, lines: ["handling 0", "handled 0"] });
    expect(await pending(`${stream}-0`)).toBe(0);
  },
);

test('with exit: "signal" the process ends by the signal when it has drained', async () => {
  const program = start(uniqueName("orders"), { buses: 2, handlerMs: 300, mode: "by-signal" });
  await program.said("handling 1");
  program.child.kill("SIGTERM");
  const { code, signal, lines } = await program.ended;
  expect({ code, signal }).toEqual({ code: null, signal: "SIGTERM" });
  expect(lines).toContain("handled 1");
});

test("several buses all drain before the process ends", async () => {
  const program = start(uniqueName("orders"), { buses: 2, handlerMs: 1_000 });
  await program.said("handling 0");
  await program.said("handling 1");
  program.child.kill("SIGTERM");
  const { code, lines } = await program.ended;
  expect(code).toBe(0);
  expect([...lines].sort()).toEqual(["handled 0", "handled 1", "handling 0", "handling 1"]);
});

test("a signal that arrives twice at once, as through a task runner, is one", async () => {
  const stream = uniqueName("orders");
  const program = start(stream, { buses: 1, handlerMs: 500 });
  await program.said("handling 0");
  program.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 20));
  program.child.kill("SIGINT");
  const { code, lines } = await program.ended;
  expect({ code, lines }).toEqual({ code: 0, lines: ["handling 0", "handled 0"] });
  expect(await pending(`${stream}-0`)).toBe(0);
});

test("a second signal ends the process at once; what was in hand stays pending", async () => {
  const stream = uniqueName("orders");
  const program = start(stream, { buses: 1, handlerMs: 60_000 });
  await program.said("handling 0");
  program.child.kill("SIGTERM");
  const again = setInterval(() => program.child.kill("SIGTERM"), 100);
  const { signal, lines } = await program.ended;
  clearInterval(again);
  expect(signal).toBe("SIGTERM");
  expect(lines).toEqual(["handling 0"]);
  expect(await pending(`${stream}-0`)).toBe(1);
});

test("a program that listens by process.on ends in its own way", async () => {
  const stream = uniqueName("orders");
  const program = start(stream, { buses: 1, handlerMs: 300, mode: "own" });
  await program.said("handling 0");
  program.child.kill("SIGTERM");
  await program.said("handled 0");
  await expect.poll(() => pending(`${stream}-0`)).toBe(0);
  expect(program.child.exitCode ?? program.child.signalCode).toBeNull();
  program.child.kill("SIGKILL");
  expect((await program.ended).lines).toEqual(["handling 0", "own listener", "handled 0"]);
});

function start(
  stream: string,
  options: { buses: number; handlerMs: number; mode?: "own" | "by-signal" },
): Running {
  const args = [sharedServerUrl(), stream, String(options.buses), String(options.handlerMs)];
  if (options.mode !== undefined) args.push(options.mode);
  return startProgram("drain", { permissions: leastPermissions(), args });
}

async function pending(stream: string): Promise<number> {
  const redis = new Redis(sharedServerUrl());
  const [count] = (await redis.call("XPENDING", [stream, "billing"])) as [number];
  redis.disconnect();
  return count;
}
