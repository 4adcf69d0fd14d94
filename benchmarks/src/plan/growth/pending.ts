/** Consuming while another consumer of the group holds ever more entries. */

import { consumerBesidePending, WORKLOADS } from "../../names.js";
import { type ContenderPlan, program, type Workload } from "../contender-plan.js";
import { THROUGHPUT_METRICS } from "../metrics.js";

type Ours = typeof import("../../workloads/growth/pending.js");

const EVENTS = 30_000;
const PENDING = [0, 1_000, 100_000];
const MOST_QUICK = 10_000;

function contender(pending: number): ContenderPlan {
  const sized = (count: number) => ({
    name: consumerBesidePending(count),
    program: program<Ours>("growth/pending.ts", { concurrency: 512, pending: count }),
  });
  return { ...sized(pending), ...(pending > MOST_QUICK && { quick: sized(MOST_QUICK) }), events: EVENTS };
}

export const pending: Workload = {
  name: WORKLOADS.growthPending,
  metrics: THROUGHPUT_METRICS,
  contenders: PENDING.map(contender),
};
