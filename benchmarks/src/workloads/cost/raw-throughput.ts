/** From XADD to XACK with as few commands as hand-written code needs, both halves in one sample. */

import type { OpenContender } from "../../contender.js";
import { expectAcknowledged, GROUP } from "../consume/raw-group.js";
import { overlappedLoop } from "../consume/raw-loop.js";
import { addInPipelines } from "../raw-stream.js";
import { connectRaw } from "../redis.js";

export interface Options {
  /** COUNT of XREADGROUP. */
  readonly count: number;
}

export const open: OpenContender<Options> = async ({ url, name }, { count }) => {
  const redis = await connectRaw(url);
  return {
    async fill() {
      await redis.xgroup("CREATE", name, GROUP, "0", "MKSTREAM");
    },
    async run(events) {
      await addInPipelines(redis, name, events, 4);
      return { events: await overlappedLoop(redis, name, "consumer", count) };
    },
    verify: (events) => expectAcknowledged(redis, name, GROUP, events),
    close: async () => redis.disconnect(),
  };
};
