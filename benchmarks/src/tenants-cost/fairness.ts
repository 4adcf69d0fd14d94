/** How long quiet tenants wait beside one that has more work than the worker can do. */

import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../contender.js";
import { quantile } from "../statistics.js";
import type { Bench, Times } from "./bench.js";
import type { Figures } from "./figures.js";
import type { WorkerClient } from "./worker-client.js";

const QUIET = 99;
const PER_SECOND = 400;
const WARM_UP_MS = 3_000;

export interface FairnessSettings {
  /** How long quiet tenants publish, alone and beside slow handlers. */
  readonly quietMs: number;
  /** Events of 10 ms. */
  readonly quick: number;
  /** Events of 1 s. */
  readonly slow: number;
}

export async function measureFairness(
  bench: Bench,
  figures: Figures,
  { quietMs, quick, slow }: FairnessSettings,
): Promise<void> {
  await using worker = await bench.openWorker();
  await worker.usageAfter({ kind: "start" });
  const quiet = bench.tenantsOf(QUIET, "quiet");
  await bench.publishToAll(quiet);
  await bench.handled(worker, bench.total);
  // What is compiled and opened by then costs no measured event anything.
  await timesOf(bench, worker, quiet, WARM_UP_MS);
  const solo = await timesOf(bench, worker, quiet, quietMs);
  figures.addTimes("quiet tenants alone", solo);
  const aloneMs = quantile(solo.fromPublish, 0.99);

  await bench.publishNoise("noisy", quick, 10);
  // While there is noise: 48 of 64 slots for it at most.
  const besideQuick = await timesOf(bench, worker, quiet, (quick * 10) / 64);
  figures.addTimes(`beside ${quick.toLocaleString("en-US")} x 10 ms`, besideQuick, { p99: aloneMs + 10 });

  const { handled } = await worker.usage();
  figures.add("events of 10 ms left after it", bench.total - handled, "");
  await bench.handled(worker, bench.total);

  await bench.publishNoise("slow", slow, 1_000);
  const besideSlow = await timesOf(bench, worker, quiet, Math.min(quietMs, (slow * 1_000) / 64));
  figures.addTimes(`beside ${slow.toLocaleString("en-US")} x 1 s`, besideSlow, { p99: aloneMs + 25 });
}

async function timesOf(
  bench: Bench,
  worker: WorkerClient,
  quiet: readonly string[],
  forMs: number,
): Promise<Times> {
  await bench.times(worker);
  const startedAtMs = monotonicMs();
  const events = await bench.publishAtRate(quiet, PER_SECOND, () => monotonicMs() > startedAtMs + forMs);
  const [fromPublish, fromEntry]: [number[], number[]] = [[], []];
  const byMs = monotonicMs() + 60_000;
  // Each is waited for: those that take longest are the last.
  while (fromPublish.length < events && monotonicMs() < byMs) {
    await sleep(50);
    const times = await bench.times(worker);
    fromPublish.push(...times.fromPublish);
    fromEntry.push(...times.fromEntry);
  }
  return { fromPublish, fromEntry };
}
