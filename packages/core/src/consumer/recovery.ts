/** Recovery passes: what each has done so far, where it goes on, and which follows which. */
import type { RecoverReply, RecoveryCounts } from "@sluice/lua-scripts";
import { performance } from "../timing.js";

/** What a recovery pass did: entries by what became of them. */
export interface Recovery extends Omit<RecoveryCounts, "deferred"> {
  readonly durationMs: number;
}

/** What the first recovery of a run did, for whoever asks, if anybody does. */
export class FirstRecovery {
  /** Rejects with what has ended the run; nobody has to listen. */
  readonly outcome: Promise<Recovery>;
  private resolve: (recovery: Recovery) => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor() {
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.outcome.catch(() => {});
  }

  /** It is under way. */
  is(recovery: Promise<Recovery>): void {
    recovery.then(this.resolve, this.reject);
  }

  /** There is none. */
  fail(error: unknown): void {
    this.reject(error);
  }
}

const FIELDS = ["own", "stale", "retried", "duplicates", "deadLettered", "trimmed"] as const;

/** A pass over everything that is due, own or stale. It may take many calls, as slots come free. */
export class RecoveryPass {
  /** Where own pending entries go on; undefined once all were looked at. */
  ownAfter: string | undefined = "0-0";
  /** The number of this process's latest call when the pass began; undefined before. */
  began: number | undefined;
  private readonly startedAt = performance.now();
  private readonly counts = { own: 0, stale: 0, retried: 0, duplicates: 0, deadLettered: 0, trimmed: 0 };
  private readonly waiters: { resolve: (recovery: Recovery) => void; reject: (error: unknown) => void }[] =
    [];

  constructor(
    /** The consumer has just come: it is reported even if there was nothing to do. */
    readonly first: boolean,
  ) {}

  /** Notes a call's reply. Returns true when the pass is complete. */
  note(reply: RecoverReply): boolean {
    for (const field of FIELDS) this.counts[field] += reply.counts[field];
    this.ownAfter = reply.ownAfter;
    return !reply.more && reply.ownAfter === undefined;
  }

  get foundSomething(): boolean {
    return FIELDS.some((field) => this.counts[field] > 0);
  }

  done(): Promise<Recovery> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
    });
  }

  complete(): Recovery {
    const recovery = { ...this.counts, durationMs: performance.now() - this.startedAt };
    for (const { resolve } of this.waiters) resolve(recovery);
    return recovery;
  }

  fail(error: unknown): void {
    for (const { reject } of this.waiters) reject(error);
  }
}

/** The pass that is under way, and the one that follows it: it has gone past what is new to recover. */
export class RecoveryPasses {
  current: RecoveryPass | undefined;
  private next: RecoveryPass | undefined;

  /** A pass that begins from now on: a new one, unless one has yet to begin. */
  add(first: boolean): RecoveryPass {
    const pass = new RecoveryPass(first);
    if (this.current === undefined) {
      this.current = pass;
      return pass;
    }
    this.next ??= pass;
    return this.next;
  }

  /** Ends the current one, and lets the next one begin. */
  end(): void {
    this.current = this.next;
    this.next = undefined;
  }

  /** Whether the consumer's first pass has yet to be complete. */
  get starting(): boolean {
    return this.current?.first === true || this.next?.first === true;
  }

  fail(error: unknown): void {
    this.current?.fail(error);
    this.next?.fail(error);
  }
}
