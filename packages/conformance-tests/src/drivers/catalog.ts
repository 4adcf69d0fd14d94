/** The events that cases are about, the same for every driver. */

import type { EventSchemas } from "@sluice/node";
import { z } from "zod";

/** Schemas by event type; each driver makes its client's catalog of them. Without types: requests are data. */
export const schemas: EventSchemas = {
  "order.placed": z.object({ orderId: z.string().min(1), amount: z.number().int() }),
  "order.shipped": z.object({ orderId: z.string() }),
  /** A default, and a check that takes its time: what is stored is the schema's input, before either. */
  "order.cancelled": z.object({
    orderId: z.string(),
    reason: z
      .string()
      .refine(async (reason) => reason !== "")
      .optional(),
    at: z.string().default("later"),
  }),
  /** Anything that is JSON. */
  blob: z.object({ any: z.unknown() }),
};

/** Schemas that no catalog may have, each by a name. */
export const REFUSED_SCHEMAS: Readonly<Record<string, Record<string, unknown>>> = {
  "no types": {},
  "no schema": { "order.placed": "an order" },
  "not JSON": { "order.placed": z.object({ at: z.date() }) },
};
