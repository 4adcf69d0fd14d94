/** A schema whose input is not JSON is refused by `defineEvents`, wherever in it the fault is. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import { z } from "zod";
import { defineEvents } from "../../src/catalog.js";

declare function schemaOf<Input>(): StandardSchemaV1<Input, unknown>;

// ---- refused ----

// @ts-expect-error a Date would come back as a string
defineEvents({ a: z.date() });
// @ts-expect-error in a property
defineEvents({ a: z.object({ at: z.date() }) });
// @ts-expect-error in an optional property
defineEvents({ a: z.object({ at: z.date().optional() }) });
// @ts-expect-error in an array
defineEvents({ a: z.object({ at: z.array(z.date()) }) });
// @ts-expect-error in a tuple
defineEvents({ a: z.object({ at: z.tuple([z.string(), z.date()]) }) });
// @ts-expect-error in a record
defineEvents({ a: z.record(z.string(), z.date()) });
// @ts-expect-error in one member of a union
defineEvents({ a: z.object({ at: z.union([z.string(), z.date()]) }) });
// @ts-expect-error beside one that is fine
defineEvents({ fine: z.string(), a: z.bigint() });
// @ts-expect-error a literal bigint
defineEvents({ a: z.object({ n: z.literal(5n) }) });
// @ts-expect-error a Map
defineEvents({ a: z.object({ m: z.map(z.string(), z.string()) }) });
// @ts-expect-error a Set
defineEvents({ a: z.object({ s: z.set(z.string()) }) });
// @ts-expect-error a symbol
defineEvents({ a: z.object({ s: z.symbol() }) });
// @ts-expect-error undefined and nothing else
defineEvents({ a: z.undefined() });
// @ts-expect-error nothing at all
defineEvents({ a: z.void() });
// @ts-expect-error may be undefined as a whole
defineEvents({ a: z.string().optional() });
// @ts-expect-error JSON has null for it
defineEvents({ a: z.array(z.string().optional()) });
// @ts-expect-error a function
defineEvents({ a: schemaOf<{ call: () => void }>() });
// @ts-expect-error an optional function
defineEvents({ a: schemaOf<{ call?: () => void }>() });
// @ts-expect-error a class instance
defineEvents({ a: schemaOf<{ url: URL }>() });
// @ts-expect-error an Error has no methods, and JSON makes {} of it
defineEvents({ a: schemaOf<{ failure: Error }>() });
// @ts-expect-error bytes
defineEvents({ a: schemaOf<{ body: Uint8Array }>() });
// @ts-expect-error a symbol as a key
defineEvents({ a: schemaOf<{ [Symbol.iterator]: string }>() });
// @ts-expect-error a required property that may be undefined would go missing
defineEvents({ a: schemaOf<{ note: string | undefined }>() });
// @ts-expect-error a Date deep down
defineEvents({ a: schemaOf<{ a: { b: { c: { d: { e: { f: { g: { h: Date } } } } } } } }>() });

interface BadNode {
  at: Date;
  children: BadNode[];
}
// @ts-expect-error in a recursive type
defineEvents({ a: schemaOf<BadNode>() });
// @ts-expect-error by valibot
defineEvents({ a: v.object({ at: v.date() }) });
// @ts-expect-error what has to be there and may be undefined, by valibot
defineEvents({ a: v.object({ at: v.undefinedable(v.string()) }) });
// @ts-expect-error not a schema
defineEvents({ a: { type: "string" } });
// @ts-expect-error not a catalog
defineEvents([z.string()]);

// ---- accepted ----

interface GoodNode {
  name: string;
  parent?: GoodNode;
  children: readonly GoodNode[];
}
type Jsonish = string | number | boolean | null | Jsonish[] | { [key: string]: Jsonish };
enum Level {
  Low = 1,
  High = 2,
}

defineEvents({
  text: z.string(),
  nothing: z.null(),
  any: z.any(),
  unknown: z.unknown(),
  never: z.never(),
  json: z.json(),
  enum: z.enum(Level),
  optional: z.object({ a: z.string().optional(), b: z.string().nullish() }),
  default: z.object({ a: z.string().default("x") }),
  branded: z.object({ id: z.string().brand<"Id">() }),
  transformed: z.string().transform((text) => new Date(text)),
  piped: z.iso.datetime().pipe(z.coerce.date()),
  codec: z.codec(z.iso.datetime(), z.date(), {
    decode: (text) => new Date(text),
    encode: (at) => at.toISOString(),
  }),
  template: z.templateLiteral([z.number(), "px"]),
  discriminated: z.discriminatedUnion("k", [
    z.object({ k: z.literal("a"), a: z.string() }),
    z.object({ k: z.literal("b"), b: z.string() }),
  ]),
  loose: z.looseObject({ a: z.string() }),
  record: z.record(z.string(), z.array(z.tuple([z.string()], z.number()))),
  readonly: z.array(z.string()).readonly(),
  recursive: schemaOf<GoodNode>(),
  recursiveAlias: schemaOf<Jsonish>(),
  exclusive: schemaOf<{ a: string; b?: never } | { a?: never; b: string }>(),
  optionalUndefined: schemaOf<{ a?: string | undefined }>(),
  brandedByHand: schemaOf<{ id: string & { readonly __brand: "Id" } }>(),
  object: schemaOf<object>(),
  valibot: v.object({ a: v.optional(v.string()), b: v.nullable(v.array(v.number())) }),
  valibotTransformed: v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
  ),
});

const recursiveByZod = z.object({
  name: z.string(),
  get children() {
    return z.array(recursiveByZod);
  },
});
defineEvents({ recursiveByZod });
