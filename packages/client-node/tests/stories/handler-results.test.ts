import { setTimeout as delay } from "node:timers/promises";
import {
  defineEvents,
  failure,
  InvalidOptionError,
  LeaseLostError,
  NonRetryableError,
  retry,
  success,
} from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Look, plainRedis } from "./look.js";
import { setUp, shipped } from "./scenes/handlers.js";
import { Gate, memoryLogger, openBus, reports, started, until } from "./support.js";

describe("handlers", () => {
  describe("results are respected", () => {
    it.each([
      ["nothing", () => {}],
      ["nothing, as a promise", async () => {}],
      ["success()", () => success()],
      ["a success made by hand", () => ({ kind: "success" }) as const],
    ])("%s: acknowledged, and the key marked", async (_, handle) => {
      const { bus, look, publish } = await setUp();
      await publish("o1");
      expect(await bus.consumer({ group: "billing", handlers: [shipped(handle)] }).runOnce()).toMatchObject({
        handled: 1,
      });
      expect(await look.pending()).toEqual([]);
      expect(await look.processed()).toEqual(["o1"]);
    });

    it("retry: handled again after the delay, as the next attempt", async () => {
      const { bus, publish } = await setUp();
      const attempts: { attempt: number; at: number }[] = [];
      const consumer = await started(bus, {
        group: "billing",
        handlers: [
          shipped((_, { attempt }) => {
            attempts.push({ attempt, at: performance.now() });
            if (attempt < 3) return retry({ delayMs: 80, reason: "not yet" });
          }),
        ],
      });
      const retries = reports(consumer, "retry");
      await publish("o1");
      await consumer.idle();
      expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      for (const at of [1, 2]) {
        expect((attempts[at]?.at ?? 0) - (attempts[at - 1]?.at ?? 0)).toBeGreaterThanOrEqual(79);
      }
      expect(retries).toMatchObject([
        { attempt: 1, delayMs: 80, message: "not yet" },
        { attempt: 2, delayMs: 80, message: "not yet" },
      ]);
    });

    it("retry: a dead letter after the last attempt", async () => {
      const { bus, look, publish } = await setUp();
      const consumer = await started(bus, {
        group: "billing",
        maxAttempts: 3,
        handlers: [shipped(() => retry({ delayMs: 0, reason: "never" }))],
      });
      const dead = reports(consumer, "deadLetter");
      await publish("o1");
      await consumer.idle();
      expect(dead).toMatchObject([{ attempt: 3, reason: "MAX_ATTEMPTS", message: "never" }]);
      expect(await look.deadLetters()).toMatchObject([
        { reason: "MAX_ATTEMPTS", message: "never", attempts: "3", key: "order.shipped:o1" },
      ]);
    });

    it("retry: a delay of any length is taken, below the time for which keys are remembered", async () => {
      const { bus, look, publish } = await setUp();
      await publish("o1");
      await publish("o2");
      const consumer = bus.consumer({
        group: "billing",
        idempotencyTtlMs: 60_000,
        handlers: [shipped(() => retry({ delayMs: 2 ** 53 - 1 }))],
      });
      await consumer.runOnce({ max: 2 });
      const [, due] = await look.redis.zrange(look.keys.retries, "-1", "-1", "WITHSCORES");
      expect(Number(due)).toBeLessThanOrEqual(Date.now() + 60_000);
    });

    it("failure: a dead letter at once, its key not marked, with the whole entry kept", async () => {
      const { bus, look, publish } = await setUp();
      const { id } = await publish("o1");
      const consumer = bus.consumer({
        group: "billing",
        handlers: [shipped(() => failure({ reason: "declined" }))],
      });
      expect(await consumer.runOnce()).toMatchObject({ deadLettered: 1 });
      const [entry] = await look.entries();
      expect(await look.deadLetters()).toEqual([
        {
          entryId: id,
          reason: "FAILED",
          message: "declined",
          attempts: "1",
          firstDeliveredAt: expect.stringMatching(/^\d{13}$/),
          deadAt: expect.stringMatching(/^\d{13}$/),
          group: "billing",
          layout: "fields",
          key: "order.shipped:o1",
          event: entry?.text,
        },
      ]);
      expect(await look.pending()).toEqual([]);
      expect(await look.processed()).toEqual([`#${id}`]);
    });

    it("anything else: an error that is logged, and a retry", async () => {
      const { bus, logger, publish } = await setUp();
      await publish("o1");
      const handler = { name: "h", eventTypes: ["order.shipped"], handle: () => "done" as never };
      expect(await bus.consumer({ group: "billing", handlers: [handler] }).runOnce()).toMatchObject({
        retried: 1,
      });
      expect(logger.lines.find(({ level }) => level === "error")?.fields.err).toBeInstanceOf(
        InvalidOptionError,
      );
    });
  });

  describe("a throw", () => {
    it("is logged, with the error and without the payload, and retried with backoff", async () => {
      const { bus, logger, publish } = await setUp();
      const problem = new Error("the printer is on fire");
      const attempts: number[] = [];
      const consumer = await started(bus, {
        group: "billing",
        retry: { minDelayMs: 20, factor: 2 },
        handlers: [
          shipped(async (_, { attempt }) => {
            attempts.push(performance.now());
            if (attempt < 3) throw problem;
          }),
        ],
      });
      const [handled, retries] = [reports(consumer, "handled"), reports(consumer, "retry")];
      const { id } = await bus.publish("order.shipped", { orderId: "secret" }, { idempotencyKey: "k" });
      await consumer.idle();
      expect(attempts).toHaveLength(3);
      expect(handled).toMatchObject([{ attempt: 3 }]);
      expect(retries).toMatchObject([
        { attempt: 1, message: "Error: the printer is on fire" },
        { attempt: 2, message: "Error: the printer is on fire" },
      ]);
      for (const [at, { delayMs }] of retries.entries()) {
        expect(delayMs).toBeGreaterThanOrEqual(20 * 2 ** at);
        expect(delayMs).toBeLessThanOrEqual(40 * 2 ** at);
        expect((attempts[at + 1] ?? 0) - (attempts[at] ?? 0)).toBeGreaterThanOrEqual(delayMs - 1);
      }
      expect(logger.lines.filter(({ level }) => level === "error")).toEqual(
        [1, 2].map((attempt) => ({
          level: "error",
          message: "handler threw",
          fields: {
            err: problem,
            attempt,
            delayMs: expect.any(Number),
            entryId: id,
            idempotencyKey: "k",
            correlationId: "k",
            eventType: "order.shipped",
            stream: bus.streamName,
            group: "billing",
            consumer: consumer.name,
          },
        })),
      );
      await publish("o2");
      expect(JSON.stringify(logger.lines)).not.toContain("secret");
    });

    it("that is not an error is one all the same", async () => {
      const { bus, publish } = await setUp();
      for (const orderId of ["text", "undefined", "null", "frozen"]) await publish(orderId);
      const things: Record<string, unknown> = { text: "text", null: null, frozen: Object.freeze({}) };
      const consumer = bus.consumer({
        group: "billing",
        handlers: [
          shipped(({ data }) => {
            throw things[data.orderId];
          }),
        ],
      });
      expect(await consumer.runOnce()).toMatchObject({ retried: 4, handled: 0 });
    });

    it("of NonRetryableError, or of a class derived from it, is a failure", async () => {
      class Declined extends NonRetryableError {}
      const { bus, look, logger, publish } = await setUp();
      await publish("o1");
      await publish("o2");
      const consumer = bus.consumer({
        group: "billing",
        handlers: [
          shipped(({ data }) => {
            throw data.orderId === "o1" ? new NonRetryableError("gone") : new Declined("no");
          }),
        ],
      });
      expect(await consumer.runOnce()).toMatchObject({ deadLettered: 2 });
      expect(await look.deadLetters()).toMatchObject([
        { reason: "FAILED", message: "NonRetryableError: gone" },
        { reason: "FAILED", message: expect.stringContaining("no") },
      ]);
      expect(logger.lines.filter(({ level }) => level === "error")).toHaveLength(2);
    });

    it("takes no neighbour along", async () => {
      const { bus, publish } = await setUp();
      for (let n = 0; n < 20; n++) await publish(`o${n}`);
      const consumer = bus.consumer({
        group: "billing",
        handlers: [
          shipped(({ data }) => {
            if (data.orderId === "o7") throw new Error("poison");
          }),
        ],
      });
      expect(await consumer.runOnce()).toMatchObject({ handled: 19, retried: 1 });
    });
  });

  it("a stored event that no longer matches the catalog is a dead letter, not a crash", async () => {
    const stream = uniqueName("orders");
    const before = defineEvents({ "order.shipped": z.object({ orderId: z.string() }) });
    const old = await openBus({ stream, events: before });
    await old.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k1" });
    const after = defineEvents({ "order.shipped": z.object({ orderId: z.number(), carrier: z.string() }) });
    const bus = await openBus({ stream, events: after, logger: memoryLogger() });
    await bus.publish("order.shipped", { orderId: 2, carrier: "post" });
    const seen: unknown[] = [];
    const handler = after.handler({
      name: "h",
      eventTypes: ["order.shipped"],
      handle: ({ data }) => {
        seen.push(data);
      },
    });
    expect(await bus.consumer({ group: "billing", handlers: [handler] }).runOnce()).toMatchObject({
      handled: 1,
      deadLettered: 1,
    });
    expect(seen).toEqual([{ orderId: 2, carrier: "post" }]);
    const [letter] = await new Look(plainRedis(), stream, "billing").deadLetters();
    expect(letter).toMatchObject({ reason: "INVALID", key: "order.shipped:k1" });
    expect(letter?.message).toMatch(/orderId: .*; carrier: /);
  });

  describe("a long handler", () => {
    const LEASE_MS = 150;

    it("is not handed to another consumer while it lives", async () => {
      const { bus, look, publish } = await setUp();
      const runs: string[] = [];
      const long = (name: string) =>
        shipped(async ({ data }, { attempt, signal }) => {
          runs.push(`${data.orderId} ${attempt} by ${name}`);
          await delay(6 * LEASE_MS);
          if (signal.aborted) runs.push(`${data.orderId} was aborted`);
        });
      const options = { group: "billing", leaseMs: LEASE_MS, concurrency: 4 };
      const one = await started(bus, { ...options, handlers: [long("one")] });
      for (const orderId of ["o1", "o2", "o3"]) await publish(orderId);
      await until(() => runs.length === 3);
      const two = await started(bus, { ...options, handlers: [long("two")] });
      const lost = [...reports(one, "leaseLost"), ...reports(two, "leaseLost")];
      await one.idle();
      await two.idle();
      expect(runs.sort()).toEqual(["o1 1 by one", "o2 1 by one", "o3 1 by one"]);
      expect(lost).toEqual([]);
      expect(await look.processed()).toEqual(["o1", "o2", "o3"]);
    });

    it("has its signal aborted when its lease is lost, and its result does not count", async () => {
      const { bus, look, logger, publish } = await setUp();
      const gate = new Gate();
      let reason: unknown;
      const one = await started(bus, {
        group: "billing",
        leaseMs: LEASE_MS,
        handlers: [
          shipped(async (_, { attempt, signal }) => {
            if (attempt > 1) return;
            signal.addEventListener("abort", () => {
              reason = signal.reason;
            });
            await gate.pass();
          }),
        ],
      });
      const [lost, handled] = [reports(one, "leaseLost"), reports(one, "handled")];
      const { id } = await publish("o1");
      await until(() => gate.arrived === 1);
      // As if it had been stopped past its lease, and another one had taken over: the token is another one.
      await look.redis.hset(look.keys.leases, "order.shipped:o1", `${id}|two|2|elsewhere_1.1`);
      await until(() => lost.length === 1);
      expect(reason).toBeInstanceOf(LeaseLostError);
      const about = { entryId: id, idempotencyKey: "o1", type: "order.shipped", attempt: 1 };
      expect(lost).toEqual([{ ...about, takenBy: "otherConsumer" }]);
      gate.open();
      await one.idle();
      // Since that other one does not exist, and has begun nothing, it comes here again as the same attempt; what the
      // lost one answered does not count.
      expect(handled.map(({ attempt }) => attempt)).toEqual([1]);
      expect(await look.processed()).toEqual(["o1"]);
      expect(
        logger.lines.some(({ level, message }) => level === "warn" && message.includes("lease lost")),
      ).toBe(true);
    });
  });
});
