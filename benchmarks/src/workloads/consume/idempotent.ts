/**
 * The loop as it is usually written by hand to handle each event once: take the key with SET NX, call the handler,
 * mark the key as done, acknowledge. Each step is one pipeline for the whole batch.
 */

import type { Redis } from "ioredis";
import type { OpenContender } from "../../contender.js";
import { handler } from "../handler.js";
import type { CloudEvent } from "../order.js";
import { connectRaw } from "../redis.js";
import { entriesIn, expectAcknowledged, fillGroup, GROUP, type RawEntry } from "./raw-group.js";

export interface Options {
  /** COUNT of XREADGROUP. */
  readonly count: number;
}

/** As ours by default: how long an attempt holds a key, and how long a handled key is remembered. */
const LEASE_MS = 30_000;
const REMEMBERED_MS = 7 * 86_400_000;

export const open: OpenContender<Options> = async ({ url, name, member }, { count }) => {
  const redis = await connectRaw(url);
  const consumer = `consumer-${member}`;
  return {
    fill: (events) => fillGroup(redis, name, events),
    async run() {
      let acknowledged = 0;
      for (;;) {
        const read = redis.xreadgroup("GROUP", GROUP, consumer, "COUNT", count, "STREAMS", name, ">");
        const entries = entriesIn(await read);
        if (entries.length === 0) return { events: acknowledged };
        acknowledged += await handleOnce(redis, name, consumer, entries);
      }
    },
    verify: (events) => expectAcknowledged(redis, name, GROUP, events),
    close: async () => redis.disconnect(),
  };
};

async function handleOnce(
  redis: Redis,
  stream: string,
  consumer: string,
  entries: readonly RawEntry[],
): Promise<number> {
  const events = entries.map(([, fields]): CloudEvent => JSON.parse(fields[1] ?? ""));
  const taking = redis.pipeline();
  for (const { id } of events) taking.set(`${stream}:key:${id}`, consumer, "PX", LEASE_MS, "NX");
  const taken = valuesOf(await taking.exec());
  await Promise.all(events.map((event, at) => (taken[at] === "OK" ? handler(event) : undefined)));
  const ending = redis.pipeline();
  for (const [at, [entryId]] of entries.entries()) {
    if (taken[at] === "OK") ending.set(`${stream}:key:${events[at]?.id}`, "done", "PX", REMEMBERED_MS);
    ending.xack(stream, GROUP, entryId);
  }
  // SET answers "OK", XACK how many it has acknowledged.
  return valuesOf(await ending.exec()).reduce((sum: number, value) => sum + (value === 1 ? 1 : 0), 0);
}

function valuesOf(replies: readonly (readonly [Error | null, unknown])[] | null): readonly unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error) throw error;
    return value;
  });
}
