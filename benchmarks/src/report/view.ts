/** What there is to show of one workload, before it becomes a table on a terminal or a page. */
import { contendersOf, figureOf, measurementOf, ratioOf } from "../figures.js";
import { CONSUME, isOurs, LATENCY, PUBLISH, WORKLOADS } from "../names.js";
import type { Metric, Results } from "../results.js";
import type { Summary } from "../statistics.js";
import { METRIC_TEXTS } from "./metrics.js";

/** What a workload's ratios are to; of the others to the contender that comes first. */
const REFERENCES: ReadonlyMap<string, string> = new Map([
  [WORKLOADS.publish, PUBLISH.rawXadd],
  [WORKLOADS.consume, CONSUME.raw64],
  [WORKLOADS.consumeByTwo, CONSUME.raw64],
  [WORKLOADS.latency, LATENCY.raw],
]);

/** Here ours is compared with the peer above it, of the same size. */
const PAIRED: ReadonlySet<string> = new Set([
  ...[WORKLOADS.recovery, WORKLOADS.growthStreamsPublish],
  ...[WORKLOADS.growthPayloadPublish, WORKLOADS.growthPayloadConsume],
]);

/** Metrics in the order in which they are shown. */
// Object.keys tells texts; the record has the metrics as its keys and nothing else.
const METRICS = Object.keys(METRIC_TEXTS) as readonly Metric[];
const THROUGHPUT = "eventsPerSecond";
/** Where contenders have these, their figures are too unlike for a row each. */
const OF_THEIR_OWN: ReadonlySet<Metric> = new Set([
  ...(["p50Ms", "p99Ms", "p999Ms", "bytesPerKey", "bytesPerEntry", "roundTripsPerBatch"] as const),
]);

/** A contender a row: all were measured in events per second. */
export interface ThroughputView {
  readonly kind: "throughput";
  readonly workload: string;
  /** Besides events per second. */
  readonly metrics: readonly Metric[];
  readonly rows: readonly ThroughputRow[];
  readonly notes: readonly Note[];
}

export interface ThroughputRow {
  readonly contender: string;
  readonly ours: boolean;
  /** Undefined if it was not measured; then its note says why. */
  readonly eventsPerSecond: Summary | undefined;
  /** Whose events per second the ratio is to: this one's own, or those of one above it. */
  readonly reference: string;
  /** To the reference. */
  readonly ratio: Summary | undefined;
  readonly figures: ReadonlyMap<Metric, Summary>;
}

/** A figure a row. */
export interface ListView {
  readonly kind: "list";
  readonly workload: string;
  readonly rows: readonly ListRow[];
  readonly notes: readonly Note[];
}

export interface ListRow {
  readonly metric: Metric;
  readonly contender: string;
  readonly ours: boolean;
  readonly figure: Summary;
  /** A peer with this metric, the nearest above; undefined if ours alone have it. */
  readonly reference: string | undefined;
  /** To the reference. */
  readonly ratio: Summary | undefined;
}

/** What is to be known of a contender's figures, or why there are none. */
export interface Note {
  readonly contender: string;
  readonly text: string;
}

export function viewOf(results: Results, workload: string): ThroughputView | ListView {
  const contenders = contendersOf(results, workload);
  const metricsOf = (contender: string) =>
    METRICS.filter((metric) => figureOf(results, workload, contender, metric));
  const metrics = METRICS.filter((metric) => contenders.some((one) => metricsOf(one).includes(metric)));
  const measured = contenders.filter((contender) => metricsOf(contender).length > 0);
  const alike =
    measured.every((contender) => metricsOf(contender).includes(THROUGHPUT)) &&
    !metrics.some((metric) => OF_THEIR_OWN.has(metric));
  return alike ? throughputView(results, workload, metrics) : listView(results, workload, metrics);
}

function throughputView(results: Results, workload: string, metrics: readonly Metric[]): ThroughputView {
  const contenders = contendersOf(results, workload);
  const others = metrics.filter((metric) => metric !== THROUGHPUT);
  const rows = contenders.map((contender, at) => {
    const reference = referenceOf(workload, contenders, at);
    return {
      contender,
      ours: isOurs(contender),
      eventsPerSecond: figureOf(results, workload, contender, THROUGHPUT),
      reference,
      ratio: ratioOf(results, workload, contender, reference, THROUGHPUT),
      figures: new Map(
        others.flatMap((metric) => {
          const figure = figureOf(results, workload, contender, metric);
          return figure === undefined ? [] : [[metric, figure] as const];
        }),
      ),
    };
  });
  return { kind: "throughput", metrics: others, workload, rows, notes: notesOf(results, workload) };
}

/** What the ratio of the contender at `at` is to. */
function referenceOf(workload: string, contenders: readonly string[], at: number): string {
  const wanted = REFERENCES.get(workload);
  const reference = PAIRED.has(workload)
    ? nearestPeer(contenders, at)
    : contenders.find((contender) => contender === wanted);
  return reference ?? contenders[0] ?? "";
}

/** The one at `at`, if it is a peer, or else that next above it, or the first below it. */
function nearestPeer(contenders: readonly string[], at: number): string | undefined {
  const isPeer = (contender: string) => !isOurs(contender);
  return contenders.slice(0, at + 1).findLast(isPeer) ?? contenders.find(isPeer);
}

function listView(results: Results, workload: string, metrics: readonly Metric[]): ListView {
  const rows = metrics.flatMap((metric) => {
    const having = contendersOf(results, workload).flatMap((contender) => {
      const figure = figureOf(results, workload, contender, metric);
      return figure === undefined ? [] : [{ metric, contender, ours: isOurs(contender), figure }];
    });
    const names = having.map(({ contender }) => contender);
    return having.map((row, at) => {
      const reference = nearestPeer(names, at);
      const ratioTo = (peer: string) => ratioOf(results, workload, row.contender, peer, metric);
      return { ...row, reference, ratio: reference === undefined ? undefined : ratioTo(reference) };
    });
  });
  return { kind: "list", workload, rows, notes: notesOf(results, workload) };
}

function notesOf(results: Results, workload: string): readonly Note[] {
  return contendersOf(results, workload).flatMap((contender) => {
    const texts = METRICS.flatMap(
      (metric) => measurementOf(results, workload, contender, metric)?.note ?? [],
    );
    return [...new Set(texts)].map((text) => ({ contender, text }));
  });
}
