/** What publish accepts is what consumers accept: data is judged as JSON gives it back, whatever library judges it. */
import { defineEvents, type EventSchemas, ValidationError } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { z as z3 } from "zod3";
import { Look, plainRedis } from "./look.js";
import { openBus, refusal, untyped } from "./support.js";

/** Each library's schema for an object whose `value` is what is named. */
const LIBRARIES: Record<string, Record<"number" | "any" | "date" | "numbers" | "optional", unknown>> = {
  "zod 4": {
    number: z.object({
      value: z.preprocess((given) => given, z.number().or(z.literal(Number.POSITIVE_INFINITY))),
    }),
    any: z.object({ value: z.any() }),
    date: z.object({ value: z.any().refine((value) => value instanceof Date) }),
    numbers: z.object({ value: z.array(z.any().refine((value) => typeof value !== "object")) }),
    optional: z.strictObject({ value: z.string().optional() }),
  },
  "zod 3": {
    number: z3.object({ value: z3.number() }),
    any: z3.object({ value: z3.any() }),
    date: z3.object({ value: z3.date() }),
    numbers: z3.object({ value: z3.array(z3.number().optional()) }),
    optional: z3.object({ value: z3.string().optional() }).strict(),
  },
  valibot: {
    number: v.object({ value: v.number() }),
    any: v.object({ value: v.any() }),
    date: v.object({ value: v.date() }),
    numbers: v.object({ value: v.array(v.optional(v.number())) }),
    optional: v.strictObject({ value: v.optional(v.string()) }),
  },
  arktype: {
    number: type({ value: "number" }),
    any: type({ value: "unknown" }),
    date: type({ value: "Date" }),
    numbers: type({ value: "(number | undefined)[]" }),
    optional: type({ "value?": "string | undefined" }),
  },
};

class Amount {
  constructor(readonly cents: number) {}
  toJSON() {
    return this.cents;
  }
}

/** Its fields are getters of its class, which JSON does not see. */
class Getters {
  get value() {
    return 5;
  }
}

/** What is refused, with the path that the error names. */
const REFUSED: readonly [string, keyof (typeof LIBRARIES)[string], unknown, (string | number)[]][] = [
  ["Infinity", "number", { value: Number.POSITIVE_INFINITY }, ["value"]],
  ["a Date where text comes back", "date", { value: new Date() }, ["value"]],
  ["undefined in an array", "numbers", { value: [1, undefined] }, ["value", 1]],
  ["a hole in an array", "numbers", { value: new Array(1) }, ["value", 0]],
  ["a Map", "any", { value: new Map([["a", 1]]) }, ["value"]],
  ["a Set deep down", "any", { value: { tags: [new Set(["a"])] } }, ["value", "tags", 0]],
  ["NaN", "any", { value: Number.NaN }, ["value"]],
  ["a BigInt", "any", { value: 1n }, ["value"]],
  ["what is no field of its own", "number", new Getters(), ["value"]],
];

/** What is accepted, with what the consumer gets. */
const ACCEPTED: readonly [string, keyof (typeof LIBRARIES)[string], unknown, unknown][] = [
  ["a number", "number", { value: 5 }, { value: 5 }],
  ["-0, as 0", "number", { value: -0 }, { value: 0 }],
  ["a member that is undefined, as none", "optional", { value: undefined }, {}],
  ["what writes itself", "any", { value: new Amount(5) }, { value: 5 }],
  ["a Date where anything will do", "any", { value: new Date(0) }, { value: "1970-01-01T00:00:00.000Z" }],
];

async function setUp(schema: unknown) {
  const events = defineEvents<EventSchemas>(untyped({ "order.placed": schema }));
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events });
  const seen: unknown[] = [];
  const handler = events.handler({
    name: "h",
    eventTypes: ["order.placed"],
    handle: ({ data }: { data: unknown }) => void seen.push(data),
  });
  const consumer = bus.consumer({ group: "billing", handlers: [handler] });
  return { bus, consumer, seen, look: new Look(plainRedis(), stream, "billing") };
}

describe.each(Object.entries(LIBRARIES))("by %s", (_, schemas) => {
  it.each(REFUSED)(
    "%s is refused by publish and publishMany, with the path, and nothing is written",
    async (_, kind, data, path) => {
      const { bus, look } = await setUp(schemas[kind]);
      const given = { type: "order.placed", data: untyped(data) };
      const ways: (() => unknown)[] = [
        () => bus.publish("order.placed", untyped(data)),
        () => bus.publishMany([given]),
      ];
      for (const publish of ways) {
        const error = await refusal(publish);
        expect(error).toBeInstanceOf(ValidationError);
        expect(error).toMatchObject({ issues: [{ path }] });
      }
      expect(await look.redis.exists(look.keys.stream)).toBe(0);
    },
  );

  it.each(ACCEPTED)("%s is accepted, and handled", async (_, kind, data, got) => {
    const { bus, consumer, seen } = await setUp(schemas[kind]);
    await bus.publish("order.placed", untyped(data));
    expect(await consumer.runOnce()).toMatchObject({ handled: 1, deadLettered: 0 });
    expect(seen).toEqual([got]);
  });
});

it("an emit is judged the same way", async () => {
  const events = defineEvents({
    "order.placed": z.object({ orderId: z.string() }),
    "order.rated": v.object({ value: v.number() }),
  });
  const bus = await openBus({ events });
  const refused: unknown[] = [];
  const handler = events.handler({
    name: "h",
    eventTypes: ["order.placed"],
    async handle(_, context) {
      const emit = () => context.emit("order.rated", { value: Number.POSITIVE_INFINITY });
      refused.push(await refusal(emit));
    },
  });
  await bus.publish("order.placed", { orderId: "o1" });
  expect(await bus.consumer({ group: "billing", handlers: [handler] }).runOnce()).toMatchObject({
    handled: 1,
  });
  expect(refused).toMatchObject([{ code: "VALIDATION", issues: [{ path: ["value"] }] }]);
});

it("a schema that is async judges what JSON gives back, too", async () => {
  const value = v.pipeAsync(
    v.any(),
    v.checkAsync(async (given) => given instanceof Date, "no Date"),
  );
  const { bus } = await setUp(v.objectAsync({ value }));
  const error = await refusal(() => bus.publish("order.placed", untyped({ value: new Date() })));
  expect(error).toMatchObject({ issues: [{ path: ["value"], message: "no Date (as JSON stores it)" }] });
});
