/** Results as a run might have them. All figures are made up: they serve to look at reports, and say nothing. */
import { CONSUME, COST, GROWTH, LATENCY, PUBLISH, WORKLOADS } from "../src/names.js";
import type { Measurement, Metric, Results } from "../src/results.js";

/** What each round of a contender is to its median; the rounds are slow and fast for all alike. */
const ROUNDS = [1, 0.97, 1.02, 0.94, 1.01, 1.04, 0.99];

type Figures = Readonly<Partial<Record<Metric, number>>>;

/** What of its ups and downs a contender has to itself: some hundredths, and the same in every run of a test. */
function ownSwing(contender: string, round: number): number {
  return (((contender.length * 7 + round * 5) % 11) - 5) / 250;
}

/** @param swing how much of the rounds' ups and downs these figures have, 1 for all of it */
function measured(workload: string, contender: string, figures: Figures, swing = 1): readonly Measurement[] {
  return Object.entries(figures).map(([metric, middle]) => ({
    workload,
    contender,
    // The keys of such an object are metrics, which Object.entries does not tell.
    metric: metric as Metric,
    samples: ROUNDS.map((all, round) =>
      Number((middle * (1 + (all - 1 + ownSwing(contender, round)) * swing)).toPrecision(6)),
    ),
  }));
}

function missing(workload: string, contender: string, why: string): Measurement {
  return { workload, contender, metric: "eventsPerSecond", samples: [], note: `not measured: ${why}` };
}

/** Of events per second, µs of Node and Redis, commands and round trips per event. */
function rates(events: number, node: number, redis: number, commands: number, trips: number): Figures {
  return {
    eventsPerSecond: events,
    ...{ nodeCpuUs: node, redisCpuUs: redis, redisMainThreadCpuUs: redis * 0.97 },
    ...{ commandsPerEvent: commands, commandsInScriptsPerEvent: 0, roundTripsPerEvent: trips },
    wireBytesPerEvent: 400 + 30 * commands,
  };
}

const publish = (contender: string, figures: Figures) => measured(WORKLOADS.publish, contender, figures);

const PUBLISHING: readonly Measurement[] = [
  ...publish(PUBLISH.rawXadd, rates(48_900, 20.4, 14.2, 1, 0.0156)),
  ...publish(PUBLISH.rawXaddAutoPipelined, rates(51_300, 18.9, 12.1, 1, 0.0156)),
  ...publish(PUBLISH.rawPipeline, rates(74_200, 11.3, 5.1, 1, 0.01)),
  ...publish(PUBLISH.rawPipelineFour, rates(88_700, 10.9, 4.9, 1, 0.01)),
  ...publish(PUBLISH.bullmq, rates(12_300, 71.2, 52.4, 1.01, 0.01)),
  ...publish(PUBLISH.bullmqFour, rates(13_900, 66.8, 51.9, 1.01, 0.01)),
  missing(WORKLOADS.publish, PUBLISH.groupmq, "Cannot read properties of undefined (reading 'fill')"),
  ...publish(PUBLISH.ours, rates(69_800, 10.2, 8.1, 0.0156, 0.0156)),
  ...publish(PUBLISH.oursMany, rates(92_400, 5.1, 7.4, 0.01, 0.01)),
  ...publish(PUBLISH.oursManyFour, rates(109_000, 4.9, 7.3, 0.01, 0.01)),
];

/** Two processes of a workload have a share of what one has. */
function consuming(workload: string, share: number): readonly Measurement[] {
  const row = (contender: string, figures: Figures) =>
    measured(workload, contender, {
      ...figures,
      eventsPerSecond: Math.round((figures.eventsPerSecond ?? 0) * share),
    });
  return [
    ...row(CONSUME.raw64, rates(71_800, 10.4, 3.9, 0.031, 0.031)),
    ...row(CONSUME.raw512, rates(79_900, 9.1, 3.4, 0.0039, 0.0039)),
    ...row(CONSUME.rawOverlapped64, rates(84_300, 9.8, 3.8, 0.031, 0.0156)),
    ...row(CONSUME.rawOverlapped512, rates(90_200, 8.8, 3.4, 0.0039, 0.002)),
    ...row(CONSUME.idempotent64, rates(24_900, 35.2, 10.4, 3.02, 0.047)),
    ...row(CONSUME.idempotent512, rates(27_100, 33.1, 10.1, 3, 0.006)),
    ...row(CONSUME.bullmq, rates(8_130, 118, 61.3, 1.02, 0.98)),
    missing(workload, CONSUME.groupmq, "Cannot read properties of undefined (reading 'fill')"),
    ...(share === 1 ? row(CONSUME.ours1, rates(4_420, 96.3, 61.2, 3.01, 1.01)) : []),
    ...row(CONSUME.ours64, rates(78_600, 11.2, 9.7, 0.047, 0.0161)),
    ...row(CONSUME.ours512, rates(93_700, 9.9, 8.8, 0.006, 0.0021)),
  ];
}

const OTHERS: readonly Measurement[] = [
  ...measured(WORKLOADS.latency, LATENCY.raw, { p50Ms: 0.281, p99Ms: 0.742, p999Ms: 1.91 }),
  ...measured(WORKLOADS.latency, LATENCY.ours, { p50Ms: 0.402, p99Ms: 1.31, p999Ms: 3.62 }, 0.5),
  ...measured(WORKLOADS.cost, COST.rawThroughput, rates(34_100, 20.1, 7.1, 0.03, 0.03)),
  ...measured(WORKLOADS.cost, COST.oursThroughput, rates(39_800, 15.6, 16.4, 0.04, 0.02)),
  ...measured(WORKLOADS.cost, COST.oursProcessedKey, { bytesPerKey: 89.6 }, 0),
  ...measured(WORKLOADS.cost, COST.rawEntry, { bytesPerEntry: 337 }, 0),
  ...measured(WORKLOADS.cost, COST.oursEntry, { bytesPerEntry: 383 }, 0),
  ...measured(WORKLOADS.cost, COST.oursSteadyState64, { roundTripsPerBatch: 1.01, eventsPerBatch: 63.2 }, 0),
  ...measured(WORKLOADS.cost, COST.oursSteadyState512, { roundTripsPerBatch: 1.02, eventsPerBatch: 498 }, 0),
  ...measured(WORKLOADS.growthProcessedKeys, GROWTH.noProcessedKeys, rates(79_000, 11.1, 9.6, 0.047, 0.0161)),
  ...measured(WORKLOADS.growthProcessedKeys, GROWTH.manyProcessedKeys, rates(68_400, 12, 11.9, 0.047, 0.016)),
  ...measured(WORKLOADS.recovery, GROWTH.recovery, rates(18_300, 21.4, 26.1, 0.01, 0.01)),
];

export const RESULTS: Results = {
  recordedAt: "2026-01-02T03:04:05.678Z",
  machine: { cpu: "Imaginary Processor 9000", cores: 2, memoryGiB: 8, os: "Linux 6.1, x86_64" },
  versions: {
    ...{ node: "20.20.2", server: "redis 7.0.15", "@sluice/node": "0.1.0" },
    ...{ ioredis: "6.0.0", bullmq: "6.7.0", groupmq: "1.1.0", zod: "4.6.7" },
  },
  runs: ROUNDS.length,
  measurements: [
    ...PUBLISHING,
    ...consuming(WORKLOADS.consume, 1),
    ...consuming(WORKLOADS.consumeByTwo, 1.13),
    ...OTHERS,
  ],
};

/** The same, with what one contender's figures of a metric were in each round. */
export function withSamples(
  results: Results,
  { workload, contender, metric }: Pick<Measurement, "workload" | "contender" | "metric">,
  samples: readonly number[],
): Results {
  const others = results.measurements.filter(
    (one) => one.workload !== workload || one.contender !== contender || one.metric !== metric,
  );
  return { ...results, measurements: [...others, { workload, contender, metric, samples }] };
}

/** The same, as if the contender had had no part in the workload. */
export function without(results: Results, workload: string, contender: string): Results {
  const measurements = results.measurements.filter(
    (one) => one.workload !== workload || one.contender !== contender,
  );
  return { ...results, measurements };
}
