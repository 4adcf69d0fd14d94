/** Pushes to a list, as told: rightly, too little, or not at all. For tests of the harness. */

import type { OpenContender } from "../../src/contender.js";
import { connectRaw } from "../../src/workloads/redis.js";

export interface Options {
  /** Events that it leaves out. */
  readonly missing?: number;
  /** Whether it pushes by a script, which looks at the list first. */
  readonly scripted?: boolean;
  /** In which step it throws, or ends its process. */
  readonly fails?: "open" | "run" | "verify";
  readonly exits?: "run";
}

const SCRIPT = "redis.call('LLEN', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'event')";

export const open: OpenContender<Options> = async (
  { url, name },
  { missing = 0, scripted, fails, exits },
) => {
  if (fails === "open") throw new Error("this one does not open");
  const redis = await connectRaw(url);
  return {
    async run(events) {
      if (fails === "run") throw new Error("this one does not run");
      if (exits === "run") process.exit(3);
      for (let at = missing; at < events; at++) {
        await (scripted ? redis.eval(SCRIPT, 1, name) : redis.rpush(name, "event"));
      }
      return { events: events - missing, figures: { p50Ms: 7 } };
    },
    async verify(events) {
      if (fails === "verify") throw new Error("this one finds a fault");
      const length = await redis.llen(name);
      if (length !== events - missing) throw new Error(`${length} events in the list`);
    },
    close: async () => redis.disconnect(),
  };
};
