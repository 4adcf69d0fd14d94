/** A group in the middle of its work: every key of stream and group exists and holds something worth losing. */
import { failure, retry, skip, success } from "./attempts.js";
import { type Delivered, type GroupOptions, openGroup, type Taken, type TestGroup } from "./group.js";
import type { Client } from "./redis.js";

export interface World {
  readonly group: TestGroup;
  /** Attempts that consumer c1 has in hand. */
  readonly inHand: readonly [Taken, Taken, Taken, Taken];
  /** Entries that were delivered to c1 and not leased. */
  readonly delivered: readonly [Delivered, Delivered];
  /** The ID of the one dead letter. */
  readonly letter: string;
}

/** Both generations of the publish window and all five buckets hold keys; the ring alone fills one at a time. */
async function fillIdleKeys({ client, keys, buckets }: TestGroup): Promise<void> {
  for (const [at, bucket] of buckets.entries()) {
    await client.sadd(bucket, `old-${at}`);
    await client.pexpire(bucket, 60_000 + at);
  }
  for (const name of ["published.0", "published.1"] as const) {
    await client.hset(keys[name], `old-${name}`, "1-0|f");
    await client.pexpire(keys[name], 60_000);
  }
}

/** Opens a group and leads it there: entries in hand, delivered, waiting, processed, dead, and one unread. */
export async function busyGroup(client: Client, options: GroupOptions = {}): Promise<World> {
  const group = await openGroup(client, options);
  await group.publish(["done", "skipped", "waits", "dies", "a", "b", "c", "d"], { windowMs: 60_000 });
  const [done, skipped, waits, dies, a, b, c, d] = await group.take();
  await group.add("e", "f", "unread");
  const [e, f] = await group.read("c1", 2);
  if (!(done && skipped && waits && dies && a && b && c && d && e && f)) {
    throw new Error("busy group: not everything that was published was delivered");
  }
  await group.settle("c1", success(done), skip(skipped), retry(waits, 20_000), failure(dies));
  await fillIdleKeys(group);
  const [letter] = await client.xrange(group.keys.dead, "-", "+");
  return { group, inHand: [a, b, c, d], delivered: [e, f], letter: letter?.[0] ?? "" };
}
