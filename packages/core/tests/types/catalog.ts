/** The catalog that the type tests share. */
import { z } from "zod";
import { defineEvents } from "../../src/catalog.js";

export const events = defineEvents({
  "order.placed": z.object({
    orderId: z.string(),
    amount: z.number().int(),
    mode: z.enum(["normal", "express"]).default("normal"),
    placedAt: z.iso.datetime().pipe(z.coerce.date()).optional(),
  }),
  "order.shipped": z.object({ orderId: z.string(), carrier: z.string() }),
  "order.noted": z.union([
    z.object({ kind: z.literal("text"), text: z.string() }),
    z.object({ kind: z.literal("flag"), flagged: z.boolean() }),
  ]),
});

export type Schemas = typeof events.schemas;

/** Fails to compile unless both types are the same. */
export function same<A, B>(
  _same: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
) {}
