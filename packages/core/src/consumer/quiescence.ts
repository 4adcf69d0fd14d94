/**
 * Whether a consumer has come to rest: drained, settled, or held up by nothing but handlers that wait for it themselves
 * (`inside.ts`). By what is in flight and under way; what Redis says is `backlog.ts`.
 */
import { performance } from "../timing.js";
import type { Changes } from "./changes.js";
import type { PhaseHolder } from "./phase.js";

/** What is in flight, of one group or of many. */
export interface InFlightCounts {
  readonly delivered: number;
  readonly ready: number;
  readonly running: number;
  readonly finished: number;
  readonly size: number;
  readonly runningNow: Iterable<{ readonly waits: number }>;
}

export interface QuiescenceParts {
  readonly inFlight: InFlightCounts;
  /** There was more to read at the last look. */
  readonly moreToRead: () => boolean;
  readonly isRecovering: () => boolean;
  readonly phase: PhaseHolder;
  /** Nothing begins before an attempt ends that runs now. */
  readonly isFull: () => boolean;
  /** Stands for attempts of which is not known which of them waits. */
  readonly unnamedCallers: { readonly waits: number };
  /** Round trips are under way. */
  readonly isSending: () => boolean;
  /** Nothing is under way that may bring attempts. */
  readonly isStill: () => boolean;
}

export class Quiescence {
  private readonly inFlight: InFlightCounts;

  constructor(private readonly parts: QuiescenceParts) {
    this.inFlight = parts.inFlight;
  }

  /** Nothing was there to read at the last look, and no recovery is under way. */
  get quiet(): boolean {
    return !this.parts.moreToRead() && !this.isRecovering && this.parts.isStill();
  }

  /** Nothing runs, nothing is left to settle, and no call is under way. */
  get drained(): boolean {
    return this.inFlight.running + this.inFlight.finished === 0 && this.parts.isStill();
  }

  /** Resolves once it is drained, or has failed; after `timeoutMs` in any case. */
  async untilDrained(changes: Changes, timeoutMs: number): Promise<void> {
    const { phase } = this.parts;
    const deadline = performance.now() + timeoutMs;
    const isOver = () => phase.error !== undefined || this.drained || performance.now() >= deadline;
    await changes.until(isOver, Math.max(1, Math.min(timeoutMs, 50)));
  }

  /** Nothing is in flight, or on its way to be. A recovery pass that is held up by `pause` is not on its way. */
  get settled(): boolean {
    const isHeldUp = this.parts.phase.now === "paused";
    return this.inFlight.size === 0 && this.parts.isStill() && (!this.isRecovering || isHeldUp);
  }

  /** Nothing is left but attempts that wait for this consumer themselves. */
  get waitsForCallers(): boolean {
    const { running, finished } = this.inFlight;
    return running > 0 && finished === 0 && !this.parts.isSending() && this.callersOnly;
  }

  /** The same, as `idle` sees it: nothing else is in flight, or could be before one of them ends. */
  get settledButCallers(): boolean {
    if (!this.waitsForCallers) return this.settled;
    if (this.heldByCallers) return true;
    return this.inFlight.delivered + this.inFlight.ready === 0 && !this.isRecovering;
  }

  /** As `idle` sees it, called by a handler or not. */
  isSettled(butCallers: boolean): boolean {
    return butCallers ? this.settledButCallers : this.settled;
  }

  /** Attempts that wait for this consumer have every slot that they may have: nothing begins until one of them ends. */
  get heldByCallers(): boolean {
    return this.inFlight.running > 0 && this.parts.isFull() && this.callersOnly;
  }

  private get isRecovering(): boolean {
    return this.parts.isRecovering();
  }

  private get callersOnly(): boolean {
    let others = 0;
    for (const { waits } of this.inFlight.runningNow) if (waits === 0) others += 1;
    return others <= this.parts.unnamedCallers.waits;
  }
}
