/** Everything that is measured. A workload has a file of its own beside this one, and its name in `../names.ts`. */

import { consume, consumeByTwo } from "./consume.js";
import type { ContenderPlan, Workload } from "./contender-plan.js";
import { cost } from "./cost.js";
import { payloadConsume, payloadPublish } from "./growth/payload.js";
import { pending } from "./growth/pending.js";
import { processedKeys } from "./growth/processed-keys.js";
import { recovery } from "./growth/recovery.js";
import { streamsConsume, streamsPublish } from "./growth/streams.js";
import { latency } from "./latency.js";
import { publish } from "./publish.js";
import { tenants } from "./tenants.js";

const WORKLOADS: readonly Workload[] = [
  ...[publish, consume, consumeByTwo, latency, cost],
  ...[processedKeys, pending, recovery, streamsPublish, streamsConsume, payloadPublish, payloadConsume],
  tenants,
];

/** Most events of a sample with `--quick`: a few batches, to see that everything works. */
const QUICK_EVENTS = 1_000;

/**
 * @param only keeps contenders whose `workload: contender` has this in it, in any case; `*` stands for anything.
 * @param quick makes samples tiny.
 */
export function planOf(only: string, quick: boolean): readonly Workload[] {
  const pattern = new RegExp(only.split("*").map(escaped).join(".*"), "i");
  return WORKLOADS.map((workload) => ({
    ...workload,
    contenders: workload.contenders
      .filter(({ name }) => pattern.test(`${workload.name}: ${name}`))
      .map((plan) => (quick ? quickly(plan) : plan)),
  })).filter(({ contenders }) => contenders.length > 0);
}

function quickly(plan: ContenderPlan): ContenderPlan {
  return { ...plan, events: Math.min(plan.events, QUICK_EVENTS), ...plan.quick };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
