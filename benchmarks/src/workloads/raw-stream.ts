/** Publishing as hand-written code does it best: XADD in pipelines, the whole event as JSON in one field. */

import type { Redis } from "ioredis";
import { batchesInFlight } from "./in-flight.js";
import { cloudEvent, orderOf } from "./order.js";

/**
 * @param atATime pipelines under way.
 * @param note of each order, if it is not the usual one.
 */
export async function addInPipelines(
  redis: Redis,
  stream: string,
  events: number,
  atATime: number,
  note?: string,
): Promise<void> {
  await batchesInFlight(events, atATime, async (indices) => {
    const pipeline = redis.pipeline();
    for (const index of indices)
      pipeline.xadd(stream, "*", "event", cloudEvent(orderOf(index, note), stream));
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  });
}
