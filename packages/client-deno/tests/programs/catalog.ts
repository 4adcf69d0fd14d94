/** The one event of these programs. */

import { defineEvents } from "@sluice/deno";
import { z } from "zod";

export const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
