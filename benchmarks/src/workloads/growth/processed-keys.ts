/** Our consumer in a group that remembers that many keys of before, all in the bucket that it is filling. */

import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { OpenContender } from "../../contender.js";
import { GROUP } from "../consume/raw-group.js";
import { batchesInFlight } from "../in-flight.js";
import { orderOf, TYPE } from "../order.js";
import { openConsumer } from "../our-consumer.js";
import { ourKeys } from "../our-keys.js";

export interface Options {
  readonly concurrency: number;
  /** Remembered before a sample begins. */
  readonly keys: number;
}

/** Members of one SADD or SREM, and such commands in one pipeline. */
const MEMBERS = 1_000;
const COMMANDS = 20;

export const open: OpenContender<Options> = async (setting, { concurrency, keys }) => {
  const consumer = await openConsumer(setting, { concurrency });
  const { bus, redis } = consumer;
  const { processed, ...others } = ourKeys(setting.name, GROUP);
  let published: string[] = [];
  return {
    ...consumer,
    setUp: () => remember(redis, processed, keys),
    async fill(events) {
      published = [];
      await batchesInFlight(events, 4, (indices) => {
        const keyed = indices.map((index) => ({ index, idempotencyKey: randomUUID() }));
        // As they are stored: with their type.
        for (const { idempotencyKey } of keyed) published.push(`${TYPE}:${idempotencyKey}`);
        return bus.publishMany(
          keyed.map(({ index, idempotencyKey }) => ({ type: TYPE, data: orderOf(index), idempotencyKey })),
        );
      });
    },
    async verify(events) {
      await consumer.verify(events);
      const remembered = await redis.scard(processed);
      if (remembered === keys + events) return;
      throw new Error(`'${processed}' has ${remembered} keys: wanted ${keys + events}`);
    },
    /** Takes everything back but the keys of before. */
    async rest() {
      await consumer.rest();
      // DEL frees at once, and not while another contender is being measured.
      await redis.del(...Object.values(others));
      for (let at = 0; at < published.length; at += MEMBERS) {
        await redis.srem(processed, ...published.slice(at, at + MEMBERS));
      }
    },
  };
};

async function remember(redis: Redis, processed: string, keys: number): Promise<void> {
  for (let done = 0; done < keys; ) {
    const pipeline = redis.pipeline();
    for (let command = 0; command < COMMANDS && done < keys; command++) {
      const members = Array.from({ length: Math.min(MEMBERS, keys - done) }, () => randomUUID());
      pipeline.sadd(processed, ...members);
      done += members.length;
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  }
}
