/**
 * Sends the round trips of one group, one after the other, so that whatever finishes meanwhile travels together. Under
 * full load two overlap: Redis executes one while this process handles the reply of the other. While there is nothing to
 * do, a blocking read waits. What a round trip carries is `decide.ts`, what it is made of `round-trip.ts`, and what its
 * result changes `membership.ts`.
 */
import type { Connection } from "../connection.js";
import { ConsumerStoppedError } from "../errors.js";
import { type Logger, writesDebug } from "../logger.js";
import { clearTimeout, nextTick, performance, setTimeout } from "../timing.js";
import type { BlockingReader } from "./blocking-reader.js";
import type { Changes } from "./changes.js";
import { blockingRead, capacity, decide, type Limits, leasable, MAX_OVERLAP, mayOverlap } from "./decide.js";
import type { FailureHandler } from "./failure-handler.js";
import { LiveSnapshot, type LiveSnapshotParts } from "./live-snapshot.js";
import type { LeasedRead } from "./membership.js";
import { Mutex } from "./mutex.js";
import type { Observer } from "./observer.js";
import type { Recovery } from "./recovery.js";
import type { Releases } from "./releases.js";
import { decodeRoundTrip, encodeRoundTrip, RequestFailure, type RoundTrip } from "./round-trip.js";
import type { SuspectRun } from "./suspect-run.js";

export interface SchedulerParts extends LiveSnapshotParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly limits: Limits;
  readonly suspectRun: SuspectRun;
  readonly failures: FailureHandler;
  readonly releases: Releases;
  readonly observer: Observer;
  readonly logger: Logger;
  readonly changes: Changes;
}

export class Scheduler {
  readonly snapshot: LiveSnapshot;
  /** Sequences of round trips that go on side by side. */
  private sequences = 0;
  /**
   * One sequence at a time is between the replies to a round trip and its next one. Replies to both often come together;
   * were both sequences to go on at once, they would send together too, and Redis and this process would wait for each
   * other again.
   */
  private readonly betweenRoundTrips = new Mutex();
  private wanted = false;
  private dueTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly parts: SchedulerParts) {
    this.snapshot = new LiveSnapshot(parts);
  }

  // --- what others ask for -----------------------------------------------------------------------------------------

  /** Makes sure that a round trip follows. */
  kick(): void {
    this.wanted = true;
    if (this.parts.phase.over) return;
    if (this.sequences === 0 || this.mayOverlap) void this.sequence();
  }

  /** Recovers what is due, own or stale before anything new is read. Resolves when that is complete. */
  recover(first: boolean): Promise<Recovery> {
    if (this.parts.phase.ended) return Promise.reject(this.stopped());
    const done = this.parts.membership.passes.add(first).done();
    this.kick();
    return done;
  }

  /** Looks again, at the stream and at waiting entries. */
  look(): void {
    this.parts.membership.moreToRead = true;
    this.parts.membership.due.now();
    this.kick();
  }

  /** Begins nothing more. What was read or leased ahead is released, rather than wait here until its lease is over. */
  pause(): void {
    if (this.parts.phase.pause()) this.parts.releases.unstarted();
  }

  resume(): void {
    if (this.parts.phase.resume()) this.look();
  }

  /** Reads and leases nothing more; what runs goes on, and is settled. What was not begun is released at once. */
  drain(): void {
    if (this.parts.phase.drain()) this.parts.releases.unstarted();
    this.kick();
  }

  /**
   * No round trip begins any more, but one that settles what has finished. Resolves when the one under way is over, so that
   * what it leased is known, and can be released as it is; so is what runs, whatever becomes of it.
   */
  async close(): Promise<void> {
    const { phase, executor, policy, suspectRun } = this.parts;
    if (phase.release()) {
      await this.parts.changes.until(() => this.sequences === 0 && !suspectRun.isAsking);
      executor.close();
      if (!phase.ended && !policy.isFailing) await this.settleOnce();
      phase.close();
    }
    this.end();
  }

  /** No call is under way that may change what is in flight. */
  get isStill(): boolean {
    return this.sequences === 0 && !this.parts.suspectRun.isAsking;
  }

  /** Whether round trips are under way. */
  get isSending(): boolean {
    return this.sequences > 0;
  }

  // --- round trips -------------------------------------------------------------------------------------------------

  private get mayOverlap(): boolean {
    return this.sequences < MAX_OVERLAP && mayOverlap(this.snapshot, this.parts.limits);
  }

  private async sequence(): Promise<void> {
    const { phase, membership } = this.parts;
    this.sequences += 1;
    let leave = () => {};
    while (!phase.over) {
      this.wanted = false;
      const trip = this.next();
      if (trip === undefined) {
        if (this.wanted) continue;
        break;
      }
      const sentAt = this.now();
      const sent = this.send(trip);
      leave();
      if (this.mayOverlap) void this.sequence();
      const replies = await sent;
      leave = await this.betweenRoundTrips.lock();
      const failure = this.apply(trip, replies, sentAt);
      if (failure !== undefined) {
        leave();
        await this.parts.failures.failed(failure.error);
      }
      this.parts.changes.tell();
      // Handlers that do not wait for anything end within this tick, and travel with the next round trip.
      if (membership.inFlight.running > 0) {
        await new Promise<void>(nextTick);
        this.snapshot.synchronousHandlers = membership.inFlight.running === 0;
      }
    }
    leave();
    this.sequences -= 1;
    if (this.sequences === 0 && !phase.over) this.wait();
    this.parts.changes.tell();
  }

  private next(): RoundTrip | undefined {
    const { membership, limits, reader, suspectRun } = this.parts;
    // What is left to recover is left to others.
    while (membership.budget.left <= 0 && membership.passes.current) {
      membership.endPass(membership.passes.current);
    }
    const decision = decide(this.snapshot, limits);
    if (decision === undefined) return undefined;
    const underWay = [reader?.nonce, suspectRun.nonce].filter((nonce) => nonce !== undefined);
    return membership.claim(decision, underWay);
  }

  private send(trip: RoundTrip): Promise<readonly unknown[]> {
    const { connection, deadlineMs, membership } = this.parts;
    this.snapshot.roundTrips += 1;
    this.snapshot.reading += trip.read;
    return connection.send(encodeRoundTrip(trip, membership.requests), { deadlineMs });
  }

  /** Applies what a round trip has brought. Returns what went wrong with it. */
  private apply(trip: RoundTrip, replies: readonly unknown[], sentAt: number): RequestFailure | undefined {
    const { phase, membership, policy, observer, suspectRun } = this.parts;
    this.snapshot.roundTrips -= 1;
    this.snapshot.reading -= trip.read;
    if (phase.ended) return undefined;
    const result = decodeRoundTrip(trip, replies, membership.requests);
    membership.apply(trip, result);
    if (sentAt > 0) observer.roundTrip(trip, result, performance.now() - sentAt);
    this.begin();
    if (trip.recover !== undefined && membership.suspectsWait && !membership.passes.current) {
      suspectRun.ask(membership);
    }
    if (result.failure === undefined) {
      policy.succeeded();
      observer.works();
    }
    return result.failure;
  }

  /** A last round trip, which settles what has finished. */
  private async settleOnce(): Promise<void> {
    const { membership } = this.parts;
    if (membership.inFlight.finished === 0) return;
    const trip = membership.claim({ settle: true, lease: 0, recover: 0, read: 0 }, []);
    const sentAt = this.now();
    this.apply(trip, await this.send(trip), sentAt);
  }

  /** The clock, where a line about the round trip is going to be written; else 0. */
  private now(): number {
    return writesDebug(this.parts.logger) ? performance.now() : 0;
  }

  /** Begins what is ready, or releases what may not begin. */
  private begin(): void {
    const { executor, phase, releases, limits } = this.parts;
    if (phase.isHeldBack) {
      releases.unstarted();
      return;
    }
    executor.fill();
    // Both sequences read for handlers that ended at once, and do so no longer.
    releases.surplus(capacity(this.snapshot, limits));
  }

  /** The event loop has turned after handlers kept the thread for long. */
  yielded(): void {
    this.parts.releases.afterSlowHandlers();
    this.parts.executor.fill();
    this.kick();
  }

  // --- waiting -----------------------------------------------------------------------------------------------------

  /** Nothing is to be done now: waits for entries, and for those that are due. */
  private wait(): void {
    const { membership, releases, limits } = this.parts;
    this.block();
    clearTimeout(this.dueTimer);
    // Without a free slot nothing could be leased; the next attempt to end makes a round trip by itself.
    if (!membership.passes.current && leasable(this.snapshot, limits) > 0) {
      this.dueTimer = setTimeout(() => this.kick(), membership.due.inMs);
    }
    releases.watchLate();
  }

  private block(): void {
    const { reader, limits } = this.parts;
    if (reader === undefined) return;
    const count = blockingRead(this.snapshot, limits);
    if (count > 0) void this.blockFor(reader, count);
  }

  private async blockFor(reader: BlockingReader, count: number): Promise<void> {
    const { membership, phase, limits } = this.parts;
    // By the time that it brings something, others may have used up what `runOnce` may lease.
    const free = Number.isFinite(membership.budget.left) ? 0 : leasable(this.snapshot, limits);
    const reply = await reader.read(count, free, membership.lastRead);
    // What came may be what an attempt emitted: whoever listens hears of that attempt's end first.
    await this.parts.changes.until(() => !membership.inFlight.isEmitting);
    reader.done();
    // A consumer that stops closes the connection under its read.
    if (phase.ended || (reply.read instanceof RequestFailure && phase.isStopping)) return;
    const failure = this.applyRead(reply);
    if (failure !== undefined) await this.parts.failures.failed(failure.error);
    const isIdle = this.sequences === 0;
    this.kick();
    // What has come is on its way to be leased by now: nothing stands in front of it.
    if (isIdle) this.block();
  }

  private applyRead(reply: LeasedRead): RequestFailure | undefined {
    const failure = this.parts.membership.applyLeasedRead(reply);
    this.begin();
    return failure;
  }

  /** Nothing is sent any more; the phase says why. */
  end(): void {
    const { executor, readAhead, membership } = this.parts;
    clearTimeout(this.dueTimer);
    executor.close();
    readAhead.stop();
    membership.begun.stop();
    membership.passes.fail(this.stopped());
    this.parts.changes.tell();
  }

  private stopped(): unknown {
    const { phase, membership } = this.parts;
    return phase.error ?? new ConsumerStoppedError(membership.requests.member);
  }
}
