/** From our `publishMany` to handled, marked and acknowledged, both halves in one sample. */

import type { OpenContender } from "../../contender.js";
import { openConsumer } from "../our-consumer.js";

export interface Options {
  readonly concurrency: number;
}

export const open: OpenContender<Options> = async (setting, options) => {
  const { fill, run, verify, rest, close } = await openConsumer(setting, options);
  return {
    async run(events) {
      await fill(events);
      return await run();
    },
    ...{ verify, rest, close },
  };
};
