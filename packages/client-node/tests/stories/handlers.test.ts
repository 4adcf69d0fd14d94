import {
  defineHandler,
  type EventHandler,
  type EventOf,
  type HandlerContext,
  InvalidOptionError,
  UnknownEventTypeError,
} from "@sluice/node";
import { describe, expect, it } from "vitest";
import { setUp, shipped } from "./scenes/handlers.js";
import { events, refusal, reports, type Schemas, started } from "./support.js";

describe("handlers", () => {
  describe("serve in each form", () => {
    const seen: string[] = [];

    const plain = {
      name: "plain",
      eventTypes: ["order.shipped"],
      async handle(event, context) {
        seen.push(`plain ${event.type} ${context.attempt}`);
      },
    } satisfies EventHandler;

    const ofCatalog = events.handler({
      name: "of the catalog",
      eventTypes: ["order.shipped"],
      async handle(event, context) {
        seen.push(`catalog ${event.data.orderId} ${context.attempt}`);
      },
    });

    class Shipping implements EventHandler<Schemas, "order.shipped"> {
      readonly name = "instance";
      readonly eventTypes = ["order.shipped"] as const;
      private readonly prefix = "instance";

      async handle(event: EventOf<Schemas, "order.shipped">, context: HandlerContext<Schemas>) {
        seen.push(`${this.prefix} ${event.data.orderId} ${context.attempt}`);
      }
    }

    it.each([
      ["a plain object", plain, "plain order.shipped 1"],
      ["events.handler({...})", ofCatalog, "catalog o1 1"],
      ["a class instance, its own fields at hand", new Shipping(), "instance o1 1"],
      ["defineHandler(events, {...})", defineHandler(events, ofCatalog), "catalog o1 1"],
      ["defineHandler({...})", defineHandler(plain), "plain order.shipped 1"],
    ])("%s", async (_, handler, expected) => {
      const { bus, publish } = await setUp();
      await publish("o1");
      seen.length = 0;
      expect(await bus.consumer({ group: "billing", handlers: [handler] }).runOnce()).toMatchObject({
        handled: 1,
      });
      expect(seen).toEqual([expected]);
    });
  });

  describe("are chosen", () => {
    it("by the types they declare", async () => {
      const { bus, publish } = await setUp();
      const seen: string[] = [];
      const note = (name: string) => (event: { type: string }) => {
        seen.push(`${name} ${event.type}`);
      };
      await publish("o1");
      await bus.publish("order.placed", { orderId: "o1", amount: 1 });
      await bus.publish("order.noted", { text: "x" });
      const consumer = bus.consumer({
        group: "billing",
        handlers: [
          events.handler({ name: "a", eventTypes: ["order.shipped", "order.noted"], handle: note("a") }),
          events.handler({ name: "b", eventTypes: ["order.placed"], handle: note("b") }),
        ],
      });
      expect(await consumer.runOnce()).toMatchObject({ handled: 3 });
      expect(seen.sort()).toEqual(["a order.noted", "a order.shipped", "b order.placed"]);
    });

    it("and by canHandle, which sees the schema's output", async () => {
      const { bus } = await setUp();
      const seen: unknown[] = [];
      await bus.publish("order.noted", { text: "x" });
      await bus.publish("order.noted", { text: "y", tags: ["t"] });
      const consumer = bus.consumer({
        group: "billing",
        handlers: [
          events.handler({
            name: "tagged",
            eventTypes: ["order.noted"],
            canHandle: ({ data }) => data.tags.length > 0,
            handle: ({ data }) => {
              seen.push(data);
            },
          }),
        ],
      });
      const skipped = reports(consumer, "skipped");
      expect(await consumer.runOnce()).toMatchObject({ handled: 1, skipped: 1 });
      expect(seen).toEqual([{ text: "y", tags: ["t"] }]);
      expect(skipped).toMatchObject([{ type: "order.noted", reason: "unhandled" }]);
    });

    it("canHandle that throws is retried, like a handler that does", async () => {
      const { bus, publish } = await setUp();
      let times = 0;
      const handler = {
        ...shipped(() => {}),
        canHandle() {
          times += 1;
          if (times === 1) throw new Error("broken");
          return true;
        },
      };
      const consumer = await started(bus, {
        group: "billing",
        retry: { minDelayMs: 5 },
        handlers: [handler],
      });
      const handled = reports(consumer, "handled");
      await publish("o1");
      await consumer.idle();
      expect(handled).toMatchObject([{ attempt: 2 }]);
    });
  });

  describe("an event that no handler takes", () => {
    const options = { group: "billing", handlers: [{ ...shipped(() => {}), canHandle: () => false }] };

    it("is acknowledged and counted, unless told otherwise, and its key is not marked", async () => {
      const { bus, look, publish } = await setUp();
      await publish("o1");
      await bus.publish("order.noted", { text: "x" });
      expect(await bus.consumer(options).runOnce()).toMatchObject({ handled: 0, skipped: 2 });
      expect(await look.pending()).toEqual([]);
      expect(await look.processed()).toEqual([]);
      expect(await look.deadLetters()).toEqual([]);
    });

    it("waits for a consumer that knows it, with unhandled: retry", async () => {
      const { bus, look, publish } = await setUp();
      await publish("o1");
      const old = bus.consumer({ ...options, unhandled: "retry", retry: { minDelayMs: 5 } });
      const retries = reports(old, "retry");
      expect(await old.runOnce()).toMatchObject({ retried: 1 });
      expect(retries).toMatchObject([{ type: "order.shipped", attempt: 1 }]);
      expect(await look.pending()).toMatchObject([{ consumer: "/waiting", deliveries: 2 }]);
      const young = await started(bus, { group: "billing", handlers: [shipped(() => {})] });
      const handled = reports(young, "handled");
      await young.idle();
      expect(handled).toMatchObject([{ idempotencyKey: "o1", attempt: 2 }]);
    });

    it("is a dead letter, with unhandled: deadLetter", async () => {
      const { bus, look, publish } = await setUp();
      await publish("o1");
      expect(await bus.consumer({ ...options, unhandled: "deadLetter" }).runOnce()).toMatchObject({
        deadLettered: 1,
      });
      expect(await look.deadLetters()).toEqual([
        expect.objectContaining({ reason: "UNHANDLED", message: expect.stringContaining("order.shipped") }),
      ]);
    });
  });

  describe("are refused at construction", () => {
    it("when two of them declare one type, both named", async () => {
      const { bus } = await setUp();
      const handlers = [
        { name: "first", eventTypes: ["order.placed", "order.shipped"], handle() {} },
        { name: "second", eventTypes: ["order.shipped"], handle() {} },
      ];
      const error = await refusal(() => bus.consumer({ group: "billing", handlers }));
      expect(error).toBeInstanceOf(InvalidOptionError);
      for (const part of ["first", "second", "order.shipped"]) expect(String(error)).toContain(`"${part}"`);
    });

    it.each([
      ["there is none", []],
      ["one has no name", [{ name: " ", eventTypes: ["order.shipped"], handle() {} }]],
      ["one declares no type", [{ name: "h", eventTypes: [], handle() {} }]],
      ["one has no handle", [{ name: "h", eventTypes: ["order.shipped"] }]],
    ])("when %s", async (_, handlers) => {
      const { bus } = await setUp();
      const error = await refusal(() => bus.consumer({ group: "billing", handlers: handlers as never }));
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ option: expect.stringContaining("handlers") });
    });

    it("when one declares a type that the catalog has not", async () => {
      const { bus } = await setUp();
      const handlers = [{ name: "h", eventTypes: ["order.lost"], handle() {} }];
      const error = await refusal(() => bus.consumer({ group: "billing", handlers }));
      expect(error).toBeInstanceOf(UnknownEventTypeError);
      expect(error).toMatchObject({ eventType: "order.lost", known: events.types });
    });
  });
});
