/** Publishing: from the first call to the last receipt. */

import { PUBLISH, WORKLOADS } from "../names.js";
import { program, type Workload } from "./contender-plan.js";
import { THROUGHPUT_METRICS } from "./metrics.js";

type Raw = typeof import("../workloads/publish/raw-xadd.js");
type RawPipeline = typeof import("../workloads/publish/raw-pipeline.js");
type BullMq = typeof import("../workloads/publish/bullmq.js");
type GroupMq = typeof import("../workloads/publish/groupmq.js");
type Ours = typeof import("../workloads/publish/ours.js");

const EVENTS = 50_000;
/** For those that would take several seconds over as many. */
const FEWER_EVENTS = 20_000;

export const publish: Workload = {
  name: WORKLOADS.publish,
  metrics: THROUGHPUT_METRICS,
  contenders: [
    {
      name: PUBLISH.rawXadd,
      program: program<Raw>("publish/raw-xadd.ts", { atATime: 64, enableAutoPipelining: false }),
      events: EVENTS,
    },
    {
      name: PUBLISH.rawXaddAutoPipelined,
      program: program<Raw>("publish/raw-xadd.ts", { atATime: 64, enableAutoPipelining: true }),
      events: EVENTS,
    },
    {
      name: PUBLISH.ours,
      program: program<Ours>("publish/ours.ts", { call: "publish", atATime: 64 }),
      events: EVENTS,
    },
    {
      name: PUBLISH.rawPipeline,
      program: program<RawPipeline>("publish/raw-pipeline.ts", { atATime: 1 }),
      events: EVENTS,
    },
    {
      name: PUBLISH.oursMany,
      program: program<Ours>("publish/ours.ts", { call: "publishMany", atATime: 1 }),
      events: EVENTS,
    },
    {
      name: PUBLISH.rawPipelineFour,
      program: program<RawPipeline>("publish/raw-pipeline.ts", { atATime: 4 }),
      events: EVENTS,
    },
    {
      name: PUBLISH.oursManyFour,
      program: program<Ours>("publish/ours.ts", { call: "publishMany", atATime: 4 }),
      events: EVENTS,
    },
    {
      name: PUBLISH.bullmq,
      program: program<BullMq>("publish/bullmq.ts", { atATime: 1 }),
      events: FEWER_EVENTS,
    },
    {
      name: PUBLISH.bullmqFour,
      program: program<BullMq>("publish/bullmq.ts", { atATime: 4 }),
      events: FEWER_EVENTS,
    },
    {
      name: PUBLISH.groupmq,
      program: program<GroupMq>("publish/groupmq.ts", null),
      events: FEWER_EVENTS,
      optional: true,
      note: "sends what is in flight in batches, by its own autoBatch",
    },
  ],
};
