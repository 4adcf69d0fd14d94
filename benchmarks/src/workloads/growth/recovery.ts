/** Our consumer where all there is to do was delivered to another one, which died: it takes that over as it starts. */

import type { OpenContender } from "../../contender.js";
import { openConsumer } from "../our-consumer.js";
import { deliverToDead } from "./elsewhere.js";

export interface Options {
  readonly concurrency: number;
}

export const open: OpenContender<Options> = async (setting, options) => {
  const consumer = await openConsumer(setting, options);
  return {
    ...consumer,
    async fill(events) {
      await consumer.fill(events);
      await deliverToDead(consumer.redis, setting.name, events);
    },
  };
};
