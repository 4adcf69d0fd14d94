/**
 * What is measured, as it is kept in JSON: figures per contender and round, and nothing that is worked out from them.
 *
 * Medians, ratios and verdicts are made anew from these by `statistics.ts` and `claims.ts`.
 */

export interface Results {
  /** ISO 8601. */
  readonly recordedAt: string;
  readonly machine: Machine;
  /** What ran: `node` v20.20.2, `server` redis 7.0.15, `ioredis`, `bullmq`, `groupmq`, `zod`. */
  readonly versions: Readonly<Record<string, string>>;
  /** Rounds that count; the warm-up is not among them. */
  readonly runs: number;
  readonly measurements: readonly Measurement[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
}

/** One figure of one contender in one workload, once per run. */
export interface Measurement {
  /** A name of `names.ts`: `consume, two processes`. */
  readonly workload: string;
  /** A name of `names.ts`: `sluice publish, 64 in flight`. */
  readonly contender: string;
  readonly metric: Metric;
  /** One per run, same order in all: sample k of two contenders were measured in the same round. */
  readonly samples: readonly number[];
  /** What is to be known of it, such as why there are no samples. */
  readonly note?: string;
}

/** Each in the unit that its name ends with. */
export type Metric =
  | "eventsPerSecond"
  | "nodeCpuUs"
  | "redisCpuUs"
  | "redisMainThreadCpuUs"
  | "commandsPerEvent"
  | "commandsInScriptsPerEvent"
  | "roundTripsPerEvent"
  | "roundTripsPerBatch"
  | "eventsPerBatch"
  | "wireBytesPerEvent"
  | "bytesPerKey"
  | "bytesPerEntry"
  | "p50Ms"
  | "p99Ms"
  | "p999Ms";
