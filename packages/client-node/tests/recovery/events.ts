/** The catalog of these tests: work to do, and what handling it leaves behind, which Redis commits with it or not at all. */
import { defineEvents } from "@sluice/node";
import { z } from "zod";

export const events = defineEvents({
  "job.todo": z.object({ n: z.number().int() }),
  "job.done": z.object({ n: z.number().int(), by: z.string(), attempt: z.number().int() }),
});

export type Schemas = typeof events.schemas;
