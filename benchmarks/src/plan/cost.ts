/** What an event costs from publish to processed, in the server's time and memory, and in round trips. */

import { COST, processedKeyAmong, publishedKeyAmong, WORKLOADS } from "../names.js";
import type { Metric } from "../results.js";
import { type ContenderPlan, program, type Workload } from "./contender-plan.js";
import { THROUGHPUT_METRICS } from "./metrics.js";

type RawThroughput = typeof import("../workloads/cost/raw-throughput.js");
type OursThroughput = typeof import("../workloads/cost/ours-throughput.js");
type RawMemory = typeof import("../workloads/cost/raw-memory.js");
type OurMemory = typeof import("../workloads/cost/our-memory.js");
type RawSteadyState = typeof import("../workloads/cost/raw-steady-state.js");
type OurSteadyState = typeof import("../workloads/cost/our-steady-state.js");

const EVENTS = 50_000;
const STEADY_EVENTS = 30_000;
const ENTRIES = 10_000;
const KEYS = 100_000;
const QUICK_KEYS = 1_000;
/** Enough for several batches of 512 between a fifth and four fifths of them. */
const QUICK_STEADY_EVENTS = 5_000;

const PER_BATCH: readonly Metric[] = ["roundTripsPerBatch", "eventsPerBatch"];

const throughput: readonly ContenderPlan[] = [
  {
    name: COST.rawThroughput,
    program: program<RawThroughput>("cost/raw-throughput.ts", { count: 512 }),
    events: EVENTS,
    metrics: THROUGHPUT_METRICS,
    note: "pipelines of 100, 4 in flight, then the overlapped loop with COUNT 512",
  },
  {
    name: COST.oursThroughput,
    program: program<OursThroughput>("cost/ours-throughput.ts", { concurrency: 512 }),
    events: EVENTS,
    metrics: THROUGHPUT_METRICS,
    note: "publishMany of 100, 4 in flight, then a consumer with concurrency 512",
  },
];

const ofOurs = (of: "entry" | "publishedKey" | "processedKey") =>
  program<OurMemory>("cost/our-memory.ts", { of });

const memory: readonly ContenderPlan[] = [
  {
    name: COST.rawEntry,
    program: program<RawMemory>("cost/raw-memory.ts", null),
    events: ENTRIES,
    metrics: ["bytesPerEntry"],
  },
  { name: COST.oursEntry, program: ofOurs("entry"), events: ENTRIES, metrics: ["bytesPerEntry"] },
  {
    name: COST.oursProcessedKey,
    program: ofOurs("processedKey"),
    events: KEYS,
    quick: { name: processedKeyAmong(QUICK_KEYS), events: QUICK_KEYS },
    metrics: ["bytesPerKey"],
  },
  {
    name: COST.oursPublishedKey,
    program: ofOurs("publishedKey"),
    events: KEYS,
    quick: { name: publishedKeyAmong(QUICK_KEYS), events: QUICK_KEYS },
    metrics: ["bytesPerKey"],
  },
];

const rawSteadyState = (count: number) =>
  program<RawSteadyState>("cost/raw-steady-state.ts", { count, overlapped: false });
const ourSteadyState = (concurrency: number) =>
  program<OurSteadyState>("cost/our-steady-state.ts", { concurrency });

const STEADY = {
  events: STEADY_EVENTS,
  quick: { events: QUICK_STEADY_EVENTS },
  metrics: PER_BATCH,
} as const;

const steadyState: readonly ContenderPlan[] = [
  { name: COST.rawSteadyState64, program: rawSteadyState(64) },
  { name: COST.oursSteadyState64, program: ourSteadyState(64) },
  { name: COST.rawSteadyState512, program: rawSteadyState(512) },
  { name: COST.oursSteadyState512, program: ourSteadyState(512) },
].map((plan) => ({ ...plan, ...STEADY }));

export const cost: Workload = {
  name: WORKLOADS.cost,
  metrics: [...THROUGHPUT_METRICS, "bytesPerEntry", "bytesPerKey", ...PER_BATCH],
  contenders: [...throughput, ...memory, ...steadyState],
};
