/**
 * The order in which a worker begins the events of many tenants: start-time fair queueing by handler time (P. Goyal, H. Vin,
 * H. Cheng, SIGCOMM 1996), among the lanes that {@link Allowance} lets have a slot. Without I/O, clock and timers: times
 * are given, in milliseconds of any monotonic clock.
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
   * A tenant's part of the handler time beside others. Asked when its lane is made. To be guarded by the caller: it must
   * not throw, and give what {@link isWeight} takes.
   */
  readonly weight: (tenantId: string) => number;
}

/** What an event costs the process beside its handler, about, in milliseconds: handlers that take no time take turns too. */
const EVENT_MS = 0.05;
/** What a lane has missed while it ran and was not to be served counts for so many milliseconds of the whole process. */
const CLAIM_MS = 50;

function isBefore(a: Lane, b: Lane): boolean {
  return a.virtualTime === b.virtualTime ? a.turn < b.turn : a.virtualTime < b.virtualTime;
}

/**
 * The worker says what there is to do ({@link ready}) and asks who is to have a slot ({@link next}) until the answer is
 * undefined. For each answer it begins an event ({@link begun}), or keeps slots for events that it reads ({@link reserve},
 * {@link begunReserved}, {@link release}); or it takes the lane out ({@link drained}). A lane is made for a tenant that has
 * work, and forgotten a minute or two after it had any.
 */
export class FairOrder {
  private readonly allowance: Allowance;
  private readonly lanes: Lanes;
  /** Lanes that are ready and below their cap and window: those that the reserve may hold back are in `slow`. */
  private readonly quick = new Heap<Lane>(isBefore);
  private readonly slow = new Heap<Lane>(isBefore);
  private readonly slots: readonly Slot[];
  private readonly freeSlots: Slot[];
  /** The most that any lane had been served when an event of it was begun: where a lane begins that had no work. */
  private virtualTime = 0;
  /** Added to the virtual time of every lane in `slow`: what others were served while the reserve held all of them back. */
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

  /** Slots that neither run nor are reserved. */
  get free(): number {
    return this.allowance.free;
  }

  /** Tenants with work. */
  get active(): number {
    return this.allowance.activeLanes;
  }

  /** Lanes in memory: of tenants with work, and of those that had some within a minute or two. */
  get size(): number {
    return this.lanes.size;
  }

  /**
   * So many events of the tenant in all, from 1, could be begun. Its lane is good for as long as it has work.
   *
   * @throws {RangeError} for a weight that {@link isWeight} refuses.
   */
  ready(tenantId: string, count: number, now: number): Lane {
    this.allowance.now = now;
    const lane = this.lanes.of(tenantId, now);
    if (lane.ready === 0) this.takeTurn(lane);
    lane.ready = count;
    this.changed(lane);
    return lane;
  }

  /** No event of the lane could be begun any more, but for those that slots are reserved for. */
  drained(lane: Lane): void {
    lane.ready = 0;
    this.changed(lane);
  }

  /** Who is to have a slot: of the ready lanes that may have one, the one of least virtual time. */
  next(): Lane | undefined {
    if (this.free === 0) return undefined;
    const slow = this.nextSlow();
    const quick = this.first(this.quick);
    if (slow === undefined || quick === undefined) return slow ?? quick;
    return slow.virtualTime + this.slowLead < quick.virtualTime ? slow : quick;
  }

  /** How many slots the lane may have now, whoever's turn it is: the most events to read for it. */
  room(lane: Lane): number {
    return this.allowance.room(lane);
  }

  /** Most slots that the lane may have as things are: fewer while other tenants are about. */
  cap(lane: Lane): number {
    return this.allowance.cap(lane);
  }

  /** What holds the lane back; undefined if it may have a slot. */
  heldBy(lane: Lane): HeldBy | undefined {
    return this.allowance.heldBy(lane);
  }

  /** A lane that is ready and held back by nothing. There is none once `next` has answered undefined; for assertions. */
  unserved(): Lane | undefined {
    for (const lane of this.lanes.values()) {
      if (lane.ready > 0 && this.heldBy(lane) === undefined) return lane;
    }
    return undefined;
  }

  /** Keeps slots, up to {@link room}, for so many ready events that are read now. Nothing is charged yet. */
  reserve(lane: Lane, count: number): void {
    if (count > this.free) throw new Error(`reserve ${count} slots: ${this.free} are free`);
    lane.ready = Math.max(0, lane.ready - count);
    lane.reserved += count;
    this.allowance.take(lane, count);
    this.changed(lane);
  }

  /** Gives back slots that the read did not fill. */
  release(lane: Lane, count: number): void {
    if (count > lane.reserved) throw new Error(`release ${count} slots: ${lane.reserved} are reserved`);
    lane.reserved -= count;
    this.allowance.take(lane, -count);
    this.changed(lane);
  }

  /** A ready event of the lane begins in a slot that was free. The slot is given to {@link ended}. */
  begun(lane: Lane, now: number): Slot {
    if (lane.ready === 0) throw new Error(`begin an event of tenant '${lane.tenantId}': none is ready`);
    if (this.free === 0) throw new Error(`begin an event of tenant '${lane.tenantId}': no slot is free`);
    lane.ready -= 1;
    this.allowance.take(lane, 1);
    return this.begin(lane, now);
  }

  /** The same of an event for which a slot was reserved. */
  begunReserved(lane: Lane, now: number): Slot {
    if (lane.reserved === 0) {
      throw new Error(`begin an event of tenant '${lane.tenantId}': no slot is reserved`);
    }
    lane.reserved -= 1;
    return this.begin(lane, now);
  }

  /** The attempt in the slot has ended, whatever came of it. */
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
   * Time has passed: charges what attempts have overrun, and forgets lanes. Each 50 ms while anything runs, else whenever
   * it suits. Lanes that were held back may have a slot afterwards.
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
    // What was charged ahead is no service yet: estimates that turn out wrong must not move others.
    const lead = lane.heap === this.slow ? this.slowLead : 0;
    const servedMs = lane.virtualTime + lead - lane.aheadMs / lane.weight;
    this.virtualTime = Math.max(this.virtualTime, servedMs);
    const aheadMs = lane.meanMs + EVENT_MS;
    slot.lane = lane;
    slot.startedAt = now;
    slot.chargedMs = slot.aheadMs = aheadMs;
    lane.virtualTime += aheadMs / lane.weight;
    lane.aheadMs += aheadMs;
    lane.running += 1;
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
  }

  /** The first of the slow lanes that may have a slot. */
  private nextSlow(): Lane | undefined {
    const { allowance } = this;
    const first = this.first(this.slow);
    if (first === undefined || !allowance.isReserveReached) return first;
    let found: Lane | undefined;
    // Nobody has a share unless there are no more lanes than slots.
    for (const lane of this.slow.values()) {
      if (lane.taken + 1 > allowance.share(lane) || lane.taken >= allowance.limit(lane)) continue;
      if (found === undefined || isBefore(lane, found)) found = lane;
    }
    // Else they would gain a claim on what others are served meanwhile, and those that come later would never catch up.
    if (found === undefined) this.slowLead = Math.max(this.slowLead, this.virtualTime - first.virtualTime);
    return found;
  }

  /** The first of a heap. When others come caps fall, and lanes that are above theirs leave here. */
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

  /** Puts the lane into the heap where it belongs now, if it belongs into one. */
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

  /** A lane that had nothing to do, or was not to be served, gains no claim on what others were served meanwhile. */
  private catchUp(lane: Lane): void {
    const claimMs = lane.taken === 0 ? 0 : (CLAIM_MS * this.settings.concurrency) / lane.weight;
    lane.virtualTime = Math.max(lane.virtualTime, this.virtualTime - claimMs);
  }
}
