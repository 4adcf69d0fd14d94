import { setTimeout as delay } from "node:timers/promises";
import { retry } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { handler, setUp } from "./scenes/lifecycle.js";
import { events, Gate, until } from "./support.js";

describe("runOnce", () => {
  it("handles what is there, also what handlers emit meanwhile, and ends", async () => {
    const { bus, look, publish } = await setUp();
    for (let n = 0; n < 50; n++) await publish(`o${n}`);
    let shipped = 0;
    const consumer = bus.consumer({
      group: "billing",
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped", "order.placed"],
          handle({ type, data }, context) {
            if (type === "order.shipped") context.emit("order.placed", { ...data, amount: 1 });
            else shipped += 1;
          },
        }),
      ],
    });
    const nothing = { handled: 0, skipped: 0, retried: 0, deadLettered: 0 };
    expect(await consumer.runOnce()).toEqual({ ...nothing, handled: 100 });
    expect(shipped).toBe(50);
    expect(await look.pending()).toEqual([]);
    expect(await consumer.runOnce()).toEqual(nothing);
  });

  it("counts what was skipped, retried and dead-lettered", async () => {
    const { bus, publish } = await setUp();
    for (const orderId of ["ok", "retry", "bad"]) await publish(orderId);
    await bus.publish("order.noted", { text: "nobody's" });
    const consumer = bus.consumer({
      group: "billing",
      maxAttempts: 2,
      handlers: [
        handler((orderId, attempt) => {
          if (orderId === "retry" && attempt === 1) return retry({ delayMs: 0 });
          return orderId === "bad" ? { kind: "failure" } : undefined;
        }),
      ],
    });
    // A retry that is due at once belongs to the same run.
    expect(await consumer.runOnce()).toEqual({ handled: 2, skipped: 1, retried: 1, deadLettered: 1 });
  });

  it("ends when it is stopped, or its bus closed, meanwhile", async () => {
    const { bus, publish } = await setUp();
    const waiting = bus.consumer({ group: "billing", handlers: [handler()] }).runOnce({ blockMs: 60_000 });
    for (let n = 0; n < 200; n++) void publish(`o${n}`);
    const gate = new Gate();
    let begun = 0;
    const busy = bus.consumer({
      group: "audit",
      concurrency: 2,
      handlers: [handler(() => (++begun > 20 ? gate.pass() : undefined))],
    });
    const working = busy.runOnce();
    await until(() => gate.arrived === 2);
    const stopped = busy.stop();
    gate.open();
    await stopped;
    const { handled } = await working;
    expect(handled).toBeLessThan(200);
    await bus.close();
    await waiting;
  });

  it("handles at most max, and leaves the rest where others find it", async () => {
    const { bus, look, publish } = await setUp();
    for (let n = 0; n < 10; n++) await publish(`o${n}`);
    const consumer = bus.consumer({ group: "billing", handlers: [handler()] });
    expect(await consumer.runOnce({ max: 3 })).toMatchObject({ handled: 3 });
    expect((await look.pending()).every(({ consumer: holder }) => holder === "/waiting")).toBe(true);
    expect(await bus.consumer({ group: "billing", handlers: [handler()] }).runOnce()).toMatchObject({
      handled: 7,
    });
  });

  it("ends at max too when there is more to recover", async () => {
    const { bus, publish } = await setUp();
    for (let n = 0; n < 10; n++) await publish(`o${n}`);
    const first = bus.consumer({ group: "billing", handlers: [handler(() => retry({ delayMs: 0 }))] });
    expect(await first.runOnce({ max: 10 })).toMatchObject({ retried: 10 });
    const second = bus.consumer({ group: "billing", handlers: [handler()] });
    expect(await second.runOnce({ max: 3 })).toMatchObject({ handled: 3 });
    expect(await second.runOnce()).toMatchObject({ handled: 7 });
  });

  it("ends at max too when what is due comes while it has read ahead", async () => {
    const { bus, publish } = await setUp();
    for (let n = 0; n < 40; n++) await publish(`o${n}`);
    const consumer = bus.consumer({
      group: "billing",
      concurrency: 4,
      handlers: [
        handler(async (_, attempt) => {
          await delay(2);
          return attempt === 1 ? retry({ delayMs: 1 }) : undefined;
        }),
      ],
    });
    const { handled, retried } = await consumer.runOnce({ max: 30 });
    expect(handled + retried).toBe(30);
    // What is left is retried as well, and may be due a little after a run has ended.
    let all = handled;
    await until(async () => {
      all += (await consumer.runOnce()).handled;
      return all === 40;
    });
  });
});
