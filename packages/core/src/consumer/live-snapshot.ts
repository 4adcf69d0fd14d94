/** What `decide.ts` decides by, as it is at the moment of each look. */
import type { BlockingReader } from "./blocking-reader.js";
import type { Snapshot } from "./decide.js";
import type { Executor } from "./executor.js";
import type { FailurePolicy } from "./failure-policy.js";
import type { InFlight } from "./in-flight.js";
import type { Membership } from "./membership.js";
import type { Phase, PhaseHolder } from "./phase.js";
import type { ReadAhead } from "./read-ahead.js";
import type { Suspects } from "./suspects.js";

export interface LiveSnapshotParts {
  readonly membership: Membership;
  readonly executor: Executor;
  readonly suspects: Suspects;
  readonly phase: PhaseHolder;
  readonly policy: FailurePolicy;
  readonly readAhead: ReadAhead;
  /** Without one nothing waits for entries. */
  readonly reader: BlockingReader | undefined;
}

export class LiveSnapshot implements Snapshot {
  roundTrips = 0;
  reading = 0;
  synchronousHandlers = false;
  private readonly inFlight: InFlight;
  private readonly membership: Membership;

  constructor(private readonly parts: LiveSnapshotParts) {
    this.membership = parts.membership;
    this.inFlight = parts.membership.inFlight;
  }

  get phase(): Phase {
    return this.parts.phase.now;
  }

  get isHeld(): boolean {
    return this.parts.suspects.holding;
  }

  get delivered(): number {
    return this.inFlight.delivered;
  }

  get leasing(): number {
    return this.inFlight.leasing;
  }

  get ready(): number {
    return this.inFlight.ready;
  }

  get running(): number {
    return this.inFlight.running;
  }

  get finished(): number {
    return this.inFlight.finished;
  }

  get blockedFor(): number {
    return this.parts.reader?.expected ?? 0;
  }

  get isFailing(): boolean {
    return this.parts.policy.isFailing;
  }

  get isRecovering(): boolean {
    return this.membership.passes.current !== undefined;
  }

  get isDue(): boolean {
    return this.membership.due.isDue;
  }

  get moreToRead(): boolean {
    return this.membership.moreToRead;
  }

  get budget(): number {
    return this.membership.budget.left;
  }

  get readsAhead(): boolean {
    return this.parts.readAhead.isWorthIt(this.membership.lastBatchMs);
  }

  get oneAtATime(): boolean {
    return this.parts.executor.oneAtATime;
  }

  get maxRead(): number {
    return this.membership.bounds.maxRead;
  }

  get maxRecover(): number {
    return this.membership.bounds.maxRecover;
  }
}
