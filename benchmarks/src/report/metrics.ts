/** How each metric is told: in words, short above a column and long beside a figure. */
import type { Metric } from "../results.js";

export interface MetricText {
  /** Above a column, where room is scarce. */
  readonly short: string;
  readonly long: string;
}

export const METRIC_TEXTS: Readonly<Record<Metric, MetricText>> = {
  eventsPerSecond: { short: "events/s", long: "events per second" },
  p50Ms: { short: "p50 ms", long: "p50, ms" },
  p99Ms: { short: "p99 ms", long: "p99, ms" },
  p999Ms: { short: "p99.9 ms", long: "p99.9, ms" },
  nodeCpuUs: { short: "Node µs", long: "Node CPU per event, µs" },
  redisCpuUs: { short: "Redis µs", long: "Redis CPU per event, µs" },
  redisMainThreadCpuUs: { short: "Redis main µs", long: "of its main thread, µs" },
  commandsPerEvent: { short: "commands", long: "commands per event" },
  commandsInScriptsPerEvent: { short: "in scripts", long: "commands in scripts, per event" },
  roundTripsPerEvent: { short: "round trips", long: "round trips per event" },
  roundTripsPerBatch: { short: "round trips", long: "round trips per batch" },
  eventsPerBatch: { short: "events/batch", long: "events per batch" },
  wireBytesPerEvent: { short: "bytes sent", long: "bytes on the wire per event" },
  bytesPerKey: { short: "bytes/key", long: "bytes per key" },
  bytesPerEntry: { short: "bytes/entry", long: "bytes per stream entry" },
};
