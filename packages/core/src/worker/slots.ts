/** The slots of a worker's process: which attempt begins next, in a slot that the fair order has given to its tenant. */
import type { ReadySource } from "../consumer/executor.js";
import type { FinishedAttempt } from "../consumer/finished-attempt.js";
import type { LeasedAttempt } from "../consumer/leased-attempt.js";
import { performance } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";
import type { FairOrder, Slot } from "./dispatch.js";

export class Slots implements ReadySource {
  /** Tenants with attempts that are ready, in turns. */
  private readonly queue = new Set<ActiveTenant>();
  /** What runs, in the order begun. */
  private readonly taken = new Map<LeasedAttempt, Slot | undefined>();

  constructor(
    private readonly order: FairOrder,
    private readonly activeOf: (attempt: LeasedAttempt) => ActiveTenant | undefined,
    private readonly onBegin: (attempt: LeasedAttempt) => void,
  ) {}

  /** Tenants with attempts that are ready. */
  get ready(): number {
    return this.queue.size;
  }

  /** Entries that were delivered to these tenants and are not leased. */
  get delivered(): number {
    let delivered = 0;
    for (const { inFlight } of this.queue) delivered += inFlight.delivered;
    return delivered;
  }

  /** What runs, in the order begun; lost attempts whose handlers go on included. */
  get running(): Iterable<LeasedAttempt> {
    return this.taken.keys();
  }

  get runningCount(): number {
    return this.taken.size;
  }

  /** The tenant may have attempts that are ready. */
  offer(active: ActiveTenant): void {
    if (active.inFlight.ready > 0) this.queue.add(active);
  }

  /** The tenant has none any more. */
  withdraw(active: ActiveTenant): void {
    this.queue.delete(active);
  }

  next(): LeasedAttempt | undefined {
    for (const active of this.queue) {
      this.queue.delete(active);
      const { lane } = active;
      // It is offered again with its slot.
      if (lane === undefined || lane.reserved === 0) continue;
      const attempt = active.inFlight.next();
      if (attempt === undefined) continue;
      this.taken.set(attempt, this.order.begunReserved(lane, performance.now()));
      this.offer(active);
      this.onBegin(attempt);
      return attempt;
    }
    return undefined;
  }

  /** An attempt begins; one that runs by itself takes its slot now. */
  begins(attempt: LeasedAttempt): void {
    if (this.taken.has(attempt)) return;
    const active = this.activeOf(attempt);
    let slot: Slot | undefined;
    if (active !== undefined && this.order.free > 0) {
      const now = performance.now();
      active.lane = this.order.ready(active.tenant.tenantId, Math.max(1, active.wanted), now);
      slot = this.order.begun(active.lane, now);
    }
    this.taken.set(attempt, slot);
    this.onBegin(attempt);
  }

  /** Attempts have ended, or are given up; to say so twice changes nothing. */
  ended(all: readonly FinishedAttempt[]): void {
    const now = performance.now();
    for (const { attempt } of all) {
      const slot = this.taken.get(attempt);
      this.taken.delete(attempt);
      if (slot !== undefined) this.order.ended(slot, now);
    }
  }
}
