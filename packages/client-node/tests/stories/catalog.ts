/** The catalog of the stories, for their processes too. */
import { defineEvents } from "@sluice/node";
import { z } from "zod";

export const events = defineEvents({
  "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }),
  "order.shipped": z.object({ orderId: z.string() }),
  "order.noted": z.object({ text: z.string().min(1), tags: z.array(z.string()).default([]) }),
});

export type Schemas = typeof events.schemas;
