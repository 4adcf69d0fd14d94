/** Taking over what a dead consumer was given: from the start to the last acknowledgement. */

import { rawRecoveryOf, recoveryOf, WORKLOADS } from "../../names.js";
import { type ContenderPlan, program, type Workload } from "../contender-plan.js";
import { THROUGHPUT_METRICS } from "../metrics.js";

type Raw = typeof import("../../workloads/growth/raw-recovery.js");
type Ours = typeof import("../../workloads/growth/recovery.js");

const ENTRIES = [10_000, 100_000];
/** More than are taken over in one call. */
const REHEARSED = 3_000;
/** Of which there are a hundredth with `--quick`. */
const QUICK_PART = 100;

function contenders(entries: number): readonly ContenderPlan[] {
  const sized = (nameOf: (count: number) => string) => ({
    name: nameOf(entries),
    events: entries,
    rehearsedEvents: REHEARSED,
    quick: { name: nameOf(entries / QUICK_PART), events: entries / QUICK_PART },
  });
  return [
    { ...sized(rawRecoveryOf), program: program<Raw>("growth/raw-recovery.ts", { count: 512 }) },
    { ...sized(recoveryOf), program: program<Ours>("growth/recovery.ts", { concurrency: 512 }) },
  ];
}

export const recovery: Workload = {
  name: WORKLOADS.recovery,
  metrics: THROUGHPUT_METRICS,
  contenders: ENTRIES.flatMap(contenders),
};
