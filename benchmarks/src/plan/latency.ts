/** Latency at a light load: from the call that publishes an event to the start of its handler, in one process. */

import { LATENCY, WORKLOADS } from "../names.js";
import { program, type Workload } from "./contender-plan.js";

type Raw = typeof import("../workloads/latency/raw.js");
type Ours = typeof import("../workloads/latency/ours.js");

/** 5 seconds at 200 a second. */
const EVENTS = 1_000;
const quick = { events: 100 };

export const latency: Workload = {
  name: WORKLOADS.latency,
  metrics: ["p50Ms", "p99Ms", "p999Ms", "nodeCpuUs", "redisCpuUs", "commandsPerEvent", "roundTripsPerEvent"],
  contenders: [
    { name: LATENCY.raw, program: program<Raw>("latency/raw.ts", null), events: EVENTS, quick },
    { name: LATENCY.ours, program: program<Ours>("latency/ours.ts", null), events: EVENTS, quick },
  ],
};
