/**
 * How far a consumer reads ahead of its handlers, and for how long: what it cannot begin soon is for others to handle,
 * who may be idle. Entries read ahead have their lease clock running, and nobody else sees them until it is over.
 */
import type { ReleaseItem } from "@sluice/lua-scripts";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import type { Entry } from "./entry.js";
import type { InFlight } from "./in-flight.js";

/** Reading ahead saves a round trip for each event. Beside a handler that takes this long, in milliseconds, that is little. */
const SLOW_MS = 50;
/** For how long entries may wait for a slot, in milliseconds: several times as long as handlers that are not slow take. */
const PATIENCE_MS = 250;

export class ReadAhead {
  /** How long what was read ahead waits for a slot before it is released; twice that at most. */
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

  /** Looks again, once, at what waits now: `release` is called with what waits still. */
  watch(inFlight: InFlight, release: (late: readonly ReleaseItem[]) => void): void {
    if (this.timer !== undefined || inFlight.delivered + inFlight.ready === 0) return;
    const newest = inFlight.lastDelivered;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      release(this.late(inFlight, newest));
      this.watch(inFlight, release);
    }, this.patienceMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Takes out of flight what has been leased for too long and still waits. */
  takeLate(inFlight: InFlight): ReleaseItem[] {
    return inFlight.takeReady(performance.now() - this.patienceMs);
  }

  /** The same, and what was read, and waits since before the last look: `newest` of it was the newest then. */
  private late(inFlight: InFlight, newest: Entry | undefined): ReleaseItem[] {
    const read = newest === undefined ? [] : inFlight.takeDeliveredUpTo(newest);
    return [...read, ...this.takeLate(inFlight)];
  }
}
