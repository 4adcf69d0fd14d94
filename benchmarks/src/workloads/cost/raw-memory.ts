/** What an entry takes that holds the event's JSON in one field. */

import type { OpenContender } from "../../contender.js";
import { addInPipelines } from "../raw-stream.js";
import { connectRaw } from "../redis.js";
import { memoryOf } from "./memory.js";

export const open: OpenContender<null> = async ({ url, name }) => {
  const redis = await connectRaw(url);
  return {
    fill: (events) => addInPipelines(redis, name, events, 4),
    run: async () => memoryOf(redis, name, "bytesPerEntry", await redis.xlen(name)),
    close: async () => redis.disconnect(),
  };
};
