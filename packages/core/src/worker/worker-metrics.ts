/** A worker's numbers by the names that exporters use. */
import { DURATION_BOUNDS_S } from "../consumer/stats.js";
import type { Histogram, Metrics } from "../monitoring/metrics.js";
import type { Dwell, WorkerStats } from "./worker-stats.js";

/** Tenants of a worker that runs. */
export interface TenantCounts {
  readonly known: number;
  /** With work. */
  readonly ready: number;
  /** That want more slots than the fair order lets them have. */
  readonly noisy: number;
  readonly suspended: number;
}

export function withWorkerMetrics(
  metrics: Metrics,
  stats: WorkerStats,
  { known, ready, noisy, suspended }: TenantCounts = { known: 0, ready: 0, noisy: 0, suspended: 0 },
): Metrics {
  return {
    counters: {
      ...metrics.counters,
      sluice_worker_looks_wasted_total: stats.wastedLooks,
      sluice_worker_events_found_by_sweep_total: stats.foundBySweep,
    },
    gauges: {
      ...metrics.gauges,
      sluice_worker_tenants_known: known,
      sluice_worker_tenants_ready: ready,
      sluice_worker_tenants_noisy: noisy,
      sluice_worker_tenants_suspended: suspended,
    },
    histograms: {
      ...metrics.histograms,
      'sluice_event_dwell_seconds{class="quiet"}': histogramOf(stats.dwell.quiet),
      'sluice_event_dwell_seconds{class="noisy"}': histogramOf(stats.dwell.noisy),
    },
  };
}

function histogramOf({ buckets, sumS }: Dwell): Histogram {
  let count = 0;
  const cumulative = buckets.map((inBucket, at) => {
    count += inBucket;
    return { le: DURATION_BOUNDS_S[at] ?? Number.POSITIVE_INFINITY, count };
  });
  return { buckets: cumulative, sum: sumS, count };
}
