/** What is published here: events of which the publisher knows when they were, and others for a handler that takes as long as they say. */

import { defineEvents } from "@sluice/node";
import { z } from "zod";

/** Only these are timed. */
export const TIMED = "work.timed";
/** What the others have to wait beside. */
export const NOISE = "work.noise";

export const catalog = defineEvents({
  [TIMED]: z.object({ index: z.number() }),
  [NOISE]: z.object({ takesMs: z.number() }),
});

export const GROUP = "cost";
