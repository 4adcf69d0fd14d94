/** The catalog that ours validates by, when publishing and when handling. */

import { defineEvents } from "@sluice/node";
import { z } from "zod";
import { TYPE } from "./order.js";

export const events = defineEvents({
  [TYPE]: z.object({ orderId: z.string(), amount: z.number().int(), note: z.string() }),
});
