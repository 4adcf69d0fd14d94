/** Entries that are pending with another consumer of the group, which holds them, or is dead. */

import type { Redis } from "ioredis";
import { entriesIn, GROUP } from "../consume/raw-group.js";

const CONSUMER = "elsewhere";
/** Of one command. */
const AT_A_TIME = 1_000;

/** Has a new group's first `entries` delivered to another consumer; returns their IDs. */
export async function deliverElsewhere(
  redis: Redis,
  stream: string,
  entries: number,
): Promise<readonly string[]> {
  await redis.xgroup("CREATE", stream, GROUP, "0");
  const ids: string[] = [];
  while (ids.length < entries) {
    const count = Math.min(AT_A_TIME, entries - ids.length);
    const reply = await redis.xreadgroup("GROUP", GROUP, CONSUMER, "COUNT", count, "STREAMS", stream, ">");
    const delivered = entriesIn(reply);
    if (delivered.length === 0)
      throw new Error(`read '${stream}': wanted ${entries - ids.length} entries more`);
    for (const [id] of delivered) ids.push(id);
  }
  return ids;
}

/** Longer than any lease, in milliseconds. */
const IDLE_MS = 3_600_000;

/** The same of a consumer that is dead: it has not been heard of for an hour. */
export async function deliverToDead(redis: Redis, stream: string, entries: number): Promise<void> {
  const ids = await deliverElsewhere(redis, stream, entries);
  for (let at = 0; at < ids.length; at += AT_A_TIME) {
    const some = ids.slice(at, at + AT_A_TIME);
    await redis.xclaim(stream, GROUP, CONSUMER, 0, ...some, "IDLE", IDLE_MS, "JUSTID");
  }
}
