/** Our consumer beside another one of its group that holds entries, which are not stale. */

import type { OpenContender } from "../../contender.js";
import { expectAcknowledged, GROUP } from "../consume/raw-group.js";
import { openConsumer } from "../our-consumer.js";
import { deliverElsewhere } from "./elsewhere.js";

export interface Options {
  readonly concurrency: number;
  /** Entries that the other one holds. */
  readonly pending: number;
}

export const open: OpenContender<Options> = async (setting, { concurrency, pending }) => {
  const consumer = await openConsumer(setting, { concurrency });
  const { redis } = consumer;
  return {
    ...consumer,
    async fill(events) {
      await consumer.fill(pending + events);
      await deliverElsewhere(redis, setting.name, pending);
    },
    verify: (events) => expectAcknowledged(redis, setting.name, GROUP, events, pending),
  };
};
