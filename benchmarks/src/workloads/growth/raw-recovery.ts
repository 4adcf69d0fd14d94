/** The same by hand: XAUTOCLAIM, the handler, one XACK for the batch, while the next batch is on its way. */

import type { Redis } from "ioredis";
import type { OpenContender } from "../../contender.js";
import { expectAcknowledged, GROUP, type RawEntry } from "../consume/raw-group.js";
import { handleAll } from "../consume/raw-loop.js";
import { addInPipelines } from "../raw-stream.js";
import { connectRaw } from "../redis.js";
import { deliverToDead } from "./elsewhere.js";

export interface Options {
  /** COUNT of XAUTOCLAIM. */
  readonly count: number;
}

/** As ours by default. */
const LEASE_MS = 30_000;
/** Where XAUTOCLAIM begins, and what it says when it has seen all. */
const START = "0-0";

export const open: OpenContender<Options> = async ({ url, name }, { count }) => {
  const redis = await connectRaw(url);
  return {
    async fill(events) {
      await addInPipelines(redis, name, events, 4);
      await deliverToDead(redis, name, events);
    },
    run: async () => ({ events: await takeOver(redis, name, count) }),
    verify: (events) => expectAcknowledged(redis, name, GROUP, events),
    close: async () => redis.disconnect(),
  };
};

async function takeOver(redis: Redis, stream: string, count: number): Promise<number> {
  const claim = (from: string) => redis.xautoclaim(stream, GROUP, "consumer", LEASE_MS, from, "COUNT", count);
  const acknowledged: Promise<number>[] = [];
  for (let claimed = claim(START), all = false; !all; ) {
    const [next, entries] = await claimed;
    all = next === START;
    if (!all) claimed = claim(String(next));
    // The documented shape of the second part.
    const ids = await handleAll(entries as readonly RawEntry[]);
    if (ids.length > 0) acknowledged.push(redis.xack(stream, GROUP, ...ids));
  }
  return (await Promise.all(acknowledged)).reduce((total, some) => total + some, 0);
}
