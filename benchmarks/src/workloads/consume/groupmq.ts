/** groupmq's Worker. It starts as it is made, so that connecting to block is within what is measured. */

import { Worker } from "groupmq";
import type { OpenContender } from "../../contender.js";
import { addAll, openQueue } from "../groupmq.js";
import { handler } from "../handler.js";
import { Completion } from "./completion.js";

export interface Options {
  readonly concurrency: number;
}

export const open: OpenContender<Options> = async ({ url, name }, { concurrency }) => {
  const { redis, queue } = openQueue(url, name);
  let worker: { close(): Promise<void> } | undefined;
  return {
    fill: (events) => addAll(queue, events),
    async run() {
      const completion = new Completion();
      const started = new Worker({
        queue,
        concurrency,
        handler: (job) => {
          completion.begin();
          return handler(job.data);
        },
      });
      started.on("completed", () => completion.complete());
      worker = started;
      return await completion.outcome(() => queue.waitForEmpty(1));
    },
    async rest() {
      await worker?.close();
    },
    close: async () => redis.disconnect(),
  };
};
