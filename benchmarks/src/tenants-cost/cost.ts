/** What many tenants cost one worker: at its start, without work, with a little work everywhere, and new ones. */

import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../contender.js";
import type { Bench } from "./bench.js";
import type { Figures } from "./figures.js";
import type { WorkerClient } from "./worker-client.js";

export interface CostSettings {
  readonly tenants: number;
  readonly idleMs: number;
  readonly busyMs: number;
  /** A folder. */
  readonly profile: string | undefined;
}

const PER_SECOND = 1_000;
const NEW_TENANTS = 10;

export async function measureCost(bench: Bench, figures: Figures, settings: CostSettings): Promise<void> {
  const tenantIds = bench.tenantsOf(settings.tenants);
  await openGroups(bench, figures, tenantIds);
  await using worker = await bench.openWorker();
  await measureStart(bench, worker, figures, settings);
  await measureIdle(bench, worker, figures, settings);
  await measureBacklogs(bench, worker, figures, settings, tenantIds);
  await measureBusy(bench, worker, figures, settings, tenantIds);
  await measureNew(bench, worker, figures);
}

/** The first worker ever finds one event of each tenant. */
async function openGroups(bench: Bench, figures: Figures, tenantIds: readonly string[]): Promise<void> {
  await bench.publishToAll(tenantIds);
  await using worker = await bench.openWorker();
  const name = "one event each, no group there";
  await measureBacklog(bench, worker, figures, { kind: "start", events: tenantIds.length, name });
  await worker.usageAfter({ kind: "stop" });
}

/** One event of each tenant comes while the worker is paused: first to one that has not opened their groups, then again. */
async function measureBacklogs(
  bench: Bench,
  worker: WorkerClient,
  figures: Figures,
  { profile }: CostSettings,
  tenantIds: readonly string[],
): Promise<void> {
  const events = tenantIds.length;
  for (const name of ["one event each, first ones of this process", "one event each"]) {
    await worker.usageAfter({ kind: "pause" });
    await bench.publishToAll(tenantIds);
    const maxRedisUs = name === "one event each" ? 80 : undefined;
    const file = `${profile}/backlog.cpuprofile`;
    if (profile !== undefined) await worker.usageAfter({ kind: "profile", file });
    await measureBacklog(bench, worker, figures, { kind: "resume", events, name, maxRedisUs });
    if (profile !== undefined) await worker.usageAfter({ kind: "endProfile" });
  }
}

async function measureBacklog(
  bench: Bench,
  worker: WorkerClient,
  figures: Figures,
  {
    kind,
    events,
    name,
    maxRedisUs,
  }: { kind: "start" | "resume"; events: number; name: string; maxRedisUs?: number | undefined },
): Promise<void> {
  const before = await worker.usage();
  const redisBefore = await bench.redisCpuUs();
  const startedAtMs = monotonicMs();
  await worker.usageAfter({ kind });
  await bench.handled(worker, before.handled + events);
  const tookMs = monotonicMs() - startedAtMs;
  const { cpuUs } = await worker.usage();
  const redisUs = (await bench.redisCpuUs()) - redisBefore;
  figures.add(`${name}: Node`, (cpuUs - before.cpuUs) / events, "µs/event");
  figures.add(`${name}: Redis`, redisUs / events, "µs/event", maxRedisUs);
  figures.add(`${name}: rate`, (events * 1_000) / tookMs, "events/s");
}

async function measureStart(
  bench: Bench,
  worker: WorkerClient,
  figures: Figures,
  { tenants, profile }: CostSettings,
): Promise<void> {
  const clients = await bench.info("clients", "connected_clients");
  const memory = await bench.info("memory", "used_memory");
  if (profile !== undefined)
    await worker.usageAfter({ kind: "profile", file: `${profile}/start.cpuprofile` });
  const before = await worker.usageAfter({ kind: "collect" });
  // Without what the collection took.
  const { cpuUs: cpuBefore } = await worker.usage();
  const redisBefore = await bench.redisCpuUs();
  const startedAtMs = monotonicMs();
  const after = await worker.usageAfter({ kind: "start" });
  figures.add("start: time until all tenants were looked at", (monotonicMs() - startedAtMs) / 1_000, "s");
  figures.add("start: Node", (after.cpuUs - cpuBefore) / 1e6, "s", 0.4);
  figures.add("start: Redis", ((await bench.redisCpuUs()) - redisBefore) / 1e6, "s", 0.1);
  if (profile !== undefined) await worker.usageAfter({ kind: "endProfile" });
  const settled = await worker.usageAfter({ kind: "collect" });
  figures.add("heap for each idle tenant", (settled.heap - before.heap) / tenants, "B", 1_024);
  const more = (await bench.info("memory", "used_memory")) - memory;
  figures.add("Redis memory for each tenant beside stream and group", more / tenants, "B", 300);
  figures.add(
    "connections beside the one that publishes",
    (await bench.info("clients", "connected_clients")) - clients,
    "",
    2,
  );
}

async function measureIdle(
  bench: Bench,
  worker: WorkerClient,
  figures: Figures,
  { idleMs, profile }: CostSettings,
): Promise<void> {
  // What the start left to do is done.
  await sleep(3_000);
  if (profile !== undefined) await worker.usageAfter({ kind: "profile", file: `${profile}/idle.cpuprofile` });
  const before = await worker.usage();
  const redisBefore = await bench.redisCpuUs();
  const startedAtMs = monotonicMs();
  await sleep(idleMs);
  const after = await worker.usage();
  const redisUs = (await bench.redisCpuUs()) - redisBefore;
  const tookUs = (monotonicMs() - startedAtMs) * 1_000;
  if (profile !== undefined) await worker.usageAfter({ kind: "endProfile" });
  figures.add("idle: Node", (100 * (after.cpuUs - before.cpuUs)) / tookUs, "% of a core", 1);
  figures.add("idle: Redis, its own cron included", (100 * redisUs) / tookUs, "% of a core", 0.5);
}

async function measureBusy(
  bench: Bench,
  worker: WorkerClient,
  figures: Figures,
  { busyMs, profile }: CostSettings,
  tenantIds: readonly string[],
): Promise<void> {
  await bench.times(worker);
  if (profile !== undefined) await worker.usageAfter({ kind: "profile", file: `${profile}/busy.cpuprofile` });
  const before = await worker.usage();
  const redisBefore = await bench.redisCpuUs();
  const startedAtMs = monotonicMs();
  const events = await bench.publishAtRate(tenantIds, PER_SECOND, () => monotonicMs() > startedAtMs + busyMs);
  await bench.handled(worker, before.handled + events);
  const tookUs = (monotonicMs() - startedAtMs) * 1_000;
  const after = await worker.usage();
  const redisUs = (await bench.redisCpuUs()) - redisBefore;
  if (profile !== undefined) await worker.usageAfter({ kind: "endProfile" });
  const name = `${PER_SECOND.toLocaleString("en-US")} events/s over all`;
  figures.addTimes(name, await bench.times(worker), { p50: 2, p99: 10 });
  figures.add(`${name}: worker`, (100 * (after.cpuUs - before.cpuUs)) / tookUs, "% of a core", 25);
  figures.add(`${name}: Redis, with the publish`, redisUs / events, "µs/event", 260);
  figures.add(
    `${name}: looks that found nothing`,
    (after.wastedLooks - before.wastedLooks) / events,
    "/event",
    1,
  );
  figures.add(`${name}: found by the sweep`, after.foundBySweep - before.foundBySweep, "", 0);
}

async function measureNew(bench: Bench, worker: WorkerClient, figures: Figures): Promise<void> {
  const took: number[] = [];
  for (const tenantId of bench.tenantsOf(NEW_TENANTS, "new")) {
    const { handled } = await worker.usage();
    await bench.publishTimed(tenantId);
    await bench.handled(worker, handled + 1);
    took.push(...(await bench.times(worker)).fromPublish);
  }
  figures.add("event of a tenant never seen before: slowest", Math.max(...took), "ms", 2_000);
}
