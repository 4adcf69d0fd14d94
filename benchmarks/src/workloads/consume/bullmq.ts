/**
 * BullMQ's Worker. Completed jobs are removed at once: as fast as keeping them here, and as ours it leaves no job
 * behind. Locks are renewed and stalled jobs looked for as it does by default.
 */

import { Worker } from "bullmq";
import type { OpenContender } from "../../contender.js";
import { addInBulk, openQueue } from "../bullmq.js";
import { handler } from "../handler.js";
import { Completion } from "./completion.js";

export interface Options {
  readonly concurrency: number;
}

export const open: OpenContender<Options> = async ({ url, name }, { concurrency }) => {
  const { connection, queue, close } = await openQueue(url, name);
  const left = () => queue.getJobCountByTypes("waiting", "active", "delayed", "failed");
  let completion = new Completion();
  let worker: Worker | undefined;
  return {
    fill: (events) => addInBulk(queue, events, 4),
    async prepare() {
      completion = new Completion();
      worker = new Worker(
        name,
        (job) => {
          completion.begin();
          return handler(job.data);
        },
        { connection, concurrency, autorun: false, removeOnComplete: { count: 0 } },
      );
      worker.on("completed", () => completion.complete());
      worker.on("error", (error) => console.error(error));
      await worker.waitUntilReady();
    },
    async run() {
      // Resolves when the worker is closed.
      void worker?.run();
      return await completion.outcome(async () => (await left()) === 0);
    },
    async rest() {
      await worker?.close();
    },
    close,
  };
};
