import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineEvents } from "../src/catalog.js";
import { InvalidOptionError, UnknownEventTypeError } from "../src/errors.js";
import { checkHandlers, defineHandler, type EventHandler } from "../src/handler.js";

const events = defineEvents({
  "order.placed": z.object({ orderId: z.string() }),
  "order.shipped": z.object({ orderId: z.string() }),
});

const placed = { name: "placed", eventTypes: ["order.placed"], handle() {} } as const satisfies EventHandler;
const shipped = {
  name: "shipped",
  eventTypes: ["order.shipped"],
  handle() {},
} as const satisfies EventHandler;

class Billing implements EventHandler<typeof events.schemas, "order.placed"> {
  readonly name = "billing";
  readonly eventTypes = ["order.placed"] as const;
  handle() {}
}

/** Handlers as a caller without types may pass them. */
const check = (handlers: unknown) => checkHandlers(handlers as EventHandler[], events);

describe("a handler", () => {
  test("is what was defined, in every form", () => {
    const object = { name: "a", eventTypes: ["order.placed"], handle() {} } as const;
    const instance = new Billing();
    expect(events.handler(object)).toBe(object);
    expect(events.handler(instance)).toBe(instance);
    expect(defineHandler(events, object)).toBe(object);
    expect(defineHandler(object)).toBe(object);
  });

  test.each([
    ["no object", undefined, "handler"],
    ["a function", () => {}, "handler"],
    ["null", null, "handler"],
    ["no name", { ...placed, name: undefined }, "handler.name"],
    ["a blank name", { ...placed, name: "  " }, "handler.name"],
    ["a name that is no text", { ...placed, name: 5 }, "handler.name"],
    ["no event types", { ...placed, eventTypes: undefined }, "handler.eventTypes"],
    ["an empty list of event types", { ...placed, eventTypes: [] }, "handler.eventTypes"],
    ["an event type in the place of a list", { ...placed, eventTypes: "order.placed" }, "handler.eventTypes"],
    ["an event type that is no text", { ...placed, eventTypes: ["order.placed", 5] }, "handler.eventTypes"],
    ["no handle", { ...placed, handle: undefined }, "handler.handle"],
    ["a canHandle that is no function", { ...placed, canHandle: true }, "handler.canHandle"],
  ])("is refused with the field named: %s", (_, handler, option) => {
    // Not what the type allows: what a caller without types may pass.
    const given = handler as never;
    for (const define of [
      () => events.handler(given),
      () => defineHandler(given),
      () => defineHandler(events, given),
    ]) {
      expect(define).toThrow(InvalidOptionError);
      expect(define).toThrow(expect.objectContaining({ option }));
    }
  });

  test("of a type that the catalog has not is refused with the known ones named", () => {
    const handler = { name: "lost", eventTypes: ["order.placed", "order.lost"], handle() {} };
    // Without a catalog there is nothing to hold it against.
    expect(defineHandler(handler)).toBe(handler);
    const run = () => events.handler(handler as never);
    expect(run).toThrow(UnknownEventTypeError);
    expect(run).toThrow(
      'find event type "order.lost" declared by handler "lost": the catalog knows "order.placed", "order.shipped"',
    );
  });
});

describe("the handlers of a consumer", () => {
  test("are found by event type", () => {
    const instance = new Billing();
    const byType = checkHandlers([instance, shipped], events);
    expect([...byType]).toEqual([
      ["order.placed", instance],
      ["order.shipped", shipped],
    ]);
    expect(byType.get("constructor")).toBeUndefined();
  });

  test("are refused when two are for one type, with both named", () => {
    const other = { ...placed, name: "other", eventTypes: ["order.shipped", "order.placed"] };
    expect(() => check([placed, other])).toThrow(InvalidOptionError);
    expect(() => check([placed, other])).toThrow(
      'use "order.placed" as handlers[1].eventTypes: ' +
        'wanted one handler for each event type; "placed" and "other" declare it',
    );
    expect(() => check([placed, { ...placed }])).toThrow(/"placed" and "placed" declare it/);
  });

  test("may declare 1,000 types in all, and not one more", () => {
    const types = Array.from({ length: 1_001 }, (_, n) => `order.${n}`);
    const many = defineEvents(Object.fromEntries(types.map((type) => [type, z.object({})])));
    const [first, ...others] = types;
    const handlers = [{ name: "others", eventTypes: others, handle() {} }];
    expect(checkHandlers(handlers, many).size).toBe(1_000);
    handlers.push({ name: "first", eventTypes: [first ?? ""], handle() {} });
    expect(() => checkHandlers(handlers, many)).toThrow(
      'use "1001 event types" as handlers: wanted at most 1000 event types in all',
    );
  });

  test("may name a type twice in one handler", () => {
    const twice = { ...placed, eventTypes: ["order.placed", "order.placed"] };
    expect(check([twice]).get("order.placed")).toBe(twice);
  });

  test("are refused with the position of the one that is wrong", () => {
    expect(() => check([shipped, { ...placed, handle: 5 }])).toThrow(
      expect.objectContaining({ option: "handlers[1].handle" }),
    );
  });

  test.each([[undefined], [[]], [placed], ["placed"]])(
    "are refused when they are no list or empty: %j",
    (handlers) => {
      expect(() => check(handlers)).toThrow(expect.objectContaining({ option: "handlers" }));
    },
  );
});
