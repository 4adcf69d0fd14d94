/**
 * Looks at tenants that may have work, though nothing says that they do: those that are new, those that may have rung
 * while no bell was armed, and each of them now and then. A look arms the bells and reads one entry; it takes no slot, so
 * looks wait while there is none.
 */
import { streamKeys } from "@sluice/lua-scripts";
import type { Request } from "../connection.js";
import type { Entry } from "../consumer/entry.js";
import { RequestFailure, readEntries } from "../consumer/round-trip.js";
import { performance } from "../timing.js";
import type { FairOrder } from "./dispatch.js";
import type { Tenant } from "./tenant.js";
import { type PendingCounts, pendingCounts, pendingRequest } from "./trip.js";

/** While all slots are taken, so many tenants for each write wait in the fair order instead. */
const IN_ORDER = 4;

export interface ProbesParts {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
  readonly order: FairOrder;
  /** The tenant is known to need slots, or to be looked at already. */
  readonly wake: (tenant: Tenant) => void;
  readonly onFound: (tenant: Tenant, pending: PendingCounts, entries: readonly Entry[]) => void;
  readonly onFailed: (tenant: Tenant, failure: RequestFailure) => void;
}

export class Probes {
  private readonly queue = new Set<Tenant>();
  private underWay = 0;

  constructor(private readonly parts: ProbesParts) {}

  /** Tenants that wait to be looked at, or are. */
  get size(): number {
    return this.queue.size + this.underWay;
  }

  get waiting(): number {
    return this.queue.size;
  }

  add(tenant: Tenant): void {
    this.queue.add(tenant);
  }

  delete(tenant: Tenant): void {
    this.queue.delete(tenant);
  }

  /** Adds the requests of up to `max` looks to a write. */
  take(max: number, requests: Request[], probed: Tenant[]): void {
    const { order, wake } = this.parts;
    const now = performance.now();
    let inOrder = 0;
    for (const tenant of this.queue) {
      if (probed.length >= max) return;
      if (tenant.active !== undefined || tenant.isLooking || order.free === 0) {
        if (order.free === 0 && inOrder === IN_ORDER) return;
        inOrder += 1;
        this.queue.delete(tenant);
        wake(tenant);
        continue;
      }
      this.queue.delete(tenant);
      this.underWay += 1;
      tenant.isLooking = true;
      tenant.rang = false;
      tenant.lookedAt = now;
      probed.push(tenant);
      this.ask(tenant, requests);
    }
  }

  private ask({ tenantId }: Tenant, requests: Request[]): void {
    const { stream, group, consumer } = this.parts;
    const key = streamKeys(stream, tenantId).stream;
    const args = ["GROUP", group, consumer, "COUNT", 1, "STREAMS", key, ">"];
    requests.push(pendingRequest(key, group), { kind: "command", name: "XREADGROUP", args });
  }

  /** @param replies - to what was asked of these tenants, from `from` on. Returns how many they are. */
  apply(probed: readonly Tenant[], replies: readonly unknown[], from: number): number {
    const { consumer, onFound, onFailed, wake } = this.parts;
    let at = from;
    for (const tenant of probed) {
      const pending = pendingCounts(replies[at], consumer);
      const entries = readEntries(replies[at + 1]);
      at += 2;
      this.underWay -= 1;
      tenant.isLooking = false;
      const failure = [entries, pending].find((one) => one instanceof RequestFailure);
      tenant.isArmed = failure === undefined;
      if (failure instanceof RequestFailure) onFailed(tenant, failure);
      else if (!(pending instanceof RequestFailure || entries instanceof RequestFailure))
        onFound(tenant, pending, entries);
      if (tenant.rang) {
        tenant.rang = false;
        wake(tenant);
      }
    }
    return at - from;
  }
}
