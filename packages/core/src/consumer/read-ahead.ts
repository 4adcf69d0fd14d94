/**
 * How far a consumer reads ahead of its handlers, and for how long: what it cannot begin soon is for others to handle,
 * who may be idle. Entries read ahead have their lease clock running, and nobody else sees them until it is over.
 */
import type { ReleaseItem } from "@sluice/lua-scripts";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import type { Entry } from "./entry.js";
import type { Hand } from "./hand.js";

/** Reading ahead saves a round trip for each event. Beside a handler that takes this long, in milliseconds, that is little. */
const SLOW_MS = 50;
/** For how long entries may wait for a slot, in milliseconds: several times as long as handlers that are not slow take. */
const PATIENCE_MS = 250;
/** Handlers that keep the thread are begun for this long, in milliseconds, before the event loop turns. */
export const MAX_SYNC_MS = 50;

export class ReadAhead {
  /** How long what was read ahead waits for a slot before it is given back; twice that at most. */
  readonly patienceMs: number;
  private readonly slowMs: number;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(leaseMs: number) {
    // Well before a sixth of a lease is over, also where leases are short.
    this.patienceMs = Math.max(1, Math.min(PATIENCE_MS, leaseMs / 16));
    this.slowMs = Math.min(SLOW_MS, leaseMs / 40);
  }

  /** Whether handlers that take this long are to be read ahead for, in milliseconds. */
  isWorthIt(handlerMs: number): boolean {
    return handlerMs < this.slowMs;
  }

  /** Looks again, once, at what waits now: `giveBack` is called with what waits still. */
  watch(hand: Hand, giveBack: (late: readonly ReleaseItem[]) => void): void {
    if (this.timer !== undefined || hand.prefetched.length + hand.waiting.length === 0) return;
    const tail = hand.prefetched.at(-1);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      giveBack(this.late(hand, tail));
      this.watch(hand, giveBack);
    }, this.patienceMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Takes out of the hand what has been leased for too long and still waits. */
  takeLate(hand: Hand): ReleaseItem[] {
    return hand.takeLate(performance.now() - this.patienceMs);
  }

  /** The same, and what was read, and waits since before the last look: `tail` was the newest of it then. */
  private late(hand: Hand, tail: Entry | undefined): ReleaseItem[] {
    const { prefetched } = hand;
    const count = tail === undefined ? 0 : prefetched.lastIndexOf(tail) + 1;
    const read = prefetched.splice(0, count).map(({ id, key }) => ({ id, key, token: undefined }));
    return [...read, ...this.takeLate(hand)];
  }
}
