/** Consuming in groups that remember ever more keys. */

import { consumerWithProcessedKeys, WORKLOADS } from "../../names.js";
import { type ContenderPlan, program, type Workload } from "../contender-plan.js";
import { THROUGHPUT_METRICS } from "../metrics.js";

type Ours = typeof import("../../workloads/growth/processed-keys.js");

const EVENTS = 50_000;
/** The last of them takes 1 GB of the server's memory. */
const KEYS = [0, 1_000, 100_000, 10_000_000];
const MOST_QUICK = 10_000;
/** What remains of more than that with `--quick`. */
const QUICK_PART = 1_000;
/** Filling takes that long on a slow machine. */
const DEADLINE_MS = 300_000;

function contender(keys: number): ContenderPlan {
  const sized = (count: number) => ({
    name: consumerWithProcessedKeys(count),
    program: program<Ours>("growth/processed-keys.ts", { concurrency: 512, keys: count }),
  });
  return {
    ...sized(keys),
    ...(keys > MOST_QUICK && { quick: sized(keys / QUICK_PART) }),
    events: EVENTS,
    keepsKeys: true,
    deadlineMs: DEADLINE_MS,
  };
}

export const processedKeys: Workload = {
  name: WORKLOADS.growthProcessedKeys,
  metrics: THROUGHPUT_METRICS,
  contenders: KEYS.map(contender),
};
