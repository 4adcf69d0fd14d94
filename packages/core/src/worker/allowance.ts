/**
 * How many slots a lane may have. A running handler cannot be preempted, so a fair order alone is not enough: events that
 * arrive later would wait for handlers that began earlier. Three rules keep slots free for them: a cap per lane, a window
 * that grows as the lane's attempts end (slow start), and a reserve that slow work leaves to quick work.
 */
import { type Lane, SLOW_MS } from "./lane.js";
import { MEMORY_MS } from "./lanes.js";

/** The rule that keeps a lane from another slot. */
export type HeldBy = "slots" | "cap" | "window" | "reserve";

/** The most of all slots that one lane gets while other tenants are active, unless `tenantConcurrency` is set. */
const CAP = 0.75;
/** The most of all slots that the reserve keeps. A half would not do where quiet tenants alone need a half. */
const MAX_RESERVE = 0.75;
/** Time constants of the reserve, in milliseconds: it grows with quick work within a second, and shrinks over ten. */
const RISE_MS = 1_000;
const FALL_MS = 10_000;

export class Allowance {
  /** The latest time that a caller passed. */
  now: number;
  /** Taken slots, and those of them that slow lanes have taken. */
  private used = 0;
  private usedBySlow = 0;
  /** Active lanes, the sum of their weights, and the sum of the weights of the slow ones. */
  private active = 0;
  private activeWeight = 0;
  private slowWeight = 0;
  /** The lane that began an event last, when it did, and when any other lane last did. */
  private lastLane: Lane | undefined;
  private lastAt = Number.NEGATIVE_INFINITY;
  private lastOfOthersAt = Number.NEGATIVE_INFINITY;
  private readonly capAlone: number;
  private readonly capBesideOthers: number;
  private readonly firstWindow: number;
  /** Slots that slow work leaves to quick work, whether or not quick work uses them. */
  private reserve = 0;
  /** Handler time of quiet tenants' quick attempts that ended since the last tick. */
  private quickMs = 0;
  /** Mean number of slots of such attempts over about a second, and the peak of that mean over about ten. */
  private lately = 0;
  private quickSlots = 0;
  private tickedAt: number;

  constructor(
    private readonly concurrency: number,
    tenantConcurrency: number | undefined,
    now: number,
  ) {
    this.now = now;
    this.tickedAt = now;
    this.capAlone = tenantConcurrency ?? concurrency;
    this.capBesideOthers = tenantConcurrency ?? Math.ceil(CAP * concurrency);
    this.firstWindow = Math.max(2, Math.floor(concurrency / 8));
    this.setReserve();
  }

  get free(): number {
    return this.concurrency - this.used;
  }

  get activeLanes(): number {
    return this.active;
  }

  /** Whether slow work has taken all slots outside the reserve. A slow lane may then have its share, and no more. */
  get isReserveReached(): boolean {
    return this.usedBySlow >= this.concurrency - this.reserve;
  }

  /** The most slots that the lane may have. */
  cap(lane: Lane): number {
    return this.areOthersAbout(lane) ? this.capBesideOthers : this.capAlone;
  }

  /** The smaller of the lane's cap and its window. */
  limit(lane: Lane): number {
    return Math.min(this.cap(lane), this.firstWindow + lane.completed);
  }

  /** Whether the reserve applies to the lane: not to quick work, and not to the first attempt of an unknown lane. */
  isReserveFor(lane: Lane): boolean {
    return lane.isSlow && !(lane.isUnknown && lane.taken === 0);
  }

  /** Slots that the reserve leaves the lane in any case; 0 with more active lanes than slots. */
  share(lane: Lane): number {
    const { concurrency, active } = this;
    if (active > concurrency) return 0;
    const ofAll = (concurrency * lane.weight) / this.activeWeight;
    if (!lane.isSlow || active === 1) return ofAll;
    return Math.min(ofAll, ((concurrency - this.reserve) * lane.weight) / this.slowWeight);
  }

  /** How many more slots the lane may have. */
  room(lane: Lane): number {
    const room = Math.max(0, Math.min(this.free, this.limit(lane) - lane.taken));
    if (!lane.isSlow) return room;
    if (!this.isReserveFor(lane)) return Math.min(room, 1);
    const ofAll = Math.ceil(this.concurrency - this.reserve) - this.usedBySlow;
    const ofShare = Math.floor(this.share(lane)) - lane.taken;
    return Math.max(0, Math.min(room, Math.max(ofAll, ofShare)));
  }

  /** The rule that keeps the lane from another slot; undefined if none does. */
  heldBy(lane: Lane): HeldBy | undefined {
    if (this.free === 0) return "slots";
    if (lane.taken >= this.cap(lane)) return "cap";
    if (lane.taken >= this.limit(lane)) return "window";
    return this.room(lane) === 0 ? "reserve" : undefined;
  }

  /** Counts slots that the lane takes, or frees if negative. */
  take(lane: Lane, count: number): void {
    this.used += count;
    if (lane.isSlow) this.usedBySlow += count;
  }

  /** An event of the lane has begun. */
  begun(lane: Lane): void {
    if (lane !== this.lastLane) {
      this.lastOfOthersAt = this.lastAt;
      this.lastLane = lane;
    }
    this.lastAt = this.now;
  }

  /** An attempt of the lane has ended after so long. To be called before its slot is freed. */
  ended(lane: Lane, ms: number): void {
    // The reserve is for tenants that need at most half of their share. A quick tenant with a backlog takes its turns, or
    // its own load would keep slow tenants from their share.
    if (ms < SLOW_MS && lane.taken <= Math.max(1, this.share(lane) / 2)) this.quickMs += ms;
  }

  /** Decides whether the lane's work is slow. To be called when its mean, its oldest attempt or what runs has changed. */
  judge(lane: Lane): void {
    const isSlow = lane.isUnknown || Math.max(lane.meanMs, lane.oldestMs) >= SLOW_MS;
    if (isSlow === lane.isSlow) return;
    lane.isSlow = isSlow;
    this.usedBySlow += isSlow ? lane.taken : -lane.taken;
    if (lane.isActive) this.slowWeight += isSlow ? lane.weight : -lane.weight;
  }

  /** Keeps the counts of active lanes. To be called when what is ready or taken has changed. */
  update(lane: Lane): void {
    const isActive = lane.ready > 0 || lane.taken > 0;
    if (isActive === lane.isActive) return;
    lane.isActive = isActive;
    lane.idleSince = this.now;
    this.active += isActive ? 1 : -1;
    const weight = isActive ? lane.weight : -lane.weight;
    this.activeWeight += weight;
    if (lane.isSlow) this.slowWeight += weight;
  }

  /** Updates the reserve by the quick work since the last tick. */
  tick(): void {
    const passedMs = this.now - this.tickedAt;
    if (passedMs <= 0) return;
    this.tickedAt = this.now;
    const slots = this.quickMs / passedMs;
    this.quickMs = 0;
    this.lately += (1 - Math.exp(-passedMs / RISE_MS)) * (slots - this.lately);
    this.quickSlots = Math.max(this.lately, this.quickSlots * Math.exp(-passedMs / FALL_MS));
    this.setReserve();
  }

  private setReserve(): void {
    const { concurrency, quickSlots } = this;
    // Three standard deviations above the mean of a Poisson process.
    const forQuickWork = quickSlots + 3 * Math.sqrt(quickSlots);
    this.reserve = Math.min(MAX_RESERVE * concurrency, forQuickWork + Math.min(2, concurrency / 16));
  }

  private areOthersAbout(lane: Lane): boolean {
    if (this.active > (lane.isActive ? 1 : 0)) return true;
    const at = lane === this.lastLane ? this.lastOfOthersAt : this.lastAt;
    return this.now - at < MEMORY_MS;
  }
}
