/** Our `publish` and `publishMany`, with validation and the publish window that a bus has by default. */

import type { OpenContender } from "../../contender.js";
import { inFlight } from "../in-flight.js";
import { noteFor, orderOf, TYPE } from "../order.js";
import { openBus, publishInBatches } from "../our-bus.js";
import { connectRaw, expectLength } from "../redis.js";

export interface Options {
  readonly call: "publish" | "publishMany";
  /** Calls under way. */
  readonly atATime: number;
  /** Of an order's JSON; about 150 unless given. */
  readonly payloadBytes?: number;
}

export const open: OpenContender<Options> = async (setting, { call, atATime, payloadBytes }) => {
  const bus = await openBus(setting);
  const redis = await connectRaw(setting.url);
  const note = payloadBytes === undefined ? undefined : noteFor(payloadBytes);
  const publish =
    call === "publish"
      ? (events: number) => inFlight(events, atATime, (index) => bus.publish(TYPE, orderOf(index, note)))
      : (events: number) => publishInBatches(bus, events, atATime, note);
  return {
    async run(events) {
      await publish(events);
      return { events };
    },
    verify: (events) => expectLength(redis, setting.name, events),
    async close() {
      redis.disconnect();
      await bus.close();
    },
  };
};
