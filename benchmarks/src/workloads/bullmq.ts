/** A queue of BullMQ on a connection of its own. */

import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { batchesInFlight } from "./in-flight.js";
import { orderOf, TYPE } from "./order.js";

export async function openQueue(url: string, name: string) {
  // Workers block on duplicates of the connection, and BullMQ wants these never to give up.
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue(name, { connection });
  await queue.waitUntilReady();
  return {
    connection,
    queue,
    async close() {
      await queue.close();
      connection.disconnect();
    },
  };
}

/** Each job has an ID of its own, which makes adding it again harmless. */
export async function addInBulk(queue: Queue, events: number, atATime: number): Promise<void> {
  await batchesInFlight(events, atATime, (indices) =>
    queue.addBulk(
      indices.map((index) => ({ name: TYPE, data: orderOf(index), opts: { jobId: randomUUID() } })),
    ),
  );
}
