/** Raw XADD, one command for each event, 64 in flight, to as many streams in turn. */

import type { OpenContender } from "../../contender.js";
import { inFlight } from "../in-flight.js";
import { cloudEvent, orderOf } from "../order.js";
import { connectRaw } from "../redis.js";
import { expectInAll, type Options } from "./many-streams.js";

export const open: OpenContender<Options> = async ({ url, name }, { streams }) => {
  const redis = await connectRaw(url);
  const names = Array.from({ length: streams }, (_, at) => `tenant:{t${at}}:${name}`);
  const add = (index: number) => {
    const at = index % streams;
    return redis.xadd(names[at] ?? name, "*", "event", cloudEvent(orderOf(index), name, `t${at}`));
  };
  return {
    fill: () => inFlight(streams, 64, add),
    async run(events) {
      await inFlight(events, 64, add);
      return { events };
    },
    verify: (events) => expectInAll(redis, names, streams + events),
    close: async () => redis.disconnect(),
  };
};
