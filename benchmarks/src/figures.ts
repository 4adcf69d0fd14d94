/** Finding a figure among the results. */
import type { Measurement, Metric, Results } from "./results.js";
import { pairedRatio, type Summary, summarize } from "./statistics.js";

export function measurementOf(
  { measurements }: Results,
  workload: string,
  contender: string,
  metric: Metric,
): Measurement | undefined {
  return measurements.find(
    (one) => one.workload === workload && one.contender === contender && one.metric === metric,
  );
}

/** Undefined if it was not measured. */
export function figureOf(
  results: Results,
  workload: string,
  contender: string,
  metric: Metric,
): Summary | undefined {
  return summarize(measurementOf(results, workload, contender, metric)?.samples ?? []);
}

/** How many times the peer's figure ours is. Undefined if one of them was not measured. */
export function ratioOf(
  results: Results,
  workload: string,
  ours: string,
  peer: string,
  metric: Metric,
): Summary | undefined {
  const samples = (contender: string) => measurementOf(results, workload, contender, metric)?.samples ?? [];
  return pairedRatio(samples(ours), samples(peer));
}

/** In the order in which they were measured, without repetition. */
export function workloadsOf({ measurements }: Results): readonly string[] {
  return [...new Set(measurements.map(({ workload }) => workload))];
}

/** Of one workload, in the order in which they were measured, without repetition. */
export function contendersOf({ measurements }: Results, workload: string): readonly string[] {
  return [...new Set(measurements.filter((one) => one.workload === workload).map((one) => one.contender))];
}
