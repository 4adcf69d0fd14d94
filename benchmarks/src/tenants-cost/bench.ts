/** What all measurements here work with: a server that nobody else uses, a publisher in this process, and its tenants. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Bus, connect } from "@sluice/node";
import { Redis } from "ioredis";
import { monotonicMs } from "../contender.js";
import { readCounters } from "../server/counters.js";
import { inFlight } from "../workloads/in-flight.js";
import { catalog, NOISE, TIMED } from "./events.js";
import { WorkerClient } from "./worker-client.js";

export const STREAM = "orders";

interface Published {
  readonly atMs: number;
  /** By the server's clock. */
  readonly entryMs: number;
}

/** Milliseconds to the start of the handler. */
export interface Times {
  /** From the call of `publish()`. */
  readonly fromPublish: readonly number[];
  /** From the entry's ID, in whole milliseconds: without what the publisher waited for. */
  readonly fromEntry: readonly number[];
}

export class Bench implements AsyncDisposable {
  private index = 0;
  private noise = 0;
  private readonly published = new Map<number, Published>();

  private constructor(
    private readonly program: string,
    readonly url: string,
    readonly redis: Redis,
    readonly bus: Bus<"multi", typeof catalog.schemas>,
  ) {}

  /** @param program the path of `worker-process.ts`, compiled. */
  static async open(program: string, url: string): Promise<Bench> {
    const bus = await connect({ redis: url, stream: STREAM, events: catalog, tenancy: "multi" });
    return new Bench(program, url, new Redis(url), bus);
  }

  /** Events published so far. */
  get total(): number {
    return this.index + this.noise;
  }

  openWorker(): Promise<WorkerClient> {
    return WorkerClient.open(this.program, this.url, STREAM);
  }

  tenantsOf(count: number, prefix = "t"): string[] {
    return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
  }

  /** One event for each. */
  async publishToAll(tenantIds: readonly string[]): Promise<void> {
    await inFlight(tenantIds.length, 200, async (at) => this.publishTimed(tenantIds[at] ?? ""));
  }

  async publishTimed(tenantId: string): Promise<void> {
    this.index += 1;
    const { index } = this;
    const atMs = monotonicMs();
    const { id } = await this.bus.tenant(tenantId).publish(TIMED, { index });
    this.published.set(index, { atMs, entryMs: Number(id.split("-")[0]) });
  }

  /** How long what was handled since the last time took. */
  async times(worker: WorkerClient): Promise<Times> {
    const [fromPublish, fromEntry]: [number[], number[]] = [[], []];
    for (const { index, atMs, wallMs } of await worker.handled()) {
      const published = this.published.get(index);
      // Its publisher may have yet to be told.
      if (published === undefined) continue;
      fromPublish.push(atMs - published.atMs);
      fromEntry.push(wallMs - published.entryMs);
    }
    return { fromPublish, fromEntry };
  }

  /** @param events - a multiple of 100. */
  async publishNoise(tenantId: string, events: number, takesMs: number): Promise<void> {
    const tenant = this.bus.tenant(tenantId);
    this.noise += events;
    await inFlight(Math.ceil(events / 100), 4, async () =>
      tenant.publishMany(Array.from({ length: 100 }, () => ({ type: NOISE, data: { takesMs } }))),
    );
  }

  /** Publishes at an even rate, to one of the tenants at random, until `isOver` or an error. Returns how many. */
  async publishAtRate(
    tenantIds: readonly string[],
    perSecond: number,
    isOver: () => boolean,
  ): Promise<number> {
    const startedAtMs = monotonicMs();
    const calls: Promise<unknown>[] = [];
    while (!isOver()) {
      const due = Math.floor(((monotonicMs() - startedAtMs) * perSecond) / 1_000);
      // What a busy machine held up is published at once, and timed from then.
      while (calls.length < due) {
        calls.push(this.publishTimed(tenantIds[Math.floor(Math.random() * tenantIds.length)] ?? ""));
      }
      await sleep(1);
    }
    await Promise.all(calls);
    return calls.length;
  }

  /** @throws when it takes longer than two minutes. */
  async handled(worker: WorkerClient, events: number): Promise<void> {
    const byMs = monotonicMs() + 120_000;
    for (;;) {
      const { handled } = await worker.usage();
      if (handled >= events) return;
      if (monotonicMs() > byMs) throw new Error(`${handled} events handled in two minutes: wanted ${events}`);
      // To ask costs the worker a look at each tenant with work.
      await sleep(200);
    }
  }

  async redisCpuUs(): Promise<number> {
    return (await readCounters(this.redis)).cpuUs;
  }

  /** A field of INFO. */
  async info(section: string, field: string): Promise<number> {
    const value = new RegExp(`^${field}:(\\d+)`, "m").exec(await this.redis.info(section))?.[1];
    if (value === undefined) throw new Error(`INFO ${section} has no field ${field}`);
    return Number(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus.close();
    this.redis.disconnect();
  }
}
