/** The raw loop, and what it sends while it is busy. */

import type { OpenContender } from "../../contender.js";
import { openLoop, type RawOptions } from "../consume/raw-loop.js";
import { SteadyState } from "./steady-state.js";

export type Options = RawOptions;

export const open: OpenContender<Options> = async (setting, options) => {
  const steadyState = new SteadyState();
  const loop = await openLoop(setting, options, async () => steadyState.handled());
  return {
    ...loop,
    async run(events) {
      steadyState.begin(events);
      return { ...(await loop.run()), figures: steadyState.figures() };
    },
  };
};
