/** Raw XADD, one command for each event, many in flight. */

import type { OpenContender } from "../../contender.js";
import { inFlight } from "../in-flight.js";
import { cloudEvent, orderOf } from "../order.js";
import { connectRaw, expectLength } from "../redis.js";

export interface Options {
  readonly atATime: number;
  /** ioredis's own way to put what is sent in one tick into one pipeline. */
  readonly enableAutoPipelining: boolean;
}

export const open: OpenContender<Options> = async ({ url, name }, { atATime, enableAutoPipelining }) => {
  const redis = await connectRaw(url, { enableAutoPipelining });
  return {
    async run(events) {
      await inFlight(events, atATime, (index) =>
        redis.xadd(name, "*", "event", cloudEvent(orderOf(index), name)),
      );
      return { events };
    },
    verify: (events) => expectLength(redis, name, events),
    close: async () => redis.disconnect(),
  };
};
