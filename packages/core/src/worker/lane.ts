/** What the fair order knows of a tenant with work, and of an attempt that runs. Written by the order alone. */
import type { Heap, HeapItem } from "./heap.js";

/** Work is slow if handlers take this long, in milliseconds: a slot that it takes is gone for others for a while. */
export const SLOW_MS = 50;
/** How much of the mean the latest attempt makes up. */
const LATEST_SHARE = 0.2;

/** A tenant that has work, or had some within the last minute or two. */
export class Lane implements HeapItem {
  /** Events that could be begun now. */
  ready = 0;
  /** Slots kept for what reads under way may bring. */
  reserved = 0;
  /** Attempts that run. */
  running = 0;
  /** Attempts that have ended. */
  completed = 0;
  /** Mean handler time of the latest attempts, in milliseconds; 0 before the first has ended. */
  meanMs = 0;
  /** Age of the oldest attempt that runs, as of the last tick. */
  oldestMs = 0;
  /** Whether its work is slow; also while that is unknown. */
  isSlow = true;

  heapIndex = -1;
  /** The heap of ready lanes that it is in; undefined while nothing is ready, and while its cap or window is used up. */
  heap: Heap<Lane> | undefined;
  /** Handler time charged so far, in milliseconds, divided by the weight. */
  virtualTime = 0;
  /** Charged for attempts that run, beyond what they have taken so far, in milliseconds. */
  aheadMs = 0;
  /** Of lanes with the same virtual time, the one whose turn was longest ago comes first. */
  turn = 0;
  /** Whether anything is ready, reserved for or running. */
  isActive = false;
  /** When that ended. */
  idleSince = 0;

  constructor(
    readonly tenantId: string,
    readonly weight: number,
  ) {}

  /** Slots that nobody else can have. */
  get taken(): number {
    return this.running + this.reserved;
  }

  /** Whether it has yet to show how long its handlers take. */
  get isUnknown(): boolean {
    return this.completed === 0;
  }

  /** Counts an attempt that took so long. */
  learn(ms: number): void {
    this.meanMs = this.isUnknown ? ms : this.meanMs + LATEST_SHARE * (ms - this.meanMs);
    this.completed += 1;
  }
}

/** A slot of the process, used for one attempt after the other. */
export class Slot {
  /** Whose attempt runs in it; undefined while it is free. */
  lane: Lane | undefined;
  startedAt = 0;
  /** What the lane was charged for the attempt so far, in milliseconds. */
  chargedMs = 0;
  /** How much of that it has not taken yet, as of the last tick. */
  aheadMs = 0;
}
