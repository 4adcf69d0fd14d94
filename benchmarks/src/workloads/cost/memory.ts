/** What something takes in the server's memory, by MEMORY USAGE of all of its key. */

import type { Redis } from "ioredis";
import type { Outcome } from "../../contender.js";

/** @param count how many are in the key, by what the server says of it. */
export async function memoryOf(
  redis: Redis,
  key: string,
  metric: "bytesPerEntry" | "bytesPerKey",
  count: number,
): Promise<Outcome> {
  const bytes = await redis.memory("USAGE", key, "SAMPLES", 0);
  if (bytes === null) throw new Error(`memory of '${key}': there is no such key`);
  return { events: count, figures: { [metric]: bytes / count } };
}
