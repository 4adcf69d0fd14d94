/** groupmq's `add`, 64 in flight, which it sends in batches. */

import type { OpenContender } from "../../contender.js";
import { addAll, openQueue } from "../groupmq.js";

export const open: OpenContender<null> = async ({ url, name }) => {
  const { redis, queue } = openQueue(url, name);
  return {
    async run(events) {
      await addAll(queue, events);
      return { events };
    },
    async verify(events) {
      const waiting = await queue.getWaitingCount();
      if (waiting !== events) throw new Error(`queue '${name}' has ${waiting} jobs: wanted ${events}`);
    },
    close: async () => redis.disconnect(),
  };
};
