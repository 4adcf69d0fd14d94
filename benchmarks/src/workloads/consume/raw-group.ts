/** The consumer group of a raw loop: made, read, and looked at afterwards. */

import type { Redis } from "ioredis";
import { addInPipelines } from "../raw-stream.js";

export const GROUP = "benchmark";

/** An entry as Redis gives it: its ID, and names and values of its fields in turn. */
export type RawEntry = readonly [id: string, fields: readonly string[]];

/** A stream of that many events, and a group that has read none. */
export async function fillGroup(redis: Redis, stream: string, events: number, note?: string): Promise<void> {
  await redis.xgroup("CREATE", stream, GROUP, "0", "MKSTREAM");
  await addInPipelines(redis, stream, events, 4, note);
}

/** The entries in a reply of XREADGROUP about one stream. */
export function entriesIn(reply: unknown): readonly RawEntry[] {
  // The documented shape, [[stream, [[id, [field, value, …]], …]]], or null if there is nothing to read.
  const streams = reply as readonly (readonly [string, readonly RawEntry[]])[] | null;
  return streams?.[0]?.[1] ?? [];
}

/** @throws unless the group has read that many entries, and every one is acknowledged but those `elsewhere`. */
export async function expectAcknowledged(
  redis: Redis,
  stream: string,
  group: string,
  events: number,
  elsewhere = 0,
): Promise<void> {
  const wanted = events + elsewhere;
  const [pending] = await redis.xpending(stream, group);
  // [["name", …, "entries-read", …], …]; servers before 7.0 do not tell how many were read.
  const [about = []] = (await redis.xinfo("GROUPS", stream)) as [(readonly (string | number | null)[])?];
  const at = about.indexOf("entries-read");
  const read = at < 0 ? wanted : about[at + 1];
  if (pending === elsewhere && read === wanted) return;
  throw new Error(
    `group '${group}' has read ${read} entries, ${pending} are pending: wanted ${wanted} and ${elsewhere}`,
  );
}
