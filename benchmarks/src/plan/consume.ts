/** Consuming: from the first read to the last acknowledgement, of a stream that was filled before. */

import { CONSUME, WORKLOADS } from "../names.js";
import { type ContenderPlan, program, type Workload } from "./contender-plan.js";
import { THROUGHPUT_METRICS } from "./metrics.js";

type Raw = typeof import("../workloads/consume/raw.js");
type Idempotent = typeof import("../workloads/consume/idempotent.js");
type BullMq = typeof import("../workloads/consume/bullmq.js");
type GroupMq = typeof import("../workloads/consume/groupmq.js");
type Ours = typeof import("../workloads/consume/ours.js");

const EVENTS = 50_000;
/** For those that would take several seconds over as many. */
const FEWER_EVENTS = 20_000;
const FEWEST_EVENTS = 5_000;

const raw = (count: number, overlapped: boolean) => program<Raw>("consume/raw.ts", { count, overlapped });
const idempotent = (count: number) => program<Idempotent>("consume/idempotent.ts", { count });
const ours = (concurrency: number) => program<Ours>("consume/ours.ts", { concurrency });

const contenders: readonly ContenderPlan[] = [
  { name: CONSUME.raw64, program: raw(64, false), events: EVENTS },
  { name: CONSUME.rawOverlapped64, program: raw(64, true), events: EVENTS },
  { name: CONSUME.ours64, program: ours(64), events: EVENTS },
  { name: CONSUME.raw512, program: raw(512, false), events: EVENTS },
  { name: CONSUME.rawOverlapped512, program: raw(512, true), events: EVENTS },
  { name: CONSUME.ours512, program: ours(512), events: EVENTS },
  { name: CONSUME.idempotent64, program: idempotent(64), events: EVENTS },
  { name: CONSUME.idempotent512, program: idempotent(512), events: EVENTS },
  {
    name: CONSUME.bullmq,
    program: program<BullMq>("consume/bullmq.ts", { concurrency: 100 }),
    events: FEWER_EVENTS,
    note: "removes completed jobs at once, which here is as fast as keeping them",
  },
  {
    name: CONSUME.groupmq,
    program: program<GroupMq>("consume/groupmq.ts", { concurrency: 100 }),
    events: FEWEST_EVENTS,
    optional: true,
    note: "jobs in 100 groups: with more of them it is slower",
  },
];

const ours1: ContenderPlan = { name: CONSUME.ours1, program: ours(1), events: FEWEST_EVENTS };

export const consume: Workload = {
  name: WORKLOADS.consume,
  metrics: THROUGHPUT_METRICS,
  contenders: [...contenders, ours1],
};

/** They share one group, and the time is that of both together. */
export const consumeByTwo: Workload = {
  name: WORKLOADS.consumeByTwo,
  metrics: THROUGHPUT_METRICS,
  contenders: contenders.map((plan) => ({ ...plan, processes: 2 })),
};
