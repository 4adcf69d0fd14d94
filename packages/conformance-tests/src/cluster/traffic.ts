/**
 * The traffic of one runtime: a process that publishes for every tenant, another that consumes for every tenant,
 * and a record of what each publish came to and of every handler that began.
 */

import { setTimeout as delay } from "node:timers/promises";
import { DriverError, DriverProcess } from "../runner/driver-process.js";
import type { Address } from "../runner/proxy.js";
import type { Runtime } from "../runtimes.js";
import type { Acknowledged, Attempt, Refused } from "./judge.js";
import type { SpreadTenant } from "./tenants.js";

export const GROUP = "billing";

/** Time between two publishes for one tenant. */
const PUBLISH_EVERY_MS = 2_000;
/** Longer than a failover takes here, so that publishes can wait for its end. */
const PUBLISH_DEADLINE_MS = 30_000;
/** Idle entries of a consumer that is gone are taken over after this. */
const LEASE_MS = 10_000;
/** Consumers are started in turns of so many: each opens a connection to a master. */
const START_AT_A_TIME = 50;

export interface TrafficOptions {
  readonly runtime: Runtime;
  readonly stream: string;
  readonly tenants: readonly SpreadTenant[];
  /** Every node, for runtimes that ask for the permission to talk to each. */
  readonly addresses: readonly Address[];
  /** The one node that clients are told of. */
  readonly entry: Address;
}

export class Traffic implements AsyncDisposable {
  readonly acknowledged: Acknowledged[] = [];
  readonly refused: Refused[] = [];
  readonly attempts: Attempt[] = [];
  /** By tenant, when its last publish was acknowledged, and when its last handler began. */
  readonly lastAcknowledgedAt = new Map<string, number>();
  readonly lastAttemptAt = new Map<string, number>();
  private publishing = true;
  private flows: Promise<unknown> = Promise.resolve();
  /** How many of the consumers' events have been looked at. */
  private noted = 0;

  private constructor(
    readonly tenants: readonly SpreadTenant[],
    private readonly publisher: DriverProcess,
    private readonly consumers: DriverProcess,
  ) {
    consumers.onEvent(() => this.note());
  }

  /** Resolves when every tenant has a consumer that reads. */
  static async start(options: TrafficOptions): Promise<Traffic> {
    const { runtime, tenants, addresses } = options;
    const publisher = await DriverProcess.start(runtime, addresses);
    const consumers = await DriverProcess.start(runtime, addresses).catch(async (error: unknown) => {
      await publisher[Symbol.asyncDispose]();
      throw error;
    });
    const traffic = new Traffic(tenants, publisher, consumers);
    try {
      await Promise.all([publisher, consumers].map((driver) => connect(driver, options)));
      for (let from = 0; from < tenants.length; from += START_AT_A_TIME) {
        const turn = tenants.slice(from, from + START_AT_A_TIME);
        await Promise.all(turn.map((tenant) => traffic.consume(tenant)));
      }
      return traffic;
    } catch (error) {
      await traffic[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Publishes for every tenant from now on, each at its own pace: one that waits holds up no other. */
  publish(): void {
    this.flows = Promise.all(this.tenants.map((tenant, index) => this.flow(tenant, index)));
  }

  /** Resolves when the last publish has settled. */
  async stopPublishing(): Promise<void> {
    this.publishing = false;
    await this.flows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.publishing = false;
    await Promise.all([this.publisher, this.consumers].map((driver) => driver[Symbol.asyncDispose]()));
  }

  private async consume({ name }: SpreadTenant): Promise<void> {
    await this.consumers.request("consumer", {
      ...{ consumer: name, bus: "bus", tenant: name, group: GROUP, leaseMs: LEASE_MS },
      handlers: [{ types: ["order.placed"] }],
    });
    await this.consumers.request("start", { consumer: name });
  }

  private async flow({ name }: SpreadTenant, index: number): Promise<void> {
    // So that they do not all come in the same moment.
    await delay((index / this.tenants.length) * PUBLISH_EVERY_MS);
    for (let n = 1; this.publishing && this.publisher.alive; n += 1) {
      await Promise.all([this.publishOne(name, `o${n}`), delay(PUBLISH_EVERY_MS)]);
    }
  }

  private async publishOne(tenant: string, key: string): Promise<void> {
    const event = { type: "order.placed", data: { orderId: key, amount: 1 }, key };
    try {
      const receipt = await this.publisher.request("publish", { bus: "bus", tenant, ...event });
      const { id }: { id?: unknown } = Object(receipt);
      const at = performance.now();
      this.acknowledged.push({ tenant, key, id: String(id), at });
      this.lastAcknowledgedAt.set(tenant, at);
    } catch (error) {
      const code = error instanceof DriverError ? String(error.fields.code) : String(error);
      this.refused.push({ tenant, key, code, at: performance.now() });
    }
  }

  /** Writes down what was told since the last time, with the time. */
  private note(): void {
    const { events } = this.consumers;
    for (; this.noted < events.length; this.noted += 1) {
      const told = events[this.noted];
      if (told?.event !== "handling") continue;
      const at = performance.now();
      this.attempts.push({ tenant: told.consumer, key: String(told.idempotencyKey), at });
      this.lastAttemptAt.set(told.consumer, at);
    }
  }
}

async function connect(driver: DriverProcess, { stream, entry }: TrafficOptions): Promise<void> {
  await driver.request("connect", {
    ...{ bus: "bus", stream, tenancy: "multi", deadlineMs: PUBLISH_DEADLINE_MS },
    redis: { cluster: [entry] },
  });
}
