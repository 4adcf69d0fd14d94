/**
 * Names of workloads and contenders: what the plan measures, the claims compare and the report shows, in one place.
 */

export const WORKLOADS = {
  publish: "publish",
  consume: "consume",
  consumeByTwo: "consume, two processes",
  latency: "latency",
  cost: "cost",
  growthProcessedKeys: "growth: processed keys",
  growthPending: "growth: pending",
  recovery: "growth: recovery of stale entries",
  growthStreamsPublish: "growth: streams, publish",
  growthStreamsConsume: "growth: streams, consume",
  growthPayloadPublish: "growth: payload, publish",
  growthPayloadConsume: "growth: payload, consume",
  tenants: "tenants, one process",
} as const;

/** Ours all begin with this word, and no peer does. */
const OURS = "sluice";

export function isOurs(contender: string): boolean {
  return contender.startsWith(`${OURS} `);
}

export const PUBLISH = {
  rawXadd: "raw XADD, 64 in flight",
  rawXaddAutoPipelined: "raw XADD, 64 in flight, auto-pipelined",
  rawPipeline: "raw pipelines of 100",
  rawPipelineFour: "raw pipelines of 100, 4 in flight",
  bullmq: "BullMQ addBulk of 100",
  bullmqFour: "BullMQ addBulk of 100, 4 in flight",
  groupmq: "groupmq add, 64 in flight",
  ours: "sluice publish, 64 in flight",
  oursMany: "sluice publishMany of 100",
  oursManyFour: "sluice publishMany of 100, 4 in flight",
} as const;

/** In one process and in two. */
export const CONSUME = {
  raw64: "raw loop, COUNT 64",
  raw512: "raw loop, COUNT 512",
  rawOverlapped64: "raw loop, COUNT 64, overlapped",
  rawOverlapped512: "raw loop, COUNT 512, overlapped",
  idempotent64: "hand-written idempotent loop, COUNT 64",
  idempotent512: "hand-written idempotent loop, COUNT 512",
  bullmq: "BullMQ worker, concurrency 100",
  groupmq: "groupmq worker, concurrency 100",
  ours1: "sluice consumer, concurrency 1",
  ours64: "sluice consumer, concurrency 64",
  ours512: "sluice consumer, concurrency 512",
} as const;

/** Publish to handler start, at 200 events a second. */
export const LATENCY = {
  raw: "raw blocking loop",
  ours: "sluice consumer, blocking",
} as const;

/**
 * Names of what has a size say it, so that no figures of another size, such as those of `--quick`, go by them: `10M`,
 * `100,000`, `64 KB`. `at 64` is the concurrency of ours, and COUNT of the raw loop.
 */
const counted = (count: number) =>
  count >= 1_000_000 ? `${count / 1_000_000}M` : count.toLocaleString("en-US");
const bytes = (count: number) => (count >= 1_024 ? `${count / 1_024} KB` : `${count} B`);
const streams = (count: number) => `${counted(count)} ${count === 1 ? "stream" : "streams"}`;

export const processedKeyAmong = (keys: number) => `sluice processed key, one of ${counted(keys)}`;
export const publishedKeyAmong = (keys: number) => `sluice published key, one of ${counted(keys)}`;

export const COST = {
  rawThroughput: "raw XADD, XREADGROUP, XACK in batches",
  oursThroughput: "sluice publish to processed",
  rawEntry: "raw entry, the same JSON",
  oursEntry: "sluice entry",
  oursProcessedKey: processedKeyAmong(100_000),
  oursPublishedKey: publishedKeyAmong(100_000),
  rawSteadyState64: "raw loop, steady state at 64",
  oursSteadyState64: "sluice consumer, steady state at 64",
  rawSteadyState512: "raw loop, steady state at 512",
  oursSteadyState512: "sluice consumer, steady state at 512",
} as const;

export const consumerWithProcessedKeys = (keys: number) =>
  `sluice consumer, ${keys === 0 ? "no" : counted(keys)} processed keys`;
export const consumerBesidePending = (entries: number) =>
  `sluice consumer, ${entries === 0 ? "none" : counted(entries)} pending elsewhere`;
export const recoveryOf = (entries: number) => `sluice recovery of ${counted(entries)} stale entries`;
export const rawRecoveryOf = (entries: number) => `raw XAUTOCLAIM of ${counted(entries)} stale entries`;
export const publishOver = (count: number) => `sluice publish over ${streams(count)}`;
export const rawPublishOver = (count: number) => `raw XADD over ${streams(count)}`;
export const consumerOfOneOf = (count: number) => `sluice consumer of one of ${streams(count)}`;
export const publishManyOfEach = (size: number) => `sluice publishMany of 100, ${bytes(size)} each`;
export const rawPipelineOfEach = (size: number) => `raw pipelines of 100, ${bytes(size)} each`;
export const consumerOfEach = (size: number) => `sluice consumer at 64, ${bytes(size)} each`;
export const rawLoopOfEach = (size: number) => `raw overlapped loop at 64, ${bytes(size)} each`;

/** Events of each tenant, by tenants. */
const ofTenants = (each: number, tenants: number) => `${counted(each)} x ${counted(tenants)}`;
export const workerOfTenants = (each: number, tenants: number) =>
  `sluice worker, ${ofTenants(each, tenants)}`;
export const consumersOfTenants = (each: number, tenants: number) =>
  `sluice consumer per tenant, ${ofTenants(each, tenants)}`;
export const bullmqForTenants = "BullMQ worker, one queue";

/** What claims are about; the plan has more sizes. */
export const GROWTH = {
  noProcessedKeys: consumerWithProcessedKeys(0),
  manyProcessedKeys: consumerWithProcessedKeys(10_000_000),
  recovery: recoveryOf(100_000),
} as const;
