/** What ours keeps in memory for an event: its entry, its key in the publish window, its key among the processed. */

import type { OpenContender } from "../../contender.js";
import { GROUP } from "../consume/raw-group.js";
import { openConsumer } from "../our-consumer.js";
import { ourKeys } from "../our-keys.js";
import { memoryOf } from "./memory.js";

export interface Options {
  readonly of: "entry" | "publishedKey" | "processedKey";
}

export const open: OpenContender<Options> = async (setting, { of }) => {
  const { redis, ...consumer } = await openConsumer(setting, { concurrency: 512 });
  const keys = ourKeys(setting.name, GROUP);
  const measure = {
    entry: async () => memoryOf(redis, keys.stream, "bytesPerEntry", await redis.xlen(keys.stream)),
    publishedKey: async () =>
      memoryOf(redis, keys.published, "bytesPerKey", await redis.hlen(keys.published)),
    processedKey: async () =>
      memoryOf(redis, keys.processed, "bytesPerKey", await redis.scard(keys.processed)),
  };
  return {
    async fill(events) {
      await consumer.fill(events);
      if (of !== "processedKey") return;
      await consumer.run();
      await consumer.rest();
    },
    run: measure[of],
    close: consumer.close,
  };
};
