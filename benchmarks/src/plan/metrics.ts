/** Sets of metrics that several workloads share. */

import type { Metric } from "../results.js";

export const THROUGHPUT_METRICS: readonly Metric[] = [
  "eventsPerSecond",
  "nodeCpuUs",
  "redisCpuUs",
  "redisMainThreadCpuUs",
  "commandsPerEvent",
  "commandsInScriptsPerEvent",
  "roundTripsPerEvent",
  "wireBytesPerEvent",
];
