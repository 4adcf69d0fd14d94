/** Events of many tenants, from the start of what consumes them in one process to the last acknowledgement. */

import { bullmqForTenants, consumersOfTenants, WORKLOADS, workerOfTenants } from "../names.js";
import { type ContenderPlan, program, type Workload } from "./contender-plan.js";
import { THROUGHPUT_METRICS } from "./metrics.js";

type Worker = typeof import("../workloads/tenants/worker.js");
type Consumers = typeof import("../workloads/tenants/consumers.js");
type BullMq = typeof import("../workloads/consume/bullmq.js");

/** Events of each tenant, and tenants. */
interface Shape {
  readonly each: number;
  readonly tenants: number;
}

/** With what each is with `--quick`. */
type Sizes = readonly [Shape, Shape];

const SHAPES: readonly Sizes[] = [
  [
    { each: 50_000, tenants: 1 },
    { each: 200, tenants: 1 },
  ],
  [
    { each: 500, tenants: 100 },
    { each: 20, tenants: 10 },
  ],
  [
    { each: 100, tenants: 100 },
    { each: 10, tenants: 10 },
  ],
  [
    { each: 10, tenants: 1_000 },
    { each: 5, tenants: 20 },
  ],
];

/** More tenants than one process can serve with a consumer, and so a connection, for each. */
const FOR_A_WORKER: Sizes = [
  { each: 1, tenants: 10_000 },
  { each: 1, tenants: 100 },
];

function contender(
  sized: (shape: Shape) => Pick<ContenderPlan, "name" | "program">,
  [shape, quick]: Sizes,
): ContenderPlan {
  const eventsOf = ({ each, tenants }: Shape) => each * tenants;
  return { ...sized(shape), events: eventsOf(shape), quick: { ...sized(quick), events: eventsOf(quick) } };
}

const worker = ({ each, tenants }: Shape) => ({
  name: workerOfTenants(each, tenants),
  program: program<Worker>("tenants/worker.ts", { tenants, concurrency: 64 }),
});
const consumers = ({ each, tenants }: Shape) => ({
  name: consumersOfTenants(each, tenants),
  program: program<Consumers>("tenants/consumers.ts", { tenants, concurrency: 64 }),
});
/** A queue knows no tenants, so it is the same for any number of them. */
const bullmq: ContenderPlan = {
  name: bullmqForTenants,
  program: program<BullMq>("consume/bullmq.ts", { concurrency: 100 }),
  events: 10_000,
  note: "one queue for all tenants, first come, first served",
};

export const tenants: Workload = {
  name: WORKLOADS.tenants,
  metrics: THROUGHPUT_METRICS,
  contenders: [
    ...[...SHAPES, FOR_A_WORKER].map((sizes) => contender(worker, sizes)),
    ...SHAPES.map((sizes) => contender(consumers, sizes)),
    bullmq,
  ],
};
