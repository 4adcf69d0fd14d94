/**
 * Runs attempts in the slots of this process: begins what is ready as slots come free, and lets the event loop turn in
 * between. Where the ready attempts come from is passed in: the one group of a consumer, or a fair order over those of
 * many. How a handler is run is `handler-runner.ts`.
 */
import type { AsyncContext } from "../async-context.js";
import { nextTick, performance } from "../timing.js";
import type { FinishedAttempt } from "./finished-attempt.js";
import type { LeasedAttempt } from "./leased-attempt.js";

/** Where the next attempt comes from. */
export interface ReadySource {
  /** Attempts that are ready. */
  readonly ready: number;
  /** Entries that are delivered and not leased. */
  readonly delivered: number;
  /** The next attempt, which runs from now on; undefined if none may begin now. */
  next(): LeasedAttempt | undefined;
}

export interface ExecutorParts {
  readonly source: ReadySource;
  /** Attempts at a time. */
  readonly concurrency: number;
  /** A handler that keeps the thread for longer than this, in milliseconds, is one that others do not wait behind. */
  readonly patienceMs: number;
  /** Attempts begin in this context. */
  readonly context: AsyncContext;
  /** Calls the handler; how that ended is told to {@link Executor.finished}, later. Never throws. */
  readonly run: (attempt: LeasedAttempt) => void;
  /** Whether anything fresh may begin. */
  readonly mayBegin: () => boolean;
  /** Attempts have ended: what they ended with is in flight, to be settled. */
  readonly onFinished: () => void;
  /** An attempt that was lost has ended. */
  readonly onLostEnded: (attempt: LeasedAttempt) => void;
  /** The event loop has turned after handlers kept the thread for long. */
  readonly onYielded: () => void;
}

/** Handlers that keep the thread are begun for this long, in milliseconds, before the event loop turns. */
const MAX_SYNC_MS = 50;

export class Executor {
  /** The handler begun last kept the thread for longer than others may wait: one is leased at a time. */
  oneAtATime = false;
  private taken = 0;
  private begunAt = 0;
  private yielding = false;
  private closed = false;

  constructor(private readonly parts: ExecutorParts) {}

  /** Attempts that have a slot. */
  get running(): number {
    return this.taken;
  }

  /** By performance.now(): when the latest of the attempts that run was begun; undefined if none runs. */
  get latestBegun(): number | undefined {
    return this.taken > 0 ? this.begunAt : undefined;
  }

  /** Begins what is ready, as far as there are slots, and for as long as the event loop may stand still. */
  fill(): void {
    const { source, context } = this.parts;
    if (this.yielding || source.ready === 0 || !this.mayBegin) return;
    context.enter(this.begin);
  }

  /** Begins an attempt that runs by itself. */
  runAlone(attempt: LeasedAttempt): void {
    this.begunAt = performance.now();
    this.parts.context.enter(() => this.start(attempt, this.begunAt));
  }

  /** Attempts have ended, or are given up: what those end with later is ignored. */
  finished(all: readonly FinishedAttempt[]): void {
    for (const finished of all) {
      const { attempt } = finished;
      if (attempt.over) continue;
      attempt.over = true;
      if (!this.closed) {
        this.taken -= 1;
        attempt.inFlight.finish(finished);
      }
      if (attempt.lost) this.parts.onLostEnded(attempt);
    }
    this.fill();
    this.parts.onFinished();
  }

  /** Begins nothing more. What still runs is released, whatever it ends with. */
  close(): void {
    this.closed = true;
  }

  private get mayBegin(): boolean {
    return this.taken < this.parts.concurrency && !this.closed && this.parts.mayBegin();
  }

  private readonly begin = (): void => {
    const { source, patienceMs } = this.parts;
    const since = performance.now();
    let now = since;
    this.begunAt = since;
    for (;;) {
      if (!this.mayBegin) return;
      if (now - since > MAX_SYNC_MS && source.ready > 0) {
        this.yield();
        return;
      }
      // Taken out first: what its handler calls, `pause` for one, may release what is ready.
      const attempt = source.next();
      if (attempt === undefined) break;
      this.start(attempt, now);
      now = performance.now();
      this.oneAtATime = now - attempt.begunAt > patienceMs;
    }
    if (this.oneAtATime && source.delivered > 0) this.yield();
  };

  private start(attempt: LeasedAttempt, now: number): void {
    attempt.begunAt = now;
    this.taken += 1;
    this.parts.run(attempt);
  }

  /** Lets the event loop turn: timers and replies are due. */
  private yield(): void {
    this.yielding = true;
    nextTick(() => {
      this.yielding = false;
      if (!this.closed) this.parts.onYielded();
    });
  }
}
