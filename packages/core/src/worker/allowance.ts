/**
 * How many slots a lane may have. A slot that is taken cannot be taken back, so an order in which lanes are served is not
 * enough: what comes later would wait for handlers that began earlier. Three rules keep slots free for it: a cap for each
 * lane, a window that opens as its attempts end (slow start), and a reserve that slow work leaves to quick work.
 */
import { type Lane, SLOW_MS } from "./lane.js";
import { MEMORY_MS } from "./lanes.js";

/** Why a lane that is ready may begin nothing now. */
export type HeldBy = "slots" | "cap" | "window" | "reserve";

/** The part of all slots that one lane gets at most while others are about, unless `tenantConcurrency` says otherwise. */
const CAP = 0.75;
/** The part of all slots that the reserve takes at most. */
const MAX_RESERVE = 0.75;
/** How far back the means of what quick work takes reach, in milliseconds: it grows within one, and is kept for the other. */
const RISE_MS = 1_000;
const FALL_MS = 10_000;

export class Allowance {
  /** The latest time given. */
  now: number;
  /** Slots that are taken; of lanes whose work is slow. */
  private used = 0;
  private usedBySlow = 0;
  /** Lanes that have work, and their weights; those whose work is slow. */
  private active = 0;
  private activeWeight = 0;
  private slowWeight = 0;
  /** Of whom an event was begun last, and when; when one of anybody else was. */
  private lastLane: Lane | undefined;
  private lastAt = Number.NEGATIVE_INFINITY;
  private lastOfOthersAt = Number.NEGATIVE_INFINITY;
  private readonly capAlone: number;
  private readonly capBesideOthers: number;
  private readonly firstWindow: number;
  /** Slots that slow work leaves to others, however many of them are in use. */
  private reserve = 0;
  /** Handler time of quick work since the last tick, and how many slots it took in the mean. */
  private quickMs = 0;
  private lately = 0;
  private before = 0;
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

  /** Whether slow work has all that the reserve leaves it: then a slow lane may have its share, and no more. */
  get isReserveReached(): boolean {
    return this.usedBySlow >= this.concurrency - this.reserve;
  }

  /** Most slots that the lane may have as things are. */
  cap(lane: Lane): number {
    return this.areOthersAbout(lane) ? this.capBesideOthers : this.capAlone;
  }

  /** The same, and no more than its window. */
  limit(lane: Lane): number {
    return Math.min(this.cap(lane), this.firstWindow + lane.completed);
  }

  /** Whether the reserve may hold the lane back: not quick work, and not the event by which a lane shows what its work is. */
  isReserveFor(lane: Lane): boolean {
    return lane.isSlow && !(lane.isUnknown && lane.taken === 0);
  }

  /** Slots that the lane is to have in any case. With more lanes than slots nobody has a share. */
  share(lane: Lane): number {
    const { concurrency, active } = this;
    if (active > concurrency) return 0;
    const ofAll = (concurrency * lane.weight) / this.activeWeight;
    if (!lane.isSlow || active === 1) return ofAll;
    return Math.min(ofAll, ((concurrency - this.reserve) * lane.weight) / this.slowWeight);
  }

  /** How many slots more the lane may have. */
  room(lane: Lane): number {
    const room = Math.max(0, Math.min(this.free, this.limit(lane) - lane.taken));
    if (!lane.isSlow) return room;
    if (!this.isReserveFor(lane)) return Math.min(room, 1);
    const ofAll = Math.ceil(this.concurrency - this.reserve) - this.usedBySlow;
    const ofShare = Math.floor(this.share(lane)) - lane.taken;
    return Math.max(0, Math.min(room, Math.max(ofAll, ofShare)));
  }

  /** What holds the lane back; undefined if it may have a slot. */
  heldBy(lane: Lane): HeldBy | undefined {
    if (this.free === 0) return "slots";
    if (lane.taken >= this.cap(lane)) return "cap";
    if (lane.taken >= this.limit(lane)) return "window";
    return this.room(lane) === 0 ? "reserve" : undefined;
  }

  /** Counts slots that the lane takes, or gives back if negative. */
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

  /** An attempt of the lane took so long; its slot is still taken. */
  ended(lane: Lane, ms: number): void {
    // What needs no more than half of its share is kept room for; what could do with more takes its turn.
    if (ms < SLOW_MS && lane.taken <= Math.max(1, this.share(lane) / 2)) this.quickMs += ms;
  }

  /** Finds out whether the lane's work is slow. */
  judge(lane: Lane): void {
    const isSlow = lane.isUnknown || Math.max(lane.meanMs, lane.oldestMs) >= SLOW_MS;
    if (isSlow === lane.isSlow) return;
    lane.isSlow = isSlow;
    this.usedBySlow += isSlow ? lane.taken : -lane.taken;
    if (lane.isActive) this.slowWeight += isSlow ? lane.weight : -lane.weight;
  }

  /** Notes whether the lane has work. */
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

  /** Sets the reserve by what quick work took since the last tick. */
  tick(): void {
    const passedMs = this.now - this.tickedAt;
    if (passedMs <= 0) return;
    this.tickedAt = this.now;
    const slots = this.quickMs / passedMs;
    this.quickMs = 0;
    this.lately += (1 - Math.exp(-passedMs / RISE_MS)) * (slots - this.lately);
    this.before += (1 - Math.exp(-passedMs / FALL_MS)) * (slots - this.before);
    this.setReserve();
  }

  private setReserve(): void {
    const { concurrency } = this;
    const quickSlots = Math.max(this.lately, this.before);
    // Three standard deviations above the mean, as far as events come at random.
    const forQuickWork = quickSlots + 3 * Math.sqrt(quickSlots);
    this.reserve = Math.min(MAX_RESERVE * concurrency, forQuickWork + Math.min(2, concurrency / 16));
  }

  private areOthersAbout(lane: Lane): boolean {
    if (this.active > (lane.isActive ? 1 : 0)) return true;
    const at = lane === this.lastLane ? this.lastOfOthersAt : this.lastAt;
    return this.now - at < MEMORY_MS;
  }
}
