/**
 * This process as a member of one group: what it has in flight there, how far it has read and recovered, and what it has
 * recorded as begun. It claims the entries of a round trip and applies the result; when a round trip goes and what it
 * carries is decided elsewhere, so that a process may be a member of many groups and serve them in turn.
 */
import { firstTail, type LeaseAfterReply, type LeaseReply, type RecoverReply } from "@sluice/lua-scripts";
import { performance } from "../timing.js";
import type { BegunRecord } from "./begun.js";
import { Bounds } from "./bounds.js";
import type { Decision } from "./decide.js";
import type { Due, DueClock } from "./due-clock.js";
import { bytesOf, type Entry } from "./entry.js";
import type { InFlight, SettleBatch } from "./in-flight.js";
import { LeasedAttempt, recoveredAttempt } from "./leased-attempt.js";
import type { Observer } from "./observer.js";
import { type RecoveryPass, RecoveryPasses } from "./recovery.js";
import type { RecoverRequest, Requests } from "./requests.js";
import { RequestFailure, type RoundTrip, type RoundTripResult } from "./round-trip.js";

/** Attempts that may still be leased; shared by the groups that `runOnce` serves. */
export interface Budget {
  left: number;
}

export interface MembershipParts<D extends Due = DueClock> {
  readonly inFlight: InFlight;
  readonly requests: Requests;
  readonly begun: BegunRecord;
  readonly due: D;
  readonly observer: Observer;
  readonly budget: Budget;
  /** An attempt that ran by itself was settled. */
  readonly onSuspectSettled: (attempt: LeasedAttempt) => void;
}

/** What a read brought, and the lease that was sent behind it. */
export interface LeasedRead {
  /** Entries asked for. */
  readonly count: number;
  readonly read: readonly Entry[] | RequestFailure;
  /** The nonce of the lease; empty if there was none. */
  readonly nonce: string;
  readonly leased: LeaseAfterReply | RequestFailure | undefined;
  /** False if the process stood still meanwhile: others may have what was leased. */
  readonly isFresh: boolean;
}

export class Membership<D extends Due = DueClock> {
  readonly inFlight: InFlight;
  readonly requests: Requests;
  readonly begun: BegunRecord;
  readonly bounds = new Bounds();
  readonly passes = new RecoveryPasses();
  readonly due: D;
  readonly budget: Budget;
  /** The stream had more to read at the last look. */
  moreToRead = true;
  /** Suspects wait, by the last reply that told. */
  suspectsWait = false;
  /** How long the slowest handler of the batch settled last took, in milliseconds. */
  lastBatchMs = 0;
  /** The entry read last: what comes next is behind it. */
  lastRead = "0-0";

  constructor(private readonly parts: MembershipParts<D>) {
    this.inFlight = parts.inFlight;
    this.requests = parts.requests;
    this.begun = parts.begun;
    this.due = parts.due;
    this.budget = parts.budget;
  }

  // --- recovery passes ---------------------------------------------------------------------------------------------

  /** A pass begins, or another one after it: what a lost reply may have carried, and what is due or stale. */
  recoverSoon(): void {
    this.passes.add(false);
    this.moreToRead = true;
  }

  endPass(pass: RecoveryPass): void {
    this.passes.end();
    if (pass.began !== undefined) this.begun.recovered(pass.began);
    this.moreToRead = true;
    this.parts.observer.recoveryEnded(pass.complete(), pass.first || pass.foundSomething);
  }

  // --- round trips -------------------------------------------------------------------------------------------------

  /**
   * Claims what a round trip carries.
   *
   * @param underWay - gives the nonces of other calls that may lease, whose replies have yet to come.
   */
  claim({ settle, lease, recover, read }: Decision, underWay: () => readonly string[]): RoundTrip {
    const { inFlight, begun } = this;
    const pass = recover > 0 ? this.passes.current : undefined;
    const nonce = lease + recover > 0 ? begun.nonce({ isNamed: pass !== undefined }) : "";
    return {
      settle: settle ? inFlight.takeToSettle() : undefined,
      lease: lease > 0 ? inFlight.takeToLease(lease) : undefined,
      recover: recover > 0 ? this.recovery(recover, pass, underWay) : undefined,
      pass,
      nonce,
      read,
    };
  }

  private recovery(
    max: number,
    pass: RecoveryPass | undefined,
    underWay: () => readonly string[],
  ): RecoverRequest {
    const { maxBytes } = this.bounds;
    if (pass === undefined) return { scope: "DUE", max, maxBytes };
    pass.began ??= this.begun.latest;
    const inFlight = this.inFlight.ids();
    return { scope: "ALL", max, maxBytes, ownAfter: pass.ownAfter, inFlight, underWay: underWay() };
  }

  /** Applies what the replies say. What it leased is ready then; its begin is recorded. */
  apply(trip: RoundTrip, { settled, leased, recovered, read }: RoundTripResult): void {
    if (trip.settle !== undefined && settled !== undefined) {
      if (settled instanceof RequestFailure) this.inFlight.settleFailed(trip.settle, settled.mayHaveRun);
      else this.applySettled(trip.settle, settled.verdicts, settled.nextDueInMs);
    }
    if (trip.lease !== undefined && leased !== undefined) this.applyLeased(trip.lease, trip.nonce, leased);
    if (trip.recover !== undefined && recovered !== undefined) this.applyRecovered(trip, recovered);
    if (read !== undefined) {
      if (this.applyRead(trip.read, read)) this.moreToRead = read.length > 0;
    }
    if (isUnexpected(settled) || isUnexpected(leased) || isUnexpected(recovered) || isUnexpected(read)) {
      this.recoverSoon();
    }
  }

  private applySettled(
    batch: SettleBatch,
    verdicts: Exclude<RoundTripResult["settled"], RequestFailure | undefined>["verdicts"],
    nextDueInMs: number | undefined,
  ): void {
    this.inFlight.settled(batch);
    this.due.tell(nextDueInMs);
    // What was emitted is in the stream, to be read.
    if (batch.emits) this.moreToRead = true;
    this.lastBatchMs = 0;
    const { attempts } = batch;
    for (let at = 0; at < attempts.length; at += 1) {
      const finished = attempts[at];
      if (finished === undefined) continue;
      const verdict = verdicts[at] ?? "FENCED";
      this.lastBatchMs = Math.max(this.lastBatchMs, finished.durationMs);
      // It was somebody else's: `runOnce` may handle another one.
      if (verdict === "HANDED_BACK") this.budget.left += 1;
      this.parts.observer.settled(finished, verdict);
      if (finished.attempt.isSuspect) this.parts.onSuspectSettled(finished.attempt);
    }
  }

  private applyLeased(batch: readonly Entry[], nonce: string, leased: LeaseReply | RequestFailure): void {
    if (leased instanceof RequestFailure) {
      this.leaseFailed(nonce, leased);
      this.inFlight.leaseFailed(batch, leased.mayHaveRun);
      return;
    }
    this.due.tell(leased.nextDueInMs);
    const { verdicts, now } = leased;
    const attempts = this.attemptsOf(batch, verdicts, nonce, now);
    this.began(attempts.length, nonce);
    this.inFlight.leased(batch, attempts);
  }

  private applyRecovered(
    { nonce, pass, recover }: RoundTrip,
    recovered: RecoverReply | RequestFailure,
  ): void {
    if (recovered instanceof RequestFailure) {
      this.leaseFailed(nonce, recovered);
      if (recovered.mayHaveRun) this.bounds.lost(recover?.max ?? 0);
      return;
    }
    this.due.looked(recovered.nextDueInMs, recovered.more && pass === undefined);
    const attempts = this.adoptRecovered(recovered, nonce);
    this.bounds.came(attempts.length, bytesOf(attempts.map(({ entry }) => entry)));
    this.inFlight.adopt(attempts);
    // A pass that was asked for while this call was under way has yet to begin.
    if (pass?.note(recovered)) this.endPass(pass);
  }

  /** The attempts that a recovery has leased, which are not in flight yet. */
  adoptRecovered(recovered: RecoverReply, nonce: string): LeasedAttempt[] {
    this.parts.observer.recoveredCounts(recovered.counts);
    this.suspectsWait = recovered.suspects > 0;
    const now = performance.now();
    const attempts = recovered.leased.map((entry) => recoveredAttempt(this.inFlight, entry, now));
    this.began(attempts.length, nonce);
    return attempts;
  }

  /** Returns whether it brought anything, be it nothing. */
  private applyRead(count: number, read: readonly Entry[] | RequestFailure): read is readonly Entry[] {
    if (read instanceof RequestFailure) {
      if (read.mayHaveRun) this.bounds.lost(count);
      return false;
    }
    this.note(read);
    this.inFlight.deliver(read);
    return true;
  }

  /** Entries have come. */
  private note(entries: readonly Entry[]): void {
    this.bounds.came(entries.length, bytesOf(entries));
    this.lastRead = entries.at(-1)?.id ?? this.lastRead;
  }

  // --- reads with a lease behind them ------------------------------------------------------------------------------

  /** Applies what a read has brought, and the lease behind it. Returns what failed. */
  applyLeasedRead({ count, read, nonce, leased, isFresh }: LeasedRead): RequestFailure | undefined {
    if (read instanceof RequestFailure) {
      if (leased instanceof RequestFailure) this.leaseFailed(nonce, leased);
      else if (nonce !== "") this.begun.lost(nonce);
      if (read.mayHaveRun) this.bounds.lost(count);
      if (isUnexpected(read)) this.recoverSoon();
      return read;
    }
    this.note(read);
    this.moreToRead = read.length === count;
    if (leased === undefined) {
      this.inFlight.deliver(read);
      return undefined;
    }
    if (leased instanceof RequestFailure) {
      // What a call that may have run has leased is found by recovery among the consumer's own.
      this.leaseFailed(nonce, leased);
      if (!leased.mayHaveRun) this.inFlight.deliver(read);
      if (isUnexpected(leased)) this.recoverSoon();
      return leased;
    }
    this.due.tell(leased.nextDueInMs);
    const { verdicts, now } = leased;
    const judged = read.filter(({ id }) => verdicts.has(id));
    if (isFresh) {
      const inOrder = judged.map(({ id }) => verdicts.get(id) ?? "LOST");
      const attempts = this.attemptsOf(judged, inOrder, nonce, now);
      this.began(attempts.length, nonce);
      this.inFlight.adopt(attempts);
    } else if (judged.length > 0) {
      // Others may have what was leased; what they have not is this process's to recover.
      this.begun.lost(nonce);
      this.recoverSoon();
    }
    this.inFlight.deliver(read.filter(({ id }) => !verdicts.has(id)));
    return undefined;
  }

  // --- leases ------------------------------------------------------------------------------------------------------

  private attemptsOf(
    entries: readonly Entry[],
    verdicts: LeaseReply["verdicts"],
    nonce: string,
    now: number,
  ): LeasedAttempt[] {
    const attempts: LeasedAttempt[] = [];
    const tail = firstTail(this.requests.member.consumer, nonce, now);
    const leasedAt = performance.now();
    for (let at = 0; at < entries.length; at += 1) {
      const entry = entries[at];
      if (entry === undefined) continue;
      const verdict = verdicts[at] ?? "LOST";
      if (verdict === "LEASED")
        attempts.push(new LeasedAttempt(this.inFlight, entry, tail, 1, false, leasedAt));
      else this.parts.observer.notLeased(entry, verdict);
    }
    return attempts;
  }

  /** A call has leased so many attempts: they are recorded before any of them begins. */
  private began(count: number, nonce: string): void {
    this.begun.heard(nonce);
    if (count === 0) return;
    this.budget.left -= count;
    void this.begun.write();
  }

  /** A call that was to lease has failed. */
  leaseFailed(nonce: string, { mayHaveRun }: RequestFailure): void {
    if (mayHaveRun) this.begun.lost(nonce);
    else this.begun.heard(nonce);
  }
}

function isUnexpected(part: unknown): boolean {
  return part instanceof RequestFailure && part.kind === "unexpected";
}
