/**
 * The order in which a worker begins the events of many tenants: start-time fair queueing by handler time (P. Goyal, H. Vin,
 * H. Cheng, SIGCOMM 1996). {@link Allowance} says how many slots each tenant may have. No I/O, clock or timers: callers
 * pass the time, in milliseconds of any monotonic clock.
 */
import { Allowance, type HeldBy } from "./allowance.js";
import { Heap } from "./heap.js";
import { type Lane, Slot } from "./lane.js";
import { Lanes } from "./lanes.js";

export type { HeldBy } from "./allowance.js";
export type { Lane, Slot } from "./lane.js";
export { isWeight } from "./lanes.js";

export interface FairOrderSettings {
  /** Slots of the process: an integer from 1. */
  readonly concurrency: number;
  /** Most slots of one tenant at any time: an integer from 1 to `concurrency`. */
  readonly tenantConcurrency?: number | undefined;
  /**
   * A tenant's share of handler time relative to other tenants; called when the tenant's lane is created. The caller
   * guards it: it must not throw, and must return a value that {@link isWeight} accepts.
   */
  readonly weight: (tenantId: string) => number;
}

/** About what an event costs the process besides its handler, in milliseconds; makes handlers of 0 ms take turns too. */
const EVENT_MS = 0.05;
/**
 * Milliseconds of all slots that a lane may claim of what others received while it ran and could not begin more. Without a
 * limit it would later take every slot until it has caught up; with 0, a lane close to its cap gets less than its weight.
 */
const CLAIM_MS = 50;

function isBefore(a: Lane, b: Lane): boolean {
  return a.virtualTime === b.virtualTime ? a.turn < b.turn : a.virtualTime < b.virtualTime;
}

/**
 * The worker reports which tenants have events ({@link ready}) and calls {@link next} until it returns undefined. For each
 * lane returned it begins an event ({@link begun}), or reserves slots for events that it is about to read ({@link reserve},
 * then {@link begunReserved} and {@link release}), or takes the lane out ({@link drained}). Otherwise `next` would return
 * the same lane again. A lane exists while its tenant has work, and for one to three minutes after that.
 */
export class FairOrder {
  private readonly allowance: Allowance;
  private readonly lanes: Lanes;
  /** Ready lanes below their cap and window; the reserve may hold back those in `slow`, never those in `quick`. */
  private readonly quick = new Heap<Lane>(isBefore);
  private readonly slow = new Heap<Lane>(isBefore);
  private readonly slots: readonly Slot[];
  private readonly freeSlots: Slot[];
  /** The most service that a lane had received when one of its events began. A lane that becomes ready starts here. */
  private virtualTime = 0;
  /** Added to the virtual time of every lane in `slow`: the service of others while the reserve held all of `slow` back. */
  private slowLead = 0;
  private turns = 0;

  constructor(
    private readonly settings: FairOrderSettings,
    now: number,
  ) {
    const { concurrency, tenantConcurrency, weight } = settings;
    this.lanes = new Lanes(weight, now);
    this.allowance = new Allowance(concurrency, tenantConcurrency, now);
    this.slots = Array.from({ length: concurrency }, () => new Slot());
    this.freeSlots = [...this.slots];
  }

  /** Slots that are neither running nor reserved. */
  get free(): number {
    return this.allowance.free;
  }

  /** Tenants that have events ready, slots reserved or attempts running. */
  get active(): number {
    return this.allowance.activeLanes;
  }

  /** Lanes in memory: tenants that have work, or had work within the last three minutes. */
  get size(): number {
    return this.lanes.size;
  }

  /**
   * Sets how many events of the tenant could begin now, from 1. The lane is valid until the tenant has no work left.
   *
   * @throws {RangeError} if the tenant's weight is not a weight; nothing has changed then.
   */
  ready(tenantId: string, count: number, now: number): Lane {
    this.allowance.now = now;
    const lane = this.lanes.of(tenantId, now);
    if (lane.ready === 0) this.takeTurn(lane);
    lane.ready = count;
    this.changed(lane);
    return lane;
  }

  /** The lane has no ready events left. Its reserved slots stay reserved. */
  drained(lane: Lane): void {
    lane.ready = 0;
    this.changed(lane);
  }

  /** The lane that gets the next slot: of the ready lanes that may have a slot, the one with the least virtual time. */
  next(): Lane | undefined {
    if (this.free === 0) return undefined;
    const slow = this.nextSlow();
    const quick = this.first(this.quick);
    if (slow === undefined || quick === undefined) return slow ?? quick;
    return slow.virtualTime + this.slowLead < quick.virtualTime ? slow : quick;
  }

  /** How many more slots the lane may have now, whether or not it is next: the limit for {@link reserve}. */
  room(lane: Lane): number {
    return this.allowance.room(lane);
  }

  /** The most slots that the lane may have: fewer while other tenants are active, or were within the last minute. */
  cap(lane: Lane): number {
    return this.allowance.cap(lane);
  }

  /** Which rule keeps the lane from another slot; undefined if none does. */
  heldBy(lane: Lane): HeldBy | undefined {
    return this.allowance.heldBy(lane);
  }

  /** For assertions: a ready lane that no rule holds back. There is none once `next` has returned undefined. */
  unserved(): Lane | undefined {
    for (const lane of this.lanes.values()) {
      if (lane.ready > 0 && this.heldBy(lane) === undefined) return lane;
    }
    return undefined;
  }

  /** Reserves slots, up to {@link room}, for ready events that the worker is about to read. Charges nothing yet. */
  reserve(lane: Lane, count: number): void {
    if (count > this.free) throw new Error(`reserve ${count} slots: ${this.free} are free`);
    lane.ready = Math.max(0, lane.ready - count);
    lane.reserved += count;
    this.allowance.take(lane, count);
    this.changed(lane);
  }

  /** Frees reserved slots that the read did not fill. */
  release(lane: Lane, count: number): void {
    if (count > lane.reserved) throw new Error(`release ${count} slots: ${lane.reserved} are reserved`);
    lane.reserved -= count;
    this.allowance.take(lane, -count);
    this.changed(lane);
  }

  /** Begins a ready event in a free slot. The caller passes the slot to {@link ended}. */
  begun(lane: Lane, now: number): Slot {
    if (lane.ready === 0) throw new Error(`begin an event of '${lane.tenantId}': none is ready`);
    if (this.free === 0) throw new Error(`begin an event of '${lane.tenantId}': no slot is free`);
    lane.ready -= 1;
    this.allowance.take(lane, 1);
    return this.begin(lane, now);
  }

  /** Begins an event in a reserved slot. The caller passes the slot to {@link ended}. */
  begunReserved(lane: Lane, now: number): Slot {
    if (lane.reserved === 0) throw new Error(`begin an event of '${lane.tenantId}': no slot is reserved`);
    lane.reserved -= 1;
    return this.begin(lane, now);
  }

  /** The attempt in the slot has ended, with any outcome. */
  ended(slot: Slot, now: number): void {
    const { lane } = slot;
    if (lane === undefined) throw new Error("end an attempt: nothing runs in its slot");
    const { allowance } = this;
    allowance.now = now;
    const ms = Math.max(0, now - slot.startedAt);
    lane.virtualTime += (ms + EVENT_MS - slot.chargedMs) / lane.weight;
    lane.aheadMs -= slot.aheadMs;
    lane.learn(ms);
    allowance.ended(lane, ms);
    slot.lane = undefined;
    this.freeSlots.push(slot);
    lane.running -= 1;
    if (lane.running === 0) lane.oldestMs = lane.aheadMs = 0;
    allowance.take(lane, -1);
    allowance.judge(lane);
    this.changed(lane);
  }

  /**
   * Charges for attempts that take longer than estimated, updates the reserve, forgets idle lanes. To be called every 50 ms
   * while attempts run, otherwise at any time; lanes may have become free to go on, so {@link next} is to follow.
   */
  tick(now: number): void {
    const { allowance, slots } = this;
    allowance.now = now;
    for (const { lane } of slots) if (lane !== undefined) lane.oldestMs = lane.aheadMs = 0;
    for (const slot of slots) if (slot.lane !== undefined) this.charge(slot, slot.lane);
    for (const { lane } of slots) {
      if (lane === undefined) continue;
      allowance.judge(lane);
      this.place(lane);
    }
    allowance.tick();
    this.lanes.forget(now);
  }

  private begin(lane: Lane, now: number): Slot {
    const slot = this.freeSlots.pop();
    if (slot === undefined) throw new Error("begin an event: more slots are taken than there are");
    this.allowance.now = now;
    this.allowance.begun(lane);
    // Without what was charged ahead: an estimate that turns out too high would put newcomers behind this lane.
    const lead = lane.heap === this.slow ? this.slowLead : 0;
    this.virtualTime = Math.max(this.virtualTime, lane.virtualTime + lead - lane.aheadMs / lane.weight);
    slot.lane = lane;
    slot.startedAt = now;
    slot.chargedMs = slot.aheadMs = lane.meanMs + EVENT_MS;
    lane.virtualTime += slot.chargedMs / lane.weight;
    lane.aheadMs += slot.aheadMs;
    lane.running += 1;
    this.allowance.judge(lane);
    this.takeTurn(lane);
    this.changed(lane);
    return slot;
  }

  private takeTurn(lane: Lane): void {
    this.turns += 1;
    lane.turn = this.turns;
  }

  private charge(slot: Slot, lane: Lane): void {
    const ageMs = this.allowance.now - slot.startedAt;
    const overrunMs = ageMs + EVENT_MS - slot.chargedMs;
    if (overrunMs > 0) {
      slot.chargedMs += overrunMs;
      lane.virtualTime += overrunMs / lane.weight;
    }
    slot.aheadMs = Math.max(0, -overrunMs);
    lane.aheadMs += slot.aheadMs;
    lane.oldestMs = Math.max(lane.oldestMs, ageMs);
    // Right away: once several lanes of a heap are out of place, moving one after the other does not restore its order.
    lane.heap?.put(lane);
  }

  /** The first slow lane that may have a slot. */
  private nextSlow(): Lane | undefined {
    const { allowance } = this;
    const first = this.first(this.slow);
    if (first === undefined || !allowance.isReserveReached) return first;
    let found: Lane | undefined;
    // With more active lanes than slots no lane has a share, so at most `concurrency` lanes get past this test.
    for (const lane of this.slow.values()) {
      if (lane.taken + 1 > allowance.share(lane) || lane.taken >= allowance.limit(lane)) continue;
      if (found === undefined || isBefore(lane, found)) found = lane;
    }
    // Otherwise slow lanes would gain a claim to what quick lanes receive meanwhile, and a new slow lane would wait for
    // all of them to catch up, which they never do.
    if (found === undefined) this.slowLead = Math.max(this.slowLead, this.virtualTime - first.virtualTime);
    return found;
  }

  /** The first lane of a heap. Caps fall when another tenant becomes active; lanes above their cap leave the heap here. */
  private first(heap: Heap<Lane>): Lane | undefined {
    for (;;) {
      const { top } = heap;
      if (top === undefined || top.taken < this.allowance.limit(top)) return top;
      this.place(top);
    }
  }

  private changed(lane: Lane): void {
    this.allowance.update(lane);
    this.place(lane);
  }

  /** Moves the lane to the heap that it belongs to, and to its place there. */
  private place(lane: Lane): void {
    const { allowance } = this;
    const isIn = lane.ready > 0 && lane.taken < allowance.limit(lane);
    const heap = isIn ? (allowance.isReserveFor(lane) ? this.slow : this.quick) : undefined;
    if (lane.heap !== heap) {
      lane.heap?.remove(lane);
      if (lane.heap === undefined) this.catchUp(lane);
      if (lane.heap === this.slow) lane.virtualTime += this.slowLead;
      if (heap === this.slow) lane.virtualTime -= this.slowLead;
      lane.heap = heap;
    }
    heap?.put(lane);
  }

  /** Limits what a lane that was in no heap may claim of the service that others received meanwhile. */
  private catchUp(lane: Lane): void {
    const claimMs = lane.taken === 0 ? 0 : (CLAIM_MS * this.settings.concurrency) / lane.weight;
    lane.virtualTime = Math.max(lane.virtualTime, this.virtualTime - claimMs);
  }
}
