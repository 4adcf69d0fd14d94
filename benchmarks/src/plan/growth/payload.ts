/** Publishing and consuming ever larger events. */

import {
  consumerOfEach,
  publishManyOfEach,
  rawLoopOfEach,
  rawPipelineOfEach,
  WORKLOADS,
} from "../../names.js";
import { BATCH } from "../../workloads/in-flight.js";
import { type ContenderPlan, program, type Workload } from "../contender-plan.js";
import { THROUGHPUT_METRICS } from "../metrics.js";

type RawPublish = typeof import("../../workloads/publish/raw-pipeline.js");
type Publish = typeof import("../../workloads/publish/ours.js");
type RawConsume = typeof import("../../workloads/consume/raw.js");
type Consume = typeof import("../../workloads/consume/ours.js");

/** Enough of large ones to see that everything works, and what is sent. */
const FEW = { rehearsedEvents: BATCH, quick: { events: BATCH } } as const;

/** Of an order's JSON, in bytes, and how many of them a sample has. */
const SIZES = [
  { payloadBytes: 100, events: 10_000 },
  { payloadBytes: 1_024, events: 10_000 },
  { payloadBytes: 65_536, events: 500, ...FEW },
] as const;
type Size = (typeof SIZES)[number];

function publishing({ payloadBytes, ...counts }: Size): readonly ContenderPlan[] {
  return [
    {
      name: rawPipelineOfEach(payloadBytes),
      program: program<RawPublish>("publish/raw-pipeline.ts", { atATime: 1, payloadBytes }),
      ...counts,
    },
    {
      name: publishManyOfEach(payloadBytes),
      program: program<Publish>("publish/ours.ts", { call: "publishMany", atATime: 1, payloadBytes }),
      ...counts,
    },
  ];
}

function consuming({ payloadBytes, ...counts }: Size): readonly ContenderPlan[] {
  return [
    {
      name: rawLoopOfEach(payloadBytes),
      program: program<RawConsume>("consume/raw.ts", { count: 64, overlapped: true, payloadBytes }),
      ...counts,
    },
    {
      name: consumerOfEach(payloadBytes),
      program: program<Consume>("consume/ours.ts", { concurrency: 64, payloadBytes }),
      ...counts,
    },
  ];
}

export const payloadPublish: Workload = {
  name: WORKLOADS.growthPayloadPublish,
  metrics: THROUGHPUT_METRICS,
  contenders: SIZES.flatMap(publishing),
};

export const payloadConsume: Workload = {
  name: WORKLOADS.growthPayloadConsume,
  metrics: THROUGHPUT_METRICS,
  contenders: SIZES.flatMap(consuming),
};
