/** Our consumer, and what it sends while it is busy. */

import type { OpenContender } from "../../contender.js";
import { type ConsumerOptions, openConsumer } from "../our-consumer.js";
import { SteadyState } from "./steady-state.js";

export type Options = ConsumerOptions;

export const open: OpenContender<Options> = async (setting, options) => {
  const steadyState = new SteadyState();
  const consumer = await openConsumer(setting, options, async () => steadyState.handled());
  return {
    ...consumer,
    async run(events) {
      steadyState.begin(events);
      return { ...(await consumer.run()), figures: steadyState.figures() };
    },
  };
};
