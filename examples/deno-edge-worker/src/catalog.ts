/** What may be published, and what the data of each event is. */

import { defineEvents } from "@sluice/deno";
import { z } from "zod";

const orderId = z.string().min(1).max(64);

export const events = defineEvents({
  "order.placed": z.object({ orderId, amount: z.number().int().positive() }),
  "order.billed": z.object({ orderId }),
});
