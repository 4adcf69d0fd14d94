import {
  defineEvents,
  failure,
  InvalidOptionError,
  UnknownEventTypeError,
  ValidationError,
} from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Look, plainRedis } from "./look.js";
import { setUp } from "./scenes/emit.js";
import { memoryLogger, openBus, reports, until } from "./support.js";

describe("events emitted by a handler", () => {
  describe("under a key that the handler names", () => {
    it("are published once within the publish window", async () => {
      const { publish, consumer, emitted, look } = await setUp();
      await publish("o1");
      await publish("o2");
      const running = consumer(({ emit }) =>
        emit("order.noted", { text: "month closed" }, { idempotencyKey: "2025-01" }),
      );
      expect(await running.runOnce()).toMatchObject({ handled: 2 });
      expect((await emitted()).map(({ key }) => key)).toEqual(["2025-01"]);
      expect(await look.processed()).toEqual(["o1", "o2"]);
    });

    it("are the same to a publish of that key, before and after", async () => {
      const { bus, publish, consumer, emitted } = await setUp();
      const note = () => bus.publish("order.noted", { text: "x" }, { idempotencyKey: "k" });
      await publish("o1");
      await note();
      const running = consumer(({ emit }, orderId) => {
        emit("order.noted", { text: "x" }, { idempotencyKey: "k" });
        emit("order.noted", { text: "y" }, { idempotencyKey: `${orderId}!` });
      });
      expect(await running.runOnce()).toMatchObject({ handled: 1 });
      expect((await emitted()).map(({ key }) => key)).toEqual(["k", "o1!"]);
      expect(await bus.publish("order.noted", { text: "y" }, { idempotencyKey: "o1!" })).toMatchObject({
        duplicate: true,
      });
      await expect(
        bus.publish("order.noted", { text: "z" }, { idempotencyKey: "o1!" }),
      ).rejects.toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
    });

    it("make the event a dead letter when the key was published with another payload, and none appears", async () => {
      const { bus, publish, consumer, emitted, look } = await setUp();
      await bus.publish("order.noted", { text: "x" }, { idempotencyKey: "k" });
      const { id } = await publish("o1");
      const running = consumer(({ emit }, orderId) => {
        emit("order.placed", { orderId, amount: 1 });
        emit("order.noted", { text: "other" }, { idempotencyKey: "k" });
      });
      const dead = reports(running, "deadLetter");
      expect(await running.runOnce()).toMatchObject({ handled: 0, deadLettered: 1 });
      expect(dead).toMatchObject([{ reason: "EMIT_REJECTED", idempotencyKey: "o1" }]);
      expect(await look.deadLetters()).toMatchObject([
        { reason: "EMIT_REJECTED", entryId: id, message: expect.stringContaining("'order.noted:k'") },
      ]);
      expect((await emitted()).map(({ key }) => key)).toEqual(["k"]);
      expect(await look.processed()).toEqual([`#${id}`]);
    });

    it("take no neighbour of the same settle call along", async () => {
      const { publish, consumer, emitted, look } = await setUp();
      for (const orderId of ["a", "b", "c"]) await publish(orderId);
      // All end in one moment, and are settled together.
      const running = consumer(({ emit }, orderId) => {
        emit("order.noted", { text: orderId === "b" ? "other" : "same" }, { idempotencyKey: "k" });
      });
      expect(await running.runOnce()).toMatchObject({ handled: 2, deadLettered: 1 });
      expect(await emitted()).toHaveLength(1);
      expect((await look.deadLetters()).map(({ key }) => key)).toEqual(["order.shipped:b"]);
    });
  });

  describe("are checked", () => {
    it("when emit is called: an unknown type, wrong data, a reserved key", async () => {
      const { publish, consumer, emitted } = await setUp();
      await publish("o1");
      const caught: unknown[] = [];
      const running = consumer(({ emit }) => {
        const tries = [
          () => emit("order.lost" as "order.shipped", { orderId: "o1" }),
          () => emit("order.placed", { orderId: "o1" } as never),
          () => emit("order.shipped", { orderId: "o1" }, { idempotencyKey: "~mine" }),
        ];
        for (const attempt of tries) {
          try {
            attempt();
          } catch (error) {
            caught.push(error);
          }
        }
      });
      // What was refused is not emitted; the handler may well succeed.
      expect(await running.runOnce()).toMatchObject({ handled: 1 });
      expect(caught).toEqual([
        expect.any(UnknownEventTypeError),
        expect.any(ValidationError),
        expect.objectContaining({ code: "INVALID_NAME" }),
      ]);
      expect(await emitted()).toEqual([]);
    });

    it("before settling, when the schema is asynchronous", async () => {
      const slow = defineEvents({
        first: z.object({}),
        second: z.object({ n: z.number().refine(async (n) => n > 0, "is too small") }),
      });
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events: slow, logger: memoryLogger() });
      for (let n = 0; n < 2; n++) await bus.publish("first", {});
      let n = 0;
      const handler = slow.handler({
        name: "h",
        eventTypes: ["first"],
        handle: (_, { emit }) => emit("second", { n: n++ }),
      });
      const consumer = bus.consumer({ group: "billing", handlers: [handler] });
      const retries = reports(consumer, "retry");
      expect(await consumer.runOnce()).toMatchObject({ handled: 1, retried: 1 });
      expect(retries[0]?.message).toContain("is too small");
      const stored = await new Look(plainRedis(), stream).entries();
      expect(stored.map(({ event }) => event.data)).toEqual([{}, {}, { n: 1 }]);
    });

    it("in number: 1,000 of one handler", async () => {
      const { publish, consumer, emitted } = await setUp();
      await publish("o1");
      let error: unknown;
      await consumer(({ emit }) => {
        for (let n = 0; n < 1_000; n++) emit("order.noted", { text: `${n}` });
        try {
          emit("order.noted", { text: "one more" });
        } catch (thrown) {
          error = thrown;
        }
      }).runOnce({ max: 1 });
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect((await emitted()).map(({ event }) => event.data)).toEqual(
        Array.from({ length: 1_000 }, (_, n) => ({ text: `${n}` })),
      );
    });

    it("in size: 64 Mi characters of one handler", async () => {
      const { publish, consumer, emitted } = await setUp();
      await publish("o1");
      const text = "x".repeat(1_048_000);
      let fit = 0;
      let error: unknown;
      await consumer(({ emit }) => {
        try {
          for (; ; fit++) emit("order.noted", { text });
        } catch (thrown) {
          error = thrown;
          return failure();
        }
      }).runOnce();
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(fit).toBe(64);
      expect(await emitted()).toEqual([]);
    });

    it("in time: not after the handler has returned", async () => {
      const { publish, consumer, emitted } = await setUp();
      await publish("o1");
      let late: unknown;
      const running = consumer(({ emit }) => {
        setTimeout(() => {
          try {
            emit("order.noted", { text: "late" });
          } catch (error) {
            late = error;
          }
        }, 30);
      });
      await running.runOnce();
      await until(() => late !== undefined);
      expect(late).toBeInstanceOf(InvalidOptionError);
      expect(await emitted()).toEqual([]);
    });
  });
});
