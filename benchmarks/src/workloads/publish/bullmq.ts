/** BullMQ's `addBulk` of 100. */

import type { OpenContender } from "../../contender.js";
import { addInBulk, openQueue } from "../bullmq.js";

export interface Options {
  /** Calls under way. */
  readonly atATime: number;
}

export const open: OpenContender<Options> = async ({ url, name }, { atATime }) => {
  const { queue, close } = await openQueue(url, name);
  return {
    async run(events) {
      await addInBulk(queue, events, atATime);
      return { events };
    },
    async verify(events) {
      const waiting = await queue.getWaitingCount();
      if (waiting !== events) throw new Error(`queue '${name}' has ${waiting} jobs: wanted ${events}`);
    },
    close,
  };
};
