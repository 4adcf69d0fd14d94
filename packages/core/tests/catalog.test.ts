import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineEvents, type EventSchemas, isEventCatalog } from "../src/catalog.js";
import { InvalidNameError, InvalidOptionError, UnknownEventTypeError } from "../src/errors.js";

/** A schema by hand: what a library of schemas is to Sluice. */
function schemaOf<Input, Output = Input>(
  validate: StandardSchemaV1.Props<Input, Output>["validate"],
): StandardSchemaV1<Input, Output> {
  return { "~standard": { version: 1, vendor: "by-hand", validate } };
}

const order = z.object({
  orderId: z.string(),
  amount: z.number().int(),
  mode: z.enum(["a", "b"]).default("a"),
});

/** `defineEvents` for callers without types. */
const define = (schemas: unknown) => defineEvents(schemas as EventSchemas & Record<string, never>);

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("did not throw");
}

describe("a catalog", () => {
  test("has the types in the order of their definition", () => {
    const events = defineEvents({ "order.placed": order, "order.shipped": z.object({}) });
    expect(events.types).toEqual(["order.placed", "order.shipped"]);
    expect(events.has("order.placed")).toBe(true);
    expect(events.has("order.lost")).toBe(false);
    expect(events.schemas["order.placed"]).toBe(order);
  });

  test("does not change when what it was made from does", () => {
    const schemas: Record<string, StandardSchemaV1> = { a: z.any() };
    const events = define(schemas);
    schemas.b = z.any();
    expect(events.types).toEqual(["a"]);
    expect(Object.keys(events.schemas)).toEqual(["a"]);
    expect(Object.isFrozen(events) && Object.isFrozen(events.types) && Object.isFrozen(events.schemas)).toBe(
      true,
    );
  });

  test("is not confused by types that every object has as properties", () => {
    const events = defineEvents({ a: z.any() });
    for (const type of ["constructor", "toString", "hasOwnProperty", "__proto__", "valueOf"]) {
      expect(events.has(type)).toBe(false);
      expect(() => events.validate(type, {})).toThrow(UnknownEventTypeError);
    }
    const odd = defineEvents({ constructor: z.string(), toString: z.number() });
    expect(odd.types).toEqual(["constructor", "toString"]);
    expect(odd.validate("toString", 5)).toEqual({ value: 5 });
    expect(odd.has("valueOf")).toBe(false);
  });

  test("is told from what is none", () => {
    expect(isEventCatalog(defineEvents({ a: z.any() }))).toBe(true);
    for (const value of [undefined, null, 5, "a", {}, [], { a: z.any() }, z.any()]) {
      expect(isEventCatalog(value)).toBe(false);
    }
  });
});

describe("validating", () => {
  test("gives the schema's output, with its defaults and transforms", () => {
    const events = defineEvents({ placed: order, seen: z.iso.datetime().pipe(z.coerce.date()) });
    expect(events.validate("placed", { orderId: "o1", amount: 5 })).toEqual({
      value: { orderId: "o1", amount: 5, mode: "a" },
    });
    expect(events.validate("seen", "2025-01-31T12:00:00Z")).toEqual({
      value: new Date("2025-01-31T12:00:00Z"),
    });
  });

  test("names every issue with its path, by zod", () => {
    const events = defineEvents({
      placed: z.object({ items: z.array(z.object({ sku: z.string() })), by: z.string() }),
    });
    const outcome = events.validate("placed", { items: [{ sku: "a" }, { sku: 5 }] });
    expect(outcome).toMatchObject({ issues: [{ path: ["items", 1, "sku"] }, { path: ["by"] }] });
  });

  test("names every issue with its path, by valibot, whose paths are of segments", () => {
    const schema = v.object({ items: v.array(v.object({ sku: v.string() })), by: v.string() });
    const outcome = defineEvents({ placed: schema }).validate("placed", { items: [{ sku: 5 }], by: 1 });
    expect(outcome).toMatchObject({ issues: [{ path: ["items", 0, "sku"] }, { path: ["by"] }] });
  });

  test("takes a schema by hand, also one that is a function", () => {
    const byHand = schemaOf<string, number>((value) =>
      typeof value === "string"
        ? { value: value.length }
        : { issues: [{ message: "wanted text" }, { message: "no", path: [Symbol("s"), { key: 1 }] }] },
    );
    const asFunction = Object.assign(() => {}, byHand);
    const events = defineEvents({ a: byHand, b: asFunction });
    for (const type of events.types) {
      expect(events.validate(type, "four")).toEqual({ value: 4 });
      expect(events.validate(type, 5)).toEqual({
        issues: [
          { path: [], message: "wanted text" },
          { path: ["Symbol(s)", 1], message: "no" },
        ],
      });
    }
  });

  test("is asynchronous exactly if the schema is", async () => {
    const events = defineEvents({
      sync: z.string(),
      async: schemaOf<string>(async (value) =>
        value === "ok" ? { value } : { issues: [{ message: "no" }] },
      ),
    });
    expect(events.validate("sync", "ok")).toEqual({ value: "ok" });
    const outcome = events.validate("async", "ok");
    expect(outcome).toBeInstanceOf(Promise);
    expect(await outcome).toEqual({ value: "ok" });
    expect(await events.validate("async", 5)).toEqual({ issues: [{ path: [], message: "no" }] });
  });

  test("of an unknown type is refused with the known ones named", () => {
    const events = defineEvents({ "order.placed": order, "order.shipped": order });
    expect(thrownBy(() => events.validate("order.lost", {}, 3))).toMatchObject({
      code: "UNKNOWN_EVENT_TYPE",
      eventType: "order.lost",
      known: ["order.placed", "order.shipped"],
      index: 3,
    });
  });

  test("throws on what the schema throws", async () => {
    const events = defineEvents({
      sync: schemaOf<string>(() => {
        throw new Error("of the user");
      }),
      async: schemaOf<string>(async () => {
        throw new Error("of the user");
      }),
    });
    expect(() => events.validate("sync", "x")).toThrow("of the user");
    await expect(events.validate("async", "x")).rejects.toThrow("of the user");
  });

  test("counts an empty list of issues as a refusal, as Standard Schema does", () => {
    const events = defineEvents({ a: schemaOf<string>(() => ({ issues: [] })) });
    expect(events.validate("a", "x")).toEqual({ issues: [] });
  });
});

describe("defineEvents refuses", () => {
  test.each([
    ["no events", {}],
    ["a Map", new Map([["a", z.any()]])],
    ["null", null],
    ["a list", [z.any()]],
    ["text", "a"],
  ])("%s", (_, schemas) => {
    expect(thrownBy(() => define(schemas))).toMatchObject({ code: "INVALID_OPTION", option: "events" });
  });

  test("a schema that is the prototype rather than a value", () => {
    expect(() => define({ __proto__: z.any() })).toThrow(InvalidOptionError);
    expect(() => define({ __proto__: z.any(), a: z.any() })).toThrow(InvalidOptionError);
  });

  test.each(["", "a b", "-a", "a/b", "é", "x".repeat(129), "__proto__"])("the event type %j", (type) => {
    const error = thrownBy(() => define({ [type]: z.any() }));
    expect(error).toBeInstanceOf(InvalidNameError);
    expect(error).toMatchObject({ field: "event type", value: type });
  });

  test.each([
    ["undefined", undefined],
    ["a JSON Schema", { type: "object" }],
    ["another version", { "~standard": { version: 2, validate: () => ({ value: 1 }) } }],
    ["no validate", { "~standard": { version: 1 } }],
    ["a list", [z.any()]],
  ])("%s in the place of a schema", (_, schema) => {
    expect(thrownBy(() => define({ "order.placed": schema }))).toMatchObject({
      code: "INVALID_OPTION",
      option: 'events["order.placed"]',
      message: expect.stringMatching(/wanted a schema of Standard Schema v1/),
    });
  });
});

describe("a schema whose input is not JSON", () => {
  test.each([
    ["Date", z.object({ at: z.date() }), "Date cannot be represented"],
    ["a coerced Date, which takes Dates", z.object({ at: z.coerce.date() }), "Date cannot be represented"],
    ["bigint", z.array(z.bigint()), "BigInt cannot be represented"],
    ["Map", z.map(z.string(), z.string()), "Map cannot be represented"],
    ["Set", z.object({ tags: z.set(z.string()).optional() }), "Set cannot be represented"],
    ["symbol", z.symbol(), "Symbols cannot be represented"],
    ["undefined", z.undefined(), "Undefined cannot be represented"],
  ])("is refused with the event type and the reason: %s", (_, schema, reason) => {
    const error = thrownBy(() => define({ fine: z.string(), "order.placed": schema }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({
      option: 'events["order.placed"]',
      message: expect.stringContaining(reason),
      cause: expect.any(Error),
    });
    expect(error).toHaveProperty("message", expect.stringContaining("wanted a schema whose input is JSON"));
  });

  test.each([
    ["a transform", z.string().transform((text) => new Date(text))],
    ["a pipe", z.iso.datetime().pipe(z.coerce.date())],
    [
      "a codec",
      z.codec(z.iso.datetime(), z.date(), { decode: (t) => new Date(t), encode: (d) => d.toISOString() }),
    ],
    ["a preprocess", z.preprocess((value) => value, z.string())],
    ["anything", z.any()],
    ["unknown", z.unknown()],
    ["a recursive schema", z.lazy(() => z.object({ children: z.array(z.any()) }))],
  ])("is not one whose output is not: %s", (_, schema) => {
    expect(define({ a: schema }).types).toEqual(["a"]);
  });

  test("is looked for with another target when the library does not know the first", () => {
    const input = vi.fn(({ target }: { target: string }) => {
      if (target !== "draft-07") throw new Error(`unsupported target ${target}`);
      return {};
    });
    const schema = schemaOf<string>((value) => ({ value: String(value) }));
    Object.assign(schema["~standard"], { jsonSchema: { input, output: input } });
    expect(define({ a: schema }).types).toEqual(["a"]);
    expect(input).toHaveBeenCalledTimes(2);
  });

  test("passes when the schema cannot describe itself", () => {
    expect(define({ a: v.object({ at: v.date() }) }).types).toEqual(["a"]);
  });
});
