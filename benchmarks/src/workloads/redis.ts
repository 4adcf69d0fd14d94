/** Connections of raw contenders: ioredis with the options it has by default. */

import { Redis } from "ioredis";

/** @returns once it is up, so that connecting is never measured. */
export async function connectRaw(
  url: string,
  options: { readonly enableAutoPipelining?: boolean } = {},
): Promise<Redis> {
  const redis = new Redis(url, { ...options, lazyConnect: true });
  await redis.connect();
  return redis;
}

/** @throws unless the stream has that many entries. */
export async function expectLength(redis: Redis, stream: string, wanted: number): Promise<void> {
  const length = await redis.xlen(stream);
  if (length !== wanted) throw new Error(`stream '${stream}' has ${length} entries: wanted ${wanted}`);
}
