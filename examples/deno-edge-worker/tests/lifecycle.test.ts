/** From one command to a graceful end. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { DENO, startWorker, type Worker } from "./worker.js";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
/** For compilers on a busy machine. */
const SLOW_MS = 120_000;

const placed = (orderId: string) => ({ type: "order.placed", data: { orderId, amount: 5 } });

test("Deno's compiler accepts the worker", { timeout: SLOW_MS }, async () => {
  const { code, output } = await run(["task", "--cwd", "examples/deno-edge-worker", "check"]).ended;
  expect(code, output).toBe(0);
});

test("one deno task builds, finds a server, and runs the worker until it is told to end", {
  timeout: SLOW_MS,
}, async () => {
  const env = { REDIS_URL: sharedServerUrl(), STREAM: uniqueName("orders"), PORT: "0" };
  const task = run(["task", "--cwd", "examples/deno-edge-worker", "dev"], env);
  await expect.poll(() => task.output(), { timeout: 60_000 }).toContain('"message":"listening"');
  const [, port] = /"port":(\d+)/.exec(task.output()) ?? [];
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  // As Ctrl-C in a terminal does: to every process of the group.
  process.kill(-(task.child.pid ?? Number.NaN), "SIGINT");
  expect(await task.ended).toMatchObject({ code: 0, output: expect.stringContaining('"message":"ended"') });
});

test("told to end, it answers what has begun to come in, takes no more, and leaves nothing in hand", async () => {
  const redis = new Redis(sharedServerUrl());
  onTestFinished(() => redis.disconnect());
  const stream = uniqueName("orders");
  await using worker = await startWorker(sharedServerUrl(), stream);
  const slow = await halfSent(worker, placed("slow"));
  const sent = Array.from({ length: 20 }, (_, number) => worker.post("acme", placed(`o${number}`)));
  expect((await Promise.all(sent)).map(({ status }) => status)).toEqual(sent.map(() => 202));
  worker.child.kill("SIGTERM");
  const said = (message: string) => worker.log.some((line) => line.message === message);
  await expect.poll(() => said("ending"), { timeout: 15_000 }).toBe(true);
  expect(await worker.post("acme", placed("late"))).toMatchObject({ status: 503, body: { code: "ENDING" } });
  expect(await worker.request("/readyz")).toMatchObject({ status: 503 });
  expect(await slow.finish()).toMatch(/^HTTP\/1\.1 202 /);
  expect(await worker.ended).toBe(0);
  expect(worker.log.at(-1)).toMatchObject({ message: "ended" });
  const key = `tenant:{acme}:${stream}`;
  const entries = await redis.xrange(key, "-", "+");
  expect(entries.filter(([, fields]) => fields.join().includes("order.placed"))).toHaveLength(21);
  // What it did not come to is given back: it waits for any consumer, in the hands of none.
  const [, , , holders] = (await redis.xpending(key, "billing")) as [unknown, unknown, unknown, [string][]];
  for (const [holder] of holders ?? []) expect(holder).toBe("/waiting");
});

test("settings that make no sense are named", async () => {
  const env = { PORT: "many", REDIS_URL: sharedServerUrl() };
  const { code, output } = await run(["task", "--cwd", "examples/deno-edge-worker", "start"], env).ended;
  expect(code).toBe(1);
  expect(output).toMatch(/read the settings from the environment: .*PORT/s);
});

/** A request whose body is only begun. */
async function halfSent(worker: Worker, event: unknown): Promise<{ finish(): Promise<string> }> {
  const body = JSON.stringify(event);
  const socket = net.connect(Number(new URL(worker.base).port), "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
  });
  let received = "";
  socket.on("data", (data) => {
    received += data;
  });
  const closed = once(socket, "close");
  const head = ["POST /tenants/acme/events HTTP/1.1", "host: worker", "content-type: application/json"];
  socket.write(`${head.join("\r\n")}\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 10)}`);
  // An answer to a later request says that this one has been begun.
  await worker.request("/livez");
  return {
    async finish() {
      socket.write(body.slice(10));
      await closed;
      return received;
    },
  };
}

interface Running {
  readonly child: ReturnType<typeof spawn>;
  output(): string;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
}

/** A command of Deno's in the folder of the repository, in a process group of its own. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(DENO, args, {
    cwd: REPOSITORY,
    env: { ...process.env, ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
    });
  }
  const ended = once(child, "close").then(([code]) => ({ code, output }));
  onTestFinished(async () => {
    // Not SIGKILL: what it has started is to end with it.
    if (child.exitCode === null) child.kill("SIGTERM");
    await ended;
  });
  return { child, output: () => output, ended };
}
