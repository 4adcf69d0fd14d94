/** A queue of groupmq on a connection of its own, with the settings that it is fastest with. */

import { randomUUID } from "node:crypto";
import { Queue } from "groupmq";
import { Redis } from "ioredis";
import { inFlight } from "./in-flight.js";
import { type Order, orderOf } from "./order.js";

/** Jobs of one group are handled one after the other: as many groups as a worker handles at a time are the fastest. */
export const GROUPS = 100;
const AT_A_TIME = 64;

export function openQueue(url: string, name: string) {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  // Its own batching of adds, sent as soon as all that are in flight have come.
  const autoBatch = { size: AT_A_TIME, maxWaitMs: 1 };
  return { redis, queue: new Queue<Order>({ redis, namespace: name, autoBatch }) };
}

/** Each job has an ID of its own, which makes adding it again harmless. */
export async function addAll(queue: Queue<Order>, events: number): Promise<void> {
  await inFlight(events, AT_A_TIME, (index) =>
    queue.add({ groupId: `group-${index % GROUPS}`, data: orderOf(index), jobId: randomUUID() }),
  );
}
