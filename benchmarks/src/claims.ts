/**
 * What has to be shown, as data, and how a run's figures are judged by it.
 *
 * A claim is a line of `docs/internals/benchmarks.md`, and the README links to it by its id.
 */
import { figureOf, ratioOf } from "./figures.js";
import { CONSUME, COST, GROWTH, LATENCY, PUBLISH, WORKLOADS } from "./names.js";
import type { Metric, Results } from "./results.js";
import type { Summary } from "./statistics.js";

export interface Claim {
  /** `1a`; the page has the anchor `line-1a`. */
  readonly id: string;
  /** With the unit, unless it is of a ratio. */
  readonly text: string;
  readonly workload: string;
  readonly metric: Metric;
  /** A ratio of ours to the best of the peers, or our figure itself. */
  readonly kind: "ratio" | "value";
  readonly direction: "atLeast" | "atMost";
  /** What has to be held. */
  readonly floor: number;
  /** What is aimed at. */
  readonly goal: number;
  /** All have to hold, so the worst of them decides. */
  readonly comparisons: readonly Comparison[];
}

export interface Comparison {
  readonly ours: string;
  /** Variants of one peer, of which the best by its median counts. None if the claim is of a value. */
  readonly peers: readonly string[];
}

/** From the best to the worst: a claim is as good as the worst of its comparisons. */
const VERDICTS = ["goal", "floor", "not measured", "short"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What came of one comparison. */
export interface Finding {
  readonly ours: string;
  /** The peer that counts. */
  readonly peer?: string;
  /** Ours, in the claim's metric. */
  readonly oursFigure?: Summary;
  /** That peer's, in the claim's metric. */
  readonly peerFigure?: Summary;
  /** What is judged: a ratio or a value. */
  readonly figure?: Summary;
  readonly verdict: Verdict;
}

export interface Judgement {
  readonly claim: Claim;
  readonly verdict: Verdict;
  /** In the order of the claim's comparisons. */
  readonly findings: readonly Finding[];
  /** The finding that decides. */
  readonly worst: Finding;
}

const PUBLISH_RATE = ratio(WORKLOADS.publish, "eventsPerSecond", "atLeast");
const CONSUME_RATE = ratio(WORKLOADS.consume, "eventsPerSecond", "atLeast");

export const CLAIMS: readonly Claim[] = [
  {
    id: "1a",
    text: "publish against raw XADD, 64 in flight each",
    ...PUBLISH_RATE,
    floor: 1.1,
    goal: 1.3,
    comparisons: [like(PUBLISH.ours, PUBLISH.rawXadd, PUBLISH.rawXaddAutoPipelined)],
  },
  {
    id: "1b",
    text: "publishMany of 100, 4 in flight, against raw pipelines of 100 at their best",
    ...PUBLISH_RATE,
    floor: 1,
    goal: 1.2,
    comparisons: [like(PUBLISH.oursManyFour, PUBLISH.rawPipeline, PUBLISH.rawPipelineFour)],
  },
  {
    id: "2a",
    text: "consume against the raw XREADGROUP + XACK loop, which has no idempotency",
    ...CONSUME_RATE,
    floor: 0.8,
    goal: 1,
    comparisons: [
      like(CONSUME.ours64, CONSUME.raw64, CONSUME.rawOverlapped64),
      like(CONSUME.ours512, CONSUME.raw512, CONSUME.rawOverlapped512),
    ],
  },
  {
    id: "2b",
    text: "consume against the hand-written idempotent loop",
    ...CONSUME_RATE,
    floor: 2,
    goal: 2.5,
    comparisons: [like(CONSUME.ours64, CONSUME.idempotent64), like(CONSUME.ours512, CONSUME.idempotent512)],
  },
  {
    id: "2c",
    text: "consume against BullMQ's worker",
    ...CONSUME_RATE,
    floor: 4,
    goal: 6,
    comparisons: [like(CONSUME.ours64, CONSUME.bullmq), like(CONSUME.ours512, CONSUME.bullmq)],
  },
  {
    id: "3a",
    text: "publish to handler start at 200 events/s, p50, against the raw blocking loop",
    ...ratio(WORKLOADS.latency, "p50Ms", "atMost"),
    floor: 2,
    goal: 1.5,
    comparisons: [like(LATENCY.ours, LATENCY.raw)],
  },
  {
    id: "3b",
    text: "publish to handler start at 200 events/s, p99, against the raw blocking loop",
    ...ratio(WORKLOADS.latency, "p99Ms", "atMost"),
    floor: 3,
    goal: 2,
    comparisons: [like(LATENCY.ours, LATENCY.raw)],
  },
  {
    id: "4a",
    text: "Redis CPU per event, publish to processed, against raw XADD + XREADGROUP + XACK in batches",
    ...ratio(WORKLOADS.cost, "redisCpuUs", "atMost"),
    floor: 3.5,
    goal: 2.5,
    comparisons: [like(COST.oursThroughput, COST.rawThroughput)],
  },
  {
    id: "4b",
    text: "memory of a processed key, in bytes",
    ...value(WORKLOADS.cost, "bytesPerKey", "atMost"),
    floor: 100,
    goal: 100,
    comparisons: [like(COST.oursProcessedKey)],
  },
  {
    id: "4c",
    text: "memory of a stream entry against a raw entry with the same JSON",
    ...ratio(WORKLOADS.cost, "bytesPerEntry", "atMost"),
    floor: 1.3,
    goal: 1.3,
    comparisons: [like(COST.oursEntry, COST.rawEntry)],
  },
  {
    id: "5",
    text: "round trips per batch of a busy consumer",
    ...value(WORKLOADS.cost, "roundTripsPerBatch", "atMost"),
    // One each, and a bit of room: the first batch is waited for, and the last one is settled after all reads.
    floor: 1.05,
    goal: 1.05,
    comparisons: [like(COST.oursSteadyState64), like(COST.oursSteadyState512)],
  },
  {
    id: "6a",
    text: "consume with 10M processed keys against none",
    ...ratio(WORKLOADS.growthProcessedKeys, "eventsPerSecond", "atLeast"),
    floor: 0.8,
    goal: 0.8,
    comparisons: [like(GROWTH.manyProcessedKeys, GROWTH.noProcessedKeys)],
  },
  {
    id: "6b",
    text: "recovery of 100,000 stale entries, in events/s",
    ...value(WORKLOADS.recovery, "eventsPerSecond", "atLeast"),
    floor: 20_000,
    goal: 20_000,
    comparisons: [like(GROWTH.recovery)],
  },
];

/** What a claim is about, but for its bounds. */
type Subject = Pick<Claim, "workload" | "metric" | "kind" | "direction">;

function ratio(workload: string, metric: Metric, direction: Claim["direction"]): Subject {
  return { workload, metric, kind: "ratio", direction };
}

function value(workload: string, metric: Metric, direction: Claim["direction"]): Subject {
  return { workload, metric, kind: "value", direction };
}

function like(ours: string, ...peers: readonly string[]): Comparison {
  return { ours, peers };
}

/** Every claim, in their order. */
export function judge(results: Results): readonly Judgement[] {
  return CLAIMS.map((claim) => judgeClaim(claim, results));
}

/** @throws RangeError for a claim without comparisons */
export function judgeClaim(claim: Claim, results: Results): Judgement {
  const findings = claim.comparisons.map((comparison) => compare(claim, comparison, results));
  const [worst] = [...findings].sort((a, b) => badness(claim, b) - badness(claim, a));
  if (worst === undefined) throw new RangeError(`judge the claim "${claim.id}": one comparison at least`);
  return { claim, verdict: worst.verdict, findings, worst };
}

/** How many claims have which verdict. */
export function tallyOf(judgements: readonly Judgement[]): Readonly<Record<Verdict, number>> {
  const count = (wanted: Verdict) => judgements.filter(({ verdict }) => verdict === wanted).length;
  return {
    goal: count("goal"),
    floor: count("floor"),
    short: count("short"),
    "not measured": count("not measured"),
  };
}

/** The README's anchor of a claim in `docs/internals/benchmarks.md`. */
export function anchorOf({ id }: Claim): string {
  return `line-${id}`;
}

/** Whether a figure is at least as good as another, as the claim counts. */
export function holds({ direction }: Claim, figure: number, wanted: number): boolean {
  return direction === "atLeast" ? figure >= wanted : figure <= wanted;
}

function compare(claim: Claim, { ours, peers }: Comparison, results: Results): Finding {
  const { workload, metric, kind } = claim;
  const oursFigure = figureOf(results, workload, ours, metric);
  const best = bestOf(claim, peers, results);
  const figure = kind === "value" ? oursFigure : best && ratioOf(results, workload, ours, best.peer, metric);
  return {
    ours,
    ...(best && { peer: best.peer, peerFigure: best.figure }),
    ...(oursFigure && { oursFigure }),
    ...(figure && { figure }),
    verdict: verdictOn(claim, figure),
  };
}

/** What "best" is goes by the claim: where ours is to be high the highest, where it is to be low the lowest. */
function bestOf(
  claim: Claim,
  peers: readonly string[],
  results: Results,
): { readonly peer: string; readonly figure: Summary } | undefined {
  const measured = peers.flatMap((peer) => {
    const figure = figureOf(results, claim.workload, peer, claim.metric);
    return figure === undefined ? [] : [{ peer, figure }];
  });
  return measured.reduce<(typeof measured)[number] | undefined>(
    (best, one) => (best && holds(claim, best.figure.median, one.figure.median) ? best : one),
    undefined,
  );
}

function verdictOn(claim: Claim, figure: Summary | undefined): Verdict {
  if (figure === undefined) return "not measured";
  if (holds(claim, figure.median, claim.goal)) return "goal";
  return holds(claim, figure.median, claim.floor) ? "floor" : "short";
}

/** Sorts by verdict, and among equals by the figure, which is positive and adds less than 1. */
function badness({ direction }: Claim, { verdict, figure }: Finding): number {
  const rank = VERDICTS.indexOf(verdict);
  if (figure === undefined) return rank;
  const share = figure.median / (1 + figure.median);
  return rank + (direction === "atLeast" ? 1 - share : share);
}
