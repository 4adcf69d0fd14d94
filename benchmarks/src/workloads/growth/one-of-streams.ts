/** Our consumer on one stream of many, each of which has a group and something to read in it. */

import type { OpenContender } from "../../contender.js";
import { GROUP } from "../consume/raw-group.js";
import { openConsumer } from "../our-consumer.js";

export interface Options {
  readonly concurrency: number;
  /** The one that is consumed included. */
  readonly streams: number;
}

/** Streams made in one pipeline. */
const AT_A_TIME = 1_000;

export const open: OpenContender<Options> = async (setting, { concurrency, streams }) => {
  const consumer = await openConsumer(setting, { concurrency });
  const others = Array.from({ length: streams - 1 }, (_, at) => `${setting.name}:${at}`);
  return {
    ...consumer,
    async fill(events) {
      for (let at = 0; at < others.length; at += AT_A_TIME) {
        const pipeline = consumer.redis.pipeline();
        for (const stream of others.slice(at, at + AT_A_TIME)) {
          pipeline.xadd(stream, "*", "event", "{}").xgroup("CREATE", stream, GROUP, "0");
        }
        for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
      }
      await consumer.fill(events);
    },
  };
};
