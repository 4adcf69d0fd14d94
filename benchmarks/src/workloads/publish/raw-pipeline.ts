/** Raw XADD in pipelines. */

import type { OpenContender } from "../../contender.js";
import { noteFor } from "../order.js";
import { addInPipelines } from "../raw-stream.js";
import { connectRaw, expectLength } from "../redis.js";

export interface Options {
  /** Pipelines under way. */
  readonly atATime: number;
  /** Of an order's JSON; about 150 unless given. */
  readonly payloadBytes?: number;
}

export const open: OpenContender<Options> = async ({ url, name }, { atATime, payloadBytes }) => {
  const note = payloadBytes === undefined ? undefined : noteFor(payloadBytes);
  const redis = await connectRaw(url);
  return {
    async run(events) {
      await addInPipelines(redis, name, events, atATime, note);
      return { events };
    },
    verify: (events) => expectLength(redis, name, events),
    close: async () => redis.disconnect(),
  };
};
