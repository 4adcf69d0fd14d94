/**
 * Looks after attempts that run for long: gives up those that exceed `handlerTimeoutMs`, or, where there is no such
 * limit, tells of those that have run for ten leases. One timer a consumer, whatever the number of attempts.
 */

import { clearTimeout, performance, setTimeout } from "../timing.js";
import type { LeasedAttempt } from "./leased-attempt.js";

/** An attempt is stuck, for all that is known, when it has run for this many leases. */
const STUCK_LEASES = 10;
/** The longest time that a timer takes, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface WatchdogParts {
  readonly handlerTimeoutMs: number | undefined;
  readonly leaseMs: number;
  /** What runs, in the order begun. */
  readonly running: () => Iterable<LeasedAttempt>;
  /** Called once for each attempt that has run for `handlerTimeoutMs`; takes it out of `running`. */
  readonly expire: (attempt: LeasedAttempt) => void;
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

  /** Attempts that have run for ten leases and may go on for ever; none where `handlerTimeoutMs` bounds them. */
  get stuck(): readonly LeasedAttempt[] {
    if (this.parts.handlerTimeoutMs !== undefined) return [];
    const before = performance.now() - this.limitMs;
    const stuck: LeasedAttempt[] = [];
    for (const attempt of this.parts.running()) {
      if (attempt.begunAt > before) break;
      stuck.push(attempt);
    }
    return stuck;
  }

  private look(): void {
    const { running, handlerTimeoutMs, expire, tell } = this.parts;
    const now = performance.now();
    let nextInMs = this.limitMs;
    for (const attempt of running()) {
      const leftMs = attempt.begunAt + this.limitMs - now;
      if (leftMs > 0) {
        nextInMs = Math.min(leftMs, this.limitMs);
        break;
      }
      if (handlerTimeoutMs !== undefined) expire(attempt);
      else if (!this.told.has(attempt)) {
        this.told.add(attempt);
        tell(attempt);
      }
    }
    this.timer = setTimeout(() => this.look(), Math.min(Math.ceil(nextInMs), MAX_TIMER_MS));
  }
}
