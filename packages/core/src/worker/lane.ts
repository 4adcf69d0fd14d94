/** State that the fair order keeps for a tenant and for a running attempt. Only the order and its parts write it. */
import type { Heap, HeapItem } from "./heap.js";

/** Handlers that take this long, in milliseconds, are slow: other tenants have to do without their slots for a while. */
export const SLOW_MS = 50;
/** Weight of the latest attempt in the mean handler time. */
const LATEST_SHARE = 0.2;

/** A tenant that has work, or had work within the last three minutes. */
export class Lane implements HeapItem {
  /** Events that could begin now. */
  ready = 0;
  /** Slots reserved for events that are being read. */
  reserved = 0;
  /** Running attempts. */
  running = 0;
  /** Ended attempts. */
  completed = 0;
  /** Mean handler time of the latest attempts, in milliseconds; 0 before the first has ended. */
  meanMs = 0;
  /** Age of the oldest running attempt at the last tick, in milliseconds. */
  oldestMs = 0;
  /** Whether its work is slow, or not known yet. */
  isSlow = true;

  heapIndex = -1;
  /** The heap that holds the lane; undefined while nothing is ready, or its cap or window is reached. */
  heap: Heap<Lane> | undefined;
  /** Charged handler time in milliseconds, divided by the weight. */
  virtualTime = 0;
  /** Charges for running attempts beyond the time that they have taken so far, in milliseconds. */
  aheadMs = 0;
  /** Number of the lane's latest turn: of lanes with the same virtual time, the one served longest ago comes first. */
  turn = 0;
  /** Whether it has ready events, reserved slots or running attempts. */
  isActive = false;
  /** When it last stopped being active. */
  idleSince = 0;

  constructor(
    readonly tenantId: string,
    readonly weight: number,
  ) {}

  /** Slots that are not available to others. */
  get taken(): number {
    return this.running + this.reserved;
  }

  /** Whether its handler time is not known yet: a few attempts that ended early say little about many that still run. */
  get isUnknown(): boolean {
    return this.completed === 0 || 2 * this.completed < this.running;
  }

  /** Counts an ended attempt. */
  learn(ms: number): void {
    this.meanMs = this.completed === 0 ? ms : this.meanMs + LATEST_SHARE * (ms - this.meanMs);
    this.completed += 1;
  }
}

/** A slot of the process; one object serves one attempt after the other. */
export class Slot {
  /** The lane of the attempt that runs in it; undefined while it is free. */
  lane: Lane | undefined;
  startedAt = 0;
  /** Charged for the attempt so far, in milliseconds. */
  chargedMs = 0;
  /** How much of the charge the attempt has not taken yet, as of the last tick. */
  aheadMs = 0;
}
