/** What all tenants of a worker have in flight together. */
import type { InFlight } from "../consumer/in-flight.js";
import type { LeasedAttempt } from "../consumer/leased-attempt.js";
import type { InFlightCounts } from "../consumer/quiescence.js";
import type { FairOrder } from "./dispatch.js";
import type { Slots } from "./slots.js";
import type { Tenants } from "./tenants.js";

export class Totals implements InFlightCounts {
  constructor(
    private readonly tenants: Tenants,
    private readonly slots: Slots,
  ) {}

  get delivered(): number {
    return this.sum(({ delivered }) => delivered);
  }

  get ready(): number {
    return this.sum(({ ready }) => ready);
  }

  get running(): number {
    return this.slots.runningCount;
  }

  get finished(): number {
    return this.sum(({ finished }) => finished);
  }

  get size(): number {
    return this.sum(({ size }) => size);
  }

  get runningNow(): Iterable<LeasedAttempt> {
    return this.slots.running;
  }

  /** Tenants that want slots may not have one before an attempt ends. */
  isFull(order: FairOrder, concurrency: number): boolean {
    if (this.running >= concurrency) return true;
    if (this.ready > 0 || order.next() !== undefined) return false;
    for (const { wanted } of this.tenants.withWork) if (wanted > 0) return true;
    return false;
  }

  /** What waits for its group to be opened may find something to recover. */
  get isRecovering(): boolean {
    for (const { membership, needsOpen, suspension } of this.tenants.withWork) {
      if (membership.passes.current !== undefined || (needsOpen && suspension === undefined)) return true;
    }
    return false;
  }

  get moreToRead(): boolean {
    for (const { membership } of this.tenants.withWork) if (membership.moreToRead) return true;
    return false;
  }

  get inHand() {
    const { running } = this;
    const prefetched = this.sum(({ delivered, leasing, ready }) => delivered + leasing + ready);
    return { running, prefetched, unsettled: this.sum(({ finished, settling }) => finished + settling) };
  }

  tenantCounts(order: FairOrder) {
    let suspended = 0;
    let noisy = 0;
    for (const { suspension, lane } of this.tenants.withWork) {
      if (suspension !== undefined) suspended += 1;
      const held = lane === undefined || lane.ready === 0 ? undefined : order.heldBy(lane);
      if (held !== undefined && held !== "slots") noisy += 1;
    }
    return { known: this.tenants.size, ready: this.tenants.withWork.size, noisy, suspended };
  }

  private sum(of: (inFlight: InFlight) => number): number {
    let sum = 0;
    for (const { inFlight } of this.tenants.withWork) sum += of(inFlight);
    return sum;
  }
}
