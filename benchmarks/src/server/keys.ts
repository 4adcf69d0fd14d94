/** Removal of what a contender made, so that all samples begin alike and nothing stays on the server. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";

/** Most keys that one UNLINK names. */
const AT_A_TIME = 1_000;

/**
 * Removes every key whose name holds `name`, and waits until the server has freed their memory.
 *
 * @returns how many there were.
 */
export async function removeKeys(redis: Redis, name: string): Promise<number> {
  let cursor = "0";
  let removed = 0;
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", `*${name}*`, "COUNT", 10 * AT_A_TIME);
    const removals = redis.pipeline();
    for (let at = 0; at < keys.length; at += AT_A_TIME) removals.unlink(...keys.slice(at, at + AT_A_TIME));
    if (keys.length > 0) await removals.exec();
    removed += keys.length;
    cursor = next;
  } while (cursor !== "0");
  await freed(redis);
  return removed;
}

/** UNLINK frees in the background, which would go into the CPU time of whoever comes next. */
async function freed(redis: Redis): Promise<void> {
  while (Number(/lazyfree_pending_objects:(\d+)/.exec(await redis.info("memory"))?.[1] ?? 0) > 0)
    await sleep(2);
}
