/**
 * Runs one suspect by itself: asks the process for its place for one (`suspects.ts`), waits until what runs is known not
 * to kill, leases the suspect, announces it to the records of all consumers of the process, and runs it.
 */
import { type ReleaseItem, recoverReply } from "@sluice/lua-scripts";
import type { Connection } from "../connection.js";
import type { Due } from "./due-clock.js";
import type { Executor } from "./executor.js";
import type { LeasedAttempt } from "./leased-attempt.js";
import type { Membership } from "./membership.js";
import type { Observer } from "./observer.js";
import { RequestFailure, readReply } from "./round-trip.js";
import type { Suspects } from "./suspects.js";

export interface SuspectRunParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly executor: Executor;
  readonly suspects: Suspects;
  readonly observer: Pick<Observer, "suspectBegins">;
  /** Whether one may be leased now: there is a slot, and nothing fails or stops. */
  readonly mayLease: () => boolean;
  /** Whether it may begin, once it is leased. */
  readonly mayBegin: () => boolean;
  readonly release: (membership: Membership<Due>, items: readonly ReleaseItem[]) => Promise<void>;
  readonly onFailure: (membership: Membership<Due>, failure: RequestFailure) => void;
  /** It is over, whatever became of it. */
  readonly onOver: () => void;
}

export class SuspectRun {
  private asking = false;
  private leaseNonce: string | undefined;
  private running: { readonly attempt: LeasedAttempt; readonly over: () => void } | undefined;

  constructor(private readonly parts: SuspectRunParts) {}

  /** A suspect is asked for, or was leased and has yet to begin. */
  get isAsking(): boolean {
    return this.asking;
  }

  /** The nonce of the call that asks for it, while that is under way. */
  get nonce(): string | undefined {
    return this.leaseNonce;
  }

  /** Asks for a suspect of the group, unless one runs in this process. The next look at what is due asks again. */
  ask(membership: Membership<Due>): void {
    const { suspects, mayLease } = this.parts;
    if (this.asking || !mayLease() || !suspects.take()) return;
    this.asking = true;
    void this.run(membership);
  }

  /** The attempt was settled, or was lost and has ended. */
  over(attempt: LeasedAttempt): void {
    if (this.running?.attempt === attempt) this.running.over();
  }

  /** What was in flight is released: the process may run another one. */
  leave(): void {
    this.running?.over();
    this.parts.suspects.leave();
  }

  private async run(membership: Membership<Due>): Promise<void> {
    const { suspects, executor, observer, mayLease, mayBegin } = this.parts;
    const { inFlight } = membership;
    try {
      await suspects.calm(() => !mayLease());
      const attempt = mayLease() ? await this.lease(membership) : undefined;
      if (attempt === undefined) return;
      // In flight from now on: heartbeats keep it, and what stops releases it.
      inFlight.run(attempt);
      await suspects.announce(inFlight, attempt.entry.id);
      if (!mayBegin()) {
        // Before the run ends and releases the rest, and it is forgotten that this is a suspect.
        await this.parts.release(membership, [inFlight.withdraw(attempt)]);
        return;
      }
      const over = new Promise<void>((resolve) => {
        this.running = { attempt, over: resolve };
      });
      observer.suspectBegins(attempt);
      executor.runAlone(attempt);
      this.asking = false;
      await suspects.begun(over);
      await over;
    } finally {
      this.asking = false;
      this.running = undefined;
      suspects.end();
      this.parts.onOver();
    }
  }

  private async lease(membership: Membership<Due>): Promise<LeasedAttempt | undefined> {
    const { connection, deadlineMs, onFailure } = this.parts;
    const { requests, begun } = membership;
    const nonce = begun.nonce({ isNamed: true });
    this.leaseNonce = nonce;
    const request = requests.recover(nonce, { scope: "SUSPECT", max: 1, maxBytes: 1 });
    const [reply] = await connection.send([request], { deadlineMs });
    this.leaseNonce = undefined;
    const recovered = readReply("recover", reply, requests, recoverReply, undefined);
    if (recovered instanceof RequestFailure) {
      membership.leaseFailed(nonce, recovered);
      onFailure(membership, recovered);
      return undefined;
    }
    return membership.adoptRecovered(recovered, nonce)[0];
  }
}
