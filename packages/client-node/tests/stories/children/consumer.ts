/**
 * A consumer in a process of its own, to be stopped and killed. What it does with events is said by its settings; what
 * happens to it, it says on its standard output, a line of JSON each.
 */
import { existsSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "@sluice/node";
import { events } from "../catalog.js";
import type { ChildLine, ChildSettings } from "../child.js";

const settings: ChildSettings = JSON.parse(process.argv[2] ?? "");
const { redis, stream, group, leaseMs, maxAttempts, name, until } = settings;

// Written at once: what waits in a buffer when the process is stopped would not be seen.
const say = (line: ChildLine) => writeSync(1, `${JSON.stringify(line)}\n`);

/** Keeps the thread, and with it every timer and socket, until the file is there. */
function hold(file: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(cell, 0, 0, 5);
}

const handler = events.handler({
  name,
  eventTypes: ["order.shipped"],
  async handle({ data }, { attempt, signal, emit }) {
    emit("order.placed", { orderId: `${data.orderId} by ${name}`, amount: attempt });
    say({ handling: data.orderId, attempt });
    signal.addEventListener("abort", () => say({ aborted: String(signal.reason?.code) }));
    if (settings.handle === "hold") hold(until);
    while (settings.handle === "wait" && !existsSync(until)) await delay(5);
    if (settings.handle === "work") await delay(2);
    if (settings.handle === "compute") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    say({ returning: data.orderId, aborted: signal.aborted });
  },
});

const bus = await connect({ redis, stream, events });
const consumer = bus.consumer({
  ...{ group, leaseMs, concurrency: settings.concurrency, handlers: [handler] },
  ...(maxAttempts === undefined ? {} : { maxAttempts }),
});
consumer.on("handled", ({ idempotencyKey, attempt }) => say({ handled: idempotencyKey, attempt }));
consumer.on("leaseLost", ({ idempotencyKey, attempt }) => say({ leaseLost: idempotencyKey, attempt }));
await consumer.start();
const { own, stale, retried } = await consumer.recovery;
say({ started: consumer.name, own, stale, retried });
