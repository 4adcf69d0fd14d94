/**
 * A tenant with work, in one worker: this process's membership of the tenant's group, the slots that are kept for it, and
 * what it asks for next. It is dropped when the tenant has no work left.
 */
import type { GroupCalls } from "../consumer/group-calls.js";
import type { Membership } from "../consumer/membership.js";
import type { Observer } from "../consumer/observer.js";
import { performance } from "../timing.js";
import type { FairOrder, Lane } from "./dispatch.js";
import { FIRST_READ, readCount } from "./read-size.js";
import type { Suspension } from "./suspension.js";
import type { Tenant } from "./tenant.js";
import type { Look, TenantTrip } from "./trip.js";

/** Round trips of one tenant that may overlap. */
const MAX_TRIPS = 2;
/** Entries that one call leases or recovers at most. */
const MAX_PER_CALL = 256;
/**
 * Most entries that are leased together with the look that brings them. The script reads their keys from the stream,
 * payload and all; beyond a few, another round trip costs less.
 */
const MAX_LEASED_WITH_LOOK = 8;

/** What the next write carries for the tenant, besides what has finished and what may be leased. */
export interface Plan {
  readonly open: boolean;
  readonly recover: number;
  readonly read: number;
}

const SETTLE_ONLY: Plan = { open: false, recover: 0, read: 0 };

/** All that leases for a tenant is in its round trips. */
const noOthers = (): readonly string[] => [];

export class ActiveTenant {
  readonly membership: Membership<Tenant>;
  /** Its lane in the fair order, good while it has work there. */
  lane: Lane | undefined;
  /** Writes under way that carry something for it. */
  trips = 0;
  /** Calls under way that release some of its entries. */
  releasing = 0;
  /** Entries that reads and recoveries under way may bring. */
  expected = 0;
  readSize = FIRST_READ;
  /** The last read was full, so the next one need not arm the bells. */
  isHot = false;
  /** Something says that there is work: the next look most likely brings some. */
  expectsWork = true;
  /** Since when it has wanted slots that it was not given, by performance.now(). */
  wantsSince = Number.POSITIVE_INFINITY;
  /** When entries were delivered last, by performance.now(). */
  deliveredAt = 0;
  /** The group has to be opened, for the first time or again. */
  needsOpen: boolean;
  suspension: Suspension | undefined;
  plan: Plan | undefined;

  constructor(
    readonly tenant: Tenant,
    parts: {
      readonly membership: Membership<Tenant>;
      readonly calls: GroupCalls;
      readonly observer: Observer;
      readonly needsOpen: boolean;
    },
  ) {
    this.membership = parts.membership;
    this.calls = parts.calls;
    this.observer = parts.observer;
    this.needsOpen = parts.needsOpen;
  }

  readonly calls: GroupCalls;
  readonly observer: Observer;

  get inFlight() {
    return this.membership.inFlight;
  }

  /** Whether recovery comes next, be it of what is due alone. */
  get recovers(): boolean {
    return this.membership.passes.current !== undefined || this.tenant.isDue;
  }

  /** Nothing is left to do. */
  get isIdle(): boolean {
    const { membership } = this;
    return (
      this.inFlight.size + this.trips + this.releasing === 0 &&
      !membership.moreToRead &&
      !this.recovers &&
      this.suspension === undefined &&
      membership.begun.state !== undefined
    );
  }

  // --- what it asks for --------------------------------------------------------------------------------------------

  /** Whether a write may carry something for it now. */
  private get maySend(): boolean {
    if (this.plan !== undefined) return false;
    return this.suspension === undefined || performance.now() >= this.suspension.until;
  }

  /** Whether it has something to send that needs no slot. */
  get hasToSend(): boolean {
    if (!this.maySend) return false;
    return this.inFlight.finished > 0 || (this.leasable > 0 && this.trips < MAX_TRIPS);
  }

  /** Events for which slots are wanted, as far as is known. */
  get wanted(): number {
    if (!this.maySend) return 0;
    const { moreToRead } = this.membership;
    if (this.needsOpen)
      return this.trips > 0 ? 0 : Number(moreToRead || this.recovers || this.inFlight.size > 0);
    // What is in flight is left out of a recovery, so it has to be known: nothing that brings entries is under way.
    if (this.recovers) return this.trips > 0 ? 0 : 1;
    if (this.trips >= MAX_TRIPS) return 0;
    return this.unslotted + (moreToRead && (this.expected === 0 || this.isHot) ? this.readSize : 0);
  }

  /** Entries that are delivered and have a slot. */
  get leasable(): number {
    if (this.needsOpen || this.recovers) return 0;
    return Math.min(this.inFlight.delivered - this.unslotted, MAX_PER_CALL);
  }

  /** Plans a write that needs no slot. */
  planSettle(): void {
    this.plan = SETTLE_ONLY;
  }

  /** As {@link planWork}, where a write that needs no slot may be planned already, which carries it then. */
  planMore(order: FairOrder, lane: Lane, max: number): boolean {
    const { plan } = this;
    if (plan !== undefined && (plan !== SETTLE_ONLY || this.needsOpen)) return false;
    this.plan = undefined;
    const isPlanned = this.planWork(order, lane, max);
    if (!isPlanned) this.plan = plan;
    return isPlanned;
  }

  /**
   * Takes slots for what it asks for, and plans a write for that. Returns false if it cannot use any now.
   *
   * @param max - slots at most.
   */
  private planWork(order: FairOrder, lane: Lane, max: number): boolean {
    this.lane = lane;
    if (this.wanted === 0) return false;
    if (this.needsOpen) {
      this.plan = { open: true, recover: 0, read: 0 };
      return true;
    }
    const { bounds, moreToRead } = this.membership;
    const room = Math.min(order.room(lane), max);
    if (room <= 0) return false;
    if (this.recovers) {
      const recover = Math.min(room, bounds.maxRecover, MAX_PER_CALL);
      order.reserve(lane, recover);
      this.plan = { open: false, recover, read: 0 };
      return true;
    }
    const { unslotted } = this;
    const reads = moreToRead && (this.expected === 0 || this.isHot);
    const size = reads ? Math.min(readCount(this.readSize, order.active <= 1), bounds.maxRead) : 0;
    const count = Math.min(room, unslotted + size);
    order.reserve(lane, count);
    this.plan = { open: false, recover: 0, read: Math.max(0, count - unslotted) };
    return true;
  }

  /** Claims what the planned write carries. */
  claim(): TenantTrip {
    const { plan = SETTLE_ONLY, membership, tenant } = this;
    this.plan = undefined;
    if (plan.open) {
      this.trips += 1;
      return { open: tenant.wasOpened ? "REJOIN" : "TAKE", roundTrip: undefined, look: undefined };
    }
    const lease = plan.recover > 0 || this.trips >= MAX_TRIPS ? 0 : this.leasable;
    const looks = plan.read > 0 && !this.isHot;
    const read = looks ? 0 : plan.read;
    const settle = this.inFlight.finished > 0;
    const { recover } = plan;
    const isSomething = settle || lease + recover + read > 0;
    const roundTrip = isSomething ? membership.claim({ settle, lease, recover, read }, noOthers) : undefined;
    const look = looks ? this.claimLook(plan.read) : undefined;
    this.expected += recover + plan.read;
    if (lease + recover + plan.read > 0) this.trips += 1;
    return { open: undefined, roundTrip, look };
  }

  private claimLook(count: number): Look {
    const { membership, tenant, inFlight } = this;
    tenant.isLooking = true;
    tenant.rang = false;
    tenant.lookedAt = performance.now();
    const after = membership.lastRead;
    // What a lease behind the read finds behind `after` is what that read brings.
    const isOnly = inFlight.size === 0 || (after !== "0-0" && inFlight.delivered + inFlight.leasing === 0);
    const leases = isOnly && this.expectsWork && count <= MAX_LEASED_WITH_LOOK;
    return { count, nonce: leases ? membership.begun.nonce() : "", after };
  }

  // --- slots -------------------------------------------------------------------------------------------------------

  /** Entries that came without a slot being kept for them. */
  private get unslotted(): number {
    return Math.max(0, this.unbegun - (this.lane?.reserved ?? 0));
  }

  /** Entries that are here, or on their way, and have yet to begin. */
  private get unbegun(): number {
    const { delivered, leasing, ready } = this.inFlight;
    return this.expected + delivered + leasing + ready;
  }

  /** Gives back slots that are kept for nothing. */
  releaseSlots(order: FairOrder): void {
    const { lane } = this;
    const unused = (lane?.reserved ?? 0) - this.unbegun;
    if (lane !== undefined && unused > 0) order.release(lane, unused);
  }
}
