/**
 * The raw blocking loop: XADD on one connection, XREADGROUP BLOCK on another, where the XACK of what was handled and the
 * next read are sent together.
 */

import type { Redis } from "ioredis";
import type { OpenContender } from "../../contender.js";
import { entriesIn, expectAcknowledged, GROUP } from "../consume/raw-group.js";
import { type CloudEvent, cloudEvent, orderOf } from "../order.js";
import { connectRaw } from "../redis.js";
import { Latencies } from "./latencies.js";
import { paced } from "./pacing.js";

/** As ours by default: how many entries are read at a time, and how long a read waits. */
const COUNT = 16;
const BLOCK_MS = 5_000;

export const open: OpenContender<null> = async ({ url, name }) => {
  const [redis, blocking] = [await connectRaw(url), await connectRaw(url)];
  return {
    async fill() {
      await redis.xgroup("CREATE", name, GROUP, "0", "MKSTREAM");
    },
    async run(events) {
      const latencies = new Latencies();
      const publishing = paced(events, (index) => {
        const order = orderOf(index);
        latencies.published(order.orderId);
        return redis.xadd(name, "*", "event", cloudEvent(order, name));
      });
      await Promise.all([publishing, consume(blocking, name, events, latencies)]);
      return latencies.outcome();
    },
    verify: (events) => expectAcknowledged(redis, name, GROUP, events),
    async close() {
      redis.disconnect();
      blocking.disconnect();
    },
  };
};

async function consume(redis: Redis, stream: string, events: number, latencies: Latencies): Promise<void> {
  async function handle(event: CloudEvent): Promise<void> {
    latencies.handled(event.data.orderId);
  }
  const acknowledging: Promise<number>[] = [];
  while (latencies.count < events) {
    const group = ["GROUP", GROUP, "consumer"] as const;
    const read = redis.xreadgroup(...group, "COUNT", COUNT, "BLOCK", BLOCK_MS, "STREAMS", stream, ">");
    const entries = entriesIn(await read);
    if (entries.length === 0) throw new Error(`read '${stream}': nothing within ${BLOCK_MS} ms`);
    await Promise.all(entries.map(([, fields]) => handle(JSON.parse(fields[1] ?? ""))));
    acknowledging.push(redis.xack(stream, GROUP, ...entries.map(([id]) => id)));
  }
  await Promise.all(acknowledging);
}
