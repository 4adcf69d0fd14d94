/** A recovery pass: what it has done so far, and where it goes on. */
import type { RecoverReply, RecoveryCounts } from "@sluice/lua-scripts";

/** What a recovery pass did: entries by what became of them. */
export interface Recovery extends Omit<RecoveryCounts, "deferred"> {
  readonly durationMs: number;
}

const FIELDS = ["own", "stale", "retried", "duplicates", "deadLettered", "trimmed"] as const;

/** A pass over everything that is due, own or stale. It may take many calls, as slots come free. */
export class RecoveryPass {
  /** Where own pending entries go on; undefined once all were looked at. */
  ownAfter: string | undefined = "0-0";
  /** An entry waits until this process has nothing else in hand. */
  aloneWaits = false;
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
    this.aloneWaits = reply.aloneWaits;
    // The one that waits may be among those that were gone past.
    this.ownAfter = reply.aloneWaits ? "0-0" : reply.ownAfter;
    return !reply.more && !reply.aloneWaits && reply.ownAfter === undefined;
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
