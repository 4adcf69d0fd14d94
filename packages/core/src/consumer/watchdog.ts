/**
 * Looks after attempts that run for long: gives up those that exceed `handlerTimeoutMs`, or, where there is no such
 * limit, tells of those that have run for ten leases. One timer a consumer, whatever the number of attempts.
 */

import { clearTimeout, MAX_TIMER_MS, performance, setTimeout } from "../timing.js";
import type { LeasedAttempt } from "./leased-attempt.js";

/** An attempt is stuck, for all that is known, when it has run for this many leases. */
const STUCK_LEASES = 10;

export interface WatchdogParts {
  readonly handlerTimeoutMs: number | undefined;
  readonly leaseMs: number;
  /** What runs. */
  readonly running: () => readonly LeasedAttempt[];
  /** Called once for each attempt that has run for `handlerTimeoutMs`; takes it out of `running`. */
  readonly expire: (attempt: LeasedAttempt, handlerTimeoutMs: number) => void;
  /** Called once for each attempt that has run for ten leases. */
  readonly tell: (attempt: LeasedAttempt) => void;
}

export class Watchdog {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly limitMs: number;
  private readonly told = new WeakSet<LeasedAttempt>();

  constructor(private readonly parts: WatchdogParts) {
    this.limitMs = parts.handlerTimeoutMs ?? STUCK_LEASES * parts.leaseMs;
  }

  start(): void {
    // What begins from now on has the whole limit before it, so that one look in that time is enough.
    this.look();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Attempts that have run for ten leases and may go on for ever, the oldest first; none where `handlerTimeoutMs` bounds them. */
  get stuck(): readonly LeasedAttempt[] {
    if (this.parts.handlerTimeoutMs !== undefined) return [];
    const before = performance.now() - this.limitMs;
    const stuck = this.parts.running().filter(({ begunAt }) => begunAt <= before);
    return stuck.sort((a, b) => a.begunAt - b.begunAt);
  }

  private look(): void {
    const { running, handlerTimeoutMs, expire, tell } = this.parts;
    const now = performance.now();
    let nextInMs = this.limitMs;
    // Those that are given up are taken out of what runs.
    for (const attempt of [...running()]) {
      const leftMs = attempt.begunAt + this.limitMs - now;
      if (leftMs > 0) nextInMs = Math.min(nextInMs, leftMs);
      else if (handlerTimeoutMs !== undefined) expire(attempt, handlerTimeoutMs);
      else if (!this.told.has(attempt)) {
        this.told.add(attempt);
        tell(attempt);
      }
    }
    this.timer = setTimeout(() => this.look(), Math.min(Math.ceil(nextInMs), MAX_TIMER_MS));
  }
}
