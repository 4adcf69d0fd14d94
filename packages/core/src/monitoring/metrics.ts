/** Plain numbers for exporters, by the names that they use. Reading them costs nothing and asks no server. */
import { type ConsumerStats, DURATION_BOUNDS_S } from "../consumer/stats.js";
import type { PublisherStats } from "../publisher.js";

/** Counters only grow while the process lives; durations are in seconds, as exporters want them. */
export interface Metrics {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, Histogram>>;
}

export interface Histogram {
  /** Observations up to and including the bound `le`, cumulative; the last bound is infinity. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
  readonly sum: number;
  readonly count: number;
}

/** What a consumer has in hand now. */
export interface InHand {
  readonly running: number;
  readonly prefetched: number;
  readonly unsettled: number;
  /** Running, for longer than ten leases. */
  readonly stuck: number;
}

export function consumerMetrics(stats: ConsumerStats, inHand: InHand): Metrics {
  return {
    counters: {
      sluice_events_handled_total: stats.handled,
      sluice_events_emitted_total: stats.emitted,
      sluice_events_skipped_duplicate_total: stats.duplicates,
      sluice_events_skipped_unhandled_total: stats.unhandled,
      sluice_events_skipped_other_group_total: stats.otherGroup,
      sluice_events_handed_back_total: stats.handedBack,
      sluice_events_retried_total: stats.retries,
      sluice_events_dead_lettered_total: stats.deadLetters,
      sluice_events_deferred_total: stats.deferred,
      sluice_events_trimmed_total: stats.trimmed,
      sluice_leases_lost_total: stats.leasesLost,
      sluice_settles_unknown_total: stats.unknown,
      sluice_recovered_own_total: stats.recoveredOwn,
      sluice_recovered_stale_total: stats.recoveredStale,
      sluice_recovered_due_total: stats.retried,
      sluice_consumer_errors_total: stats.errors,
      sluice_handler_timeouts_total: stats.timeouts,
    },
    gauges: {
      sluice_events_running: inHand.running,
      sluice_events_prefetched: inHand.prefetched,
      sluice_events_unsettled: inHand.unsettled,
      sluice_events_stuck: inHand.stuck,
    },
    histograms: { sluice_handler_duration_seconds: histogram(stats) },
  };
}

function histogram(stats: ConsumerStats): Histogram {
  let count = 0;
  const buckets = stats.durationBuckets.map((inBucket, at) => {
    count += inBucket;
    return { le: DURATION_BOUNDS_S[at] ?? Number.POSITIVE_INFINITY, count };
  });
  return { buckets, sum: stats.durationSumS, count };
}

export function publisherMetrics(stats: PublisherStats): Metrics {
  return {
    counters: {
      sluice_events_published_total: stats.published,
      sluice_events_published_duplicate_total: stats.duplicates,
      sluice_publish_failures_total: stats.failures,
      sluice_publish_calls_total: stats.calls,
    },
    gauges: { sluice_publishes_in_flight: stats.inFlight },
    histograms: {},
  };
}

/** The metrics of parts that have no name in common, as one. */
export function merged(parts: readonly Metrics[]): Metrics {
  return {
    counters: Object.assign({}, ...parts.map(({ counters }) => counters)),
    gauges: Object.assign({}, ...parts.map(({ gauges }) => gauges)),
    histograms: Object.assign({}, ...parts.map(({ histograms }) => histograms)),
  };
}

/** What several consumers have in hand. */
export function sumOf(all: readonly InHand[]): InHand {
  const sum = { running: 0, prefetched: 0, unsettled: 0, stuck: 0 };
  for (const one of all) {
    sum.running += one.running;
    sum.prefetched += one.prefetched;
    sum.unsettled += one.unsettled;
    sum.stuck += one.stuck;
  }
  return sum;
}
