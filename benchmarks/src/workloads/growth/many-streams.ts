/** What publishers to many streams have in common. Each stream has an entry before a sample begins. */

import type { Redis } from "ioredis";

export interface Options {
  readonly streams: number;
}

/** @throws unless the streams together have that many entries. */
export async function expectInAll(redis: Redis, streams: readonly string[], wanted: number): Promise<void> {
  const pipeline = redis.pipeline();
  for (const stream of streams) pipeline.xlen(stream);
  const lengths = (await pipeline.exec()) ?? [];
  // An error in the place of a length makes the sum no number.
  const total = lengths.reduce((sum, [error, length]) => sum + (error ? Number.NaN : Number(length)), 0);
  if (total !== wanted) throw new Error(`${streams.length} streams have ${total} entries: wanted ${wanted}`);
}
