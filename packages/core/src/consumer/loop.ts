/**
 * The consumer's loop: turns, each a single round trip that settles what has ended, leases what was read, takes back
 * what is due, and reads what comes next.
 *
 * Mostly one turn is under way at a time, so whatever ends meanwhile is settled together. Under full load there are two:
 * while Redis is at the one, this process is at what the other has brought. When nothing is waiting the loop blocks on a
 * second connection. How handlers are run is `run.ts`; starting and stopping is `consumer.ts`.
 */
import {
  firstTail,
  type LeaseVerdict,
  leaseAfterReply,
  leaseReply,
  type Member,
  type ReleaseItem,
  recoverReply,
  type SettleItem,
  settleReply,
} from "@sluice/lua-scripts";
import { type Connection, hasMaybeExecuted, type Request } from "../connection.js";
import { ConsumerStoppedError, ProtocolError, ServerError, SluiceError, SupersededError } from "../errors.js";
import type { Logger } from "../logger.js";
import { clearTimeout, jittered, nextTick, performance, setTimeout, sleep } from "../timing.js";
import { BegunRecord } from "./begun.js";
import { Bounds } from "./bounds.js";
import { Attempt, bytesOf, type Entry, entriesIn, recoveredAttempt } from "./entry.js";
import { type Ending, Hand, leased } from "./hand.js";
import { Mutex } from "./mutex.js";
import type { Observer } from "./observer.js";
import { MAX_SYNC_MS, ReadAhead } from "./read-ahead.js";
import { type Recovery, type RecoveryPass, RecoveryPasses } from "./recovery.js";
import { MAX_CALL, type RequestParts, Requests } from "./requests.js";
import { Suspects } from "./suspects.js";

export interface LoopParts extends RequestParts {
  /** The connection for blocking reads; without one the loop never waits for entries. */
  readonly blocking: Connection | undefined;
  readonly logger: Logger;
  readonly observer: Observer;
  /** Runs the handler, and calls `done` once with how that ended, never at once. Never throws. */
  readonly run: (attempt: Attempt, done: (ending: Ending) => void) => void;
  /** Stands for attempts of which is not known which of them waits (`inside.ts`). */
  readonly unnamedCallers: { readonly waits: number };
  /** Gives up an attempt whose handler runs on: how it ends. */
  readonly expire: (attempt: Attempt, handlerTimeoutMs: number) => Ending;
}

/** Turns under way at a time. A third one is no faster: either Redis or this process is never idle by then. */
const LANES = 2;
/** Entries that one turn leases or reads at most. With 512 a turn both sides wait longer for each other: a fifth slower. */
const MAX_TURN = 256;
/**
 * Most entries that are leased together with the blocking read that brings them. The script reads their keys from the
 * stream, payload and all; beyond a few, another round trip costs less.
 */
const LEASED_WITH_READ = 4;
/** Waiting entries are looked at this often at least, in milliseconds. */
const DUE_POLL_MS = 500;
/** Bounds of the pause after a failed turn, in milliseconds. */
const BACKOFF_MS = { min: 25, max: 2_000 };

/**
 * Whether anything new is read, or what is in hand only finished. In `ending` the turn under way is the last one, and
 * what it leases is not begun; `closed` ends the loop for good.
 */
type Phase = "reading" | "draining" | "ending" | "closed";

type Turn = {
  readonly settle: readonly Ending[];
  /** Some of what it settles emits events. */
  readonly emits: boolean;
  readonly lease: readonly Entry[];
  /** Of what it leases or recovers; empty if that is nothing. */
  readonly nonce: string;
  readonly recover: Request | undefined;
  /** Entries that it recovers at most. */
  readonly recoverMax: number;
  /** The pass that `recover` is part of; without one it is about what is due alone. */
  readonly pass: RecoveryPass | undefined;
  readonly readCount: number;
};

export class Loop {
  readonly hand = new Hand();
  /** Who this process is among those that go, or went, by the consumer's name. */
  readonly member: Member;
  private readonly parts: LoopParts;
  private readonly calls: Requests;
  private readonly begun: BegunRecord;
  private readonly suspects: Suspects;
  private readonly bounds = new Bounds();
  private phase: Phase = "reading";
  private paused = false;
  /** Sequences of turns that go on side by side. */
  private lanes = 0;
  /** Turns under way, and what they lease and read. */
  private turns = 0;
  /** Those of them that emit events. */
  private emitting = 0;
  private leasing = 0;
  private reading = 0;
  /**
   * One lane at a time is between the replies to a turn and sending its next one. Replies to both often come together;
   * were both lanes to go on at once, they would send together too, and Redis and this process would wait for each other
   * again.
   */
  private readonly betweenTurns = new Mutex();
  private wanted = false;
  /** The stream had more to read at the last look. */
  private hot = true;
  /** Entries that the blocking read under way may bring. */
  private blockedFor = 0;
  /** The nonce of the lease behind that read. */
  private blockedNonce: string | undefined;
  /** The entry read last: what comes next is behind it. */
  private lastRead = "0-0";
  private readonly passes = new RecoveryPasses();
  /** By performance.now(): when the next waiting entry is due, as far as is known. */
  private dueAt = 0;
  /** By performance.now(): when to look at waiting entries in any case. No reply tells of what others handed back. */
  private lookAt = 0;
  private dueTimer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private rejoining: Promise<void> | undefined;
  /** By how long the slowest handler of the last settled batch took. */
  private lastBatchMs = 0;
  /** The handlers begun last ended within the tick: they wait for nothing, and slots are as good as never taken. */
  private quick = false;
  /** The handler begun last kept the thread for longer than others may wait: one is leased at a time. */
  private singly = false;
  /** Nothing is begun before the event loop has turned. */
  private yielding = false;
  private readonly readAhead: ReadAhead;
  /** Entries that may still be leased: all, but in `runOnce`. */
  private budget = Number.POSITIVE_INFINITY;
  /** By performance.now(). */
  private lastBegunAt = 0;
  /** Some wait, by the last reply that told. */
  private suspectsWait = false;
  /** A suspect is asked for, or was leased and has yet to begin. */
  private asking = false;
  /** The nonce of the call that asks for it. */
  private suspectNonce: string | undefined;
  /** The suspect that runs, and whom to tell when it is over. */
  private suspect: { readonly attempt: Attempt; readonly over: () => void } | undefined;
  private readonly watchers = new Set<() => void>();
  private fatalError: unknown;

  constructor(parts: LoopParts, incarnation: string) {
    this.parts = parts;
    const { group, consumer } = parts.settings;
    this.member = { group, consumer, incarnation };
    this.calls = new Requests(parts, this.member);
    this.suspects = new Suspects({
      latestBegun: () => (this.hand.running.size > 0 ? this.lastBegunAt : undefined),
      record: () => this.begun.write(),
      goOn: () => {
        this.begin();
        this.kick();
      },
    });
    this.begun = new BegunRecord(parts, this.member, () => this.suspects.mark);
    this.readAhead = new ReadAhead(parts.settings.leaseMs);
  }

  /** Opens the group and takes the consumer's name; throws what keeps it from that. */
  async open(mode: "TAKE" | "REJOIN"): Promise<"CREATED" | "JOINED" | "HEALED"> {
    const how = await this.calls.open(mode);
    if (this.phase !== "closed") this.suspects.join();
    return how;
  }

  /** Takes back what is due, own or stale before anything new is read. Resolves when that is complete. */
  recover(first: boolean): Promise<Recovery> {
    if (this.phase === "closed") return Promise.reject(this.stopped());
    const done = this.passes.add(first).done();
    this.kick();
    return done;
  }

  /** Begins nothing more. What was read or leased ahead is given back, rather than wait here until its lease is over. */
  pause(): void {
    this.paused = true;
    void this.giveUnstarted();
  }

  resume(): void {
    this.paused = false;
    this.hot = true;
    this.kick();
  }

  /** Reads and leases nothing more; what runs goes on, and is settled. What was not begun is given back at once. */
  drain(): void {
    if (this.phase === "reading") {
      this.phase = "draining";
      void this.giveUnstarted();
    }
    this.kick();
  }

  /**
   * Ends the loop: no turn begins any more, but one that settles what has ended. Resolves when the one under way is
   * over, so that what it leased is known, and can be given back as it is; so is what runs, whatever becomes of it.
   */
  async finish(): Promise<void> {
    if (this.phase === "closed") return;
    this.phase = "ending";
    await this.until(() => this.lanes === 0 && !this.asking);
    for (const attempt of this.hand.running.values()) attempt.lost = true;
    const settle = this.failures === 0 ? this.hand.takeEnded() : [];
    if (settle.length > 0) {
      const nothing = {
        lease: [],
        recover: undefined,
        recoverMax: 0,
        pass: undefined,
        nonce: "",
        readCount: 0,
      };
      const last = { settle, emits: emits(settle), ...nothing };
      this.note(last, await this.send(last));
    }
    this.close();
  }

  /** Ends the loop at once. */
  private close(): void {
    this.phase = "closed";
    clearTimeout(this.dueTimer);
    this.readAhead.stop();
    this.begun.stop();
    const stopped = this.stopped();
    this.passes.fail(stopped);
    this.changed();
  }

  /** What it had is given back: the process may run another suspect. */
  leave(): void {
    this.suspect?.over();
    this.suspects.leave();
  }

  get error(): unknown {
    return this.fatalError;
  }

  private stopped(): unknown {
    return this.fatalError ?? new ConsumerStoppedError(this.parts.settings);
  }

  /** Leases at most this many entries from now on. */
  limit(budget: number): void {
    this.budget = budget;
  }

  get spent(): boolean {
    return this.budget <= 0;
  }

  /** Nothing was there to read at the last look, and no recovery is under way. */
  get quiet(): boolean {
    return !this.hot && this.pass === undefined && this.lanes === 0 && !this.asking;
  }

  /** Nothing runs, nothing is left to settle, and no call is under way. */
  get drained(): boolean {
    return this.hand.running.size + this.hand.ended.length === 0 && this.lanes === 0 && !this.asking;
  }

  /** Nothing is in hand, or on its way to be. A recovery pass that is held up by `pause` is not on its way. */
  get settled(): boolean {
    const isAsking = this.lanes > 0 || this.asking;
    return this.hand.empty && !isAsking && (this.pass === undefined || this.paused);
  }

  /** Calls `watcher` after each change of what is in hand. Returns the way to stop. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const stop = this.watch(() => {
          stop();
          resolve();
        });
      });
    }
  }

  /** Looks again, at the stream and at waiting entries. */
  look(): void {
    this.hot = true;
    this.dueAt = 0;
    this.kick();
  }

  /** Makes sure that a turn follows. */
  kick(): void {
    this.wanted = true;
    if (!this.over && (this.lanes === 0 || this.worthALane)) void this.lane();
  }

  /**
   * Gives back everything in hand, due at once for others: what was leased and what was only delivered. Returns how
   * many entries that was. What others have taken over is told.
   */
  async release(): Promise<number> {
    const { hand } = this;
    const entries = [...hand.takeUnstarted(), ...hand.unfinished, ...hand.unsettled];
    const verdicts = await this.calls.release(entries);
    entries.forEach(({ id }, at) => {
      const attempt = verdicts[at] === "RELEASED" ? undefined : hand.running.get(id);
      if (attempt !== undefined) this.parts.observer.leaseLost(attempt, undefined, this.takenBy);
    });
    return verdicts.filter((verdict) => verdict === "RELEASED").length;
  }

  /** Who has what this process has lost. */
  private get takenBy(): "newerProcess" | "otherConsumer" {
    return this.fatalError instanceof SupersededError ? "newerProcess" : "otherConsumer";
  }

  /** Nothing is in hand any more, and nothing that this process has begun counts. */
  forget(): Promise<void> {
    return this.begun.remove();
  }

  /** The server may not have what was recorded. */
  recordAgain(): void {
    void this.begun.write();
  }

  /** Gives back what waits for a slot for too long: others may have one. */
  private readonly giveLate = (late: readonly ReleaseItem[]): void => {
    if (late.length === 0) return;
    // What `runOnce` may lease is for what it handles.
    this.budget += late.filter(({ token }) => token !== undefined).length;
    // Nothing is read ahead until a handler has shown to be quick.
    this.lastBatchMs = Number.POSITIVE_INFINITY;
    this.parts.logger.debug("released entries that found no free slot", { entries: late.length });
    void this.giveUnstarted(late);
  };

  /**
   * Ends an attempt whose handler has not ended, and may never: its slot is free, and what the handler still does is of
   * no consequence.
   */
  expire(attempt: Attempt, handlerTimeoutMs: number): void {
    if (this.hand.running.get(attempt.entry.id) !== attempt) return;
    this.noteEnded(attempt, this.parts.expire(attempt, handlerTimeoutMs));
  }

  /** Whether nothing is left but attempts that wait for this consumer themselves (`inside.ts`). */
  get waitsForCallers(): boolean {
    return this.hand.running.size > 0 && this.hand.ended.length === 0 && this.lanes === 0 && this.callersOnly;
  }

  /** The same, as `idle` sees it: nothing else is in hand, or could be before one of them ends. */
  get settledButCallers(): boolean {
    if (!this.waitsForCallers) return this.settled;
    if (this.heldByCallers) return true;
    return this.hand.prefetched.length + this.hand.waiting.length === 0 && this.pass === undefined;
  }

  /** Whether attempts that wait for this consumer have every slot, so that nothing begins until one of them ends. */
  get heldByCallers(): boolean {
    const { running } = this.hand;
    const full = running.size >= this.parts.settings.concurrency;
    return full && this.callersOnly;
  }

  private get callersOnly(): boolean {
    let others = 0;
    for (const { waits } of this.hand.running.values()) if (waits === 0) others += 1;
    return others <= this.parts.unnamedCallers.waits;
  }

  private async giveUnstarted(entries: readonly ReleaseItem[] = this.hand.takeUnstarted()): Promise<void> {
    try {
      await this.calls.release(entries);
    } catch (error) {
      // It is still pending with this consumer, and found there by recovery.
      await this.failed(error);
    }
  }

  /** Has the group's low-water ID recorded as it is now, for whoever may have to make the group again. */
  noteLowWater(): Promise<void> {
    return this.calls.noteLowWater(this.begun.nonce());
  }

  private async lane(): Promise<void> {
    this.lanes += 1;
    let leave = () => {};
    while (!this.over) {
      this.wanted = false;
      const turn = this.plan();
      if (turn === undefined) {
        if (this.wanted) continue;
        break;
      }
      const sent = this.send(turn);
      leave();
      if (this.worthALane) void this.lane();
      const replies = await sent;
      leave = await this.betweenTurns.enter();
      const failure = this.note(turn, replies);
      if (failure !== undefined) {
        leave();
        await this.failed(failure);
      }
      this.changed();
      // Handlers that do not wait for anything end within this tick, and travel with the next turn.
      if (this.hand.running.size > 0) {
        await new Promise<void>(nextTick);
        this.quick = this.hand.running.size === 0;
      }
    }
    leave();
    this.lanes -= 1;
    if (this.lanes === 0 && !this.over) {
      this.block();
      this.armDue();
      this.readAhead.watch(this.hand, this.giveLate);
    }
    this.changed();
  }

  /** Whether there is enough to do for a further turn beside the one under way. A small one would only cost more calls. */
  private get worthALane(): boolean {
    if (this.lanes >= LANES || this.recovers || this.failures > 0) return false;
    const { ended, prefetched } = this.hand;
    const { share } = this;
    if (ended.length + Math.min(this.freeSlots(), prefetched.length) >= share) return true;
    return this.quick && this.mayRead && this.room(0) >= share;
  }

  /** What one turn leases at most, so that as much is left for another. */
  private get share(): number {
    return Math.min(Math.ceil(this.reach / LANES), MAX_TURN);
  }

  /**
   * Attempts in hand at a time, waiting or running; as many may be read besides. With more than `concurrency`, each lane
   * carries all of that: calls half as large cost a quarter of the rate at 64.
   */
  private get reach(): number {
    const { concurrency } = this.parts.settings;
    return this.quick ? Math.max(concurrency, LANES * Math.min(concurrency, MAX_TURN)) : concurrency;
  }

  /** Whether the next turn takes something back. It has to know of all that is in hand: no other is under way beside it. */
  private get recovers(): boolean {
    return this.pass !== undefined || performance.now() >= this.dueAt;
  }

  /** Whether no turn may begin any more. */
  private get over(): boolean {
    return this.phase === "ending" || this.phase === "closed";
  }

  /** The recovery pass under way. */
  private get pass(): RecoveryPass | undefined {
    return this.passes.current;
  }

  private changed(): void {
    for (const watcher of this.watchers) watcher();
  }

  // --- what the next turn does -------------------------------------------------------------------------------------

  private plan(): Turn | undefined {
    // What is left to recover is left to others.
    while (this.spent && this.pass) this.endPass(this.pass);
    const { hand, pass, recovers } = this;
    if (this.turns > 0 && (recovers || this.failures > 0)) return undefined;
    const settle = this.hand.takeEnded();
    const free = this.freeSlots();
    let lease: readonly Entry[] = [];
    let recover: Request | undefined;
    let nonce = "";
    // Recovery comes before new work.
    const recoverMax = free > 0 && (pass || recovers) ? this.bounds.fewer(free) : 0;
    if (recoverMax > 0) {
      nonce = this.begun.nonce({ isNamed: pass !== undefined });
      recover = pass
        ? this.recoverAll(pass, settle, nonce, recoverMax)
        : this.calls.recoverDue(nonce, recoverMax, this.bounds.maxBytes);
    } else if (free > 0 && hand.prefetched.length > 0) {
      nonce = this.begun.nonce();
      lease = hand.prefetched.splice(0, Math.min(free, this.share));
    }
    const readCount = this.mayRead ? this.room(lease.length) : 0;
    if (settle.length + lease.length + readCount === 0 && !recover) return undefined;
    return { settle, emits: emits(settle), lease, nonce, recover, recoverMax, pass, readCount };
  }

  /** Whether anything new may be begun at all. */
  private get mayStart(): boolean {
    // Where attempts end and cannot be settled, beginning more would only pile them up.
    const settling = this.hand.ended.length < MAX_CALL;
    return this.phase === "reading" && !this.paused && !this.suspects.holding && settling;
  }

  /** Whether there is more to read, as far as is known, and nothing comes before it. */
  private get mayRead(): boolean {
    return this.mayStart && this.hot && this.blockedFor === 0 && this.pass === undefined;
  }

  /** Attempts that may be leased now. */
  private freeSlots(): number {
    if (!this.mayStart) return 0;
    return Math.min(Math.min(this.openSlots, this.budget) - this.leasing, MAX_CALL);
  }

  /** Slots that nothing runs in or waits for; one at a time for handlers that keep the thread. */
  private get openSlots(): number {
    const { running, waiting } = this.hand;
    const free = this.reach - running.size - waiting.length;
    return this.singly ? Math.min(free, 1 - waiting.length) : free;
  }

  private recoverAll(pass: RecoveryPass, settle: readonly Ending[], nonce: string, max: number): Request {
    const inHand = [...this.hand.ids(), ...settle.map(({ attempt }) => attempt.entry.id)];
    const { ownAfter } = pass;
    pass.began ??= this.begun.latest;
    const onItsWay = [this.blockedNonce, this.suspectNonce].filter((one) => one !== undefined);
    return this.calls.recoverAll(nonce, max, this.bounds.maxBytes, { ownAfter, inHand, onItsWay });
  }

  /** How many entries to read: prefetched ones wait for a slot with their lease clock running, so not many. */
  private room(leasing: number): number {
    const { hand, parts } = this;
    const { batchSize } = parts.settings;
    const waiting = hand.prefetched.length + this.blockedFor + this.reading;
    const started = this.leasing + leasing;
    const isAhead = !this.singly && this.readAhead.isWorthIt(this.lastBatchMs);
    const ahead = isAhead ? this.reach : Math.max(0, this.openSlots - started);
    const room = Math.min(ahead - waiting, this.budget - started - waiting, batchSize, MAX_TURN);
    return Math.max(0, this.bounds.atMost(room));
  }

  // --- one round trip ----------------------------------------------------------------------------------------------

  private send(turn: Turn): Promise<readonly unknown[]> {
    const { connection, deadlineMs } = this.parts;
    const requests: Request[] = [];
    if (turn.settle.length > 0) requests.push(this.calls.settle(itemsOf(turn.settle)));
    if (turn.lease.length > 0) requests.push(this.calls.lease(turn.nonce, turn.lease));
    if (turn.recover) requests.push(turn.recover);
    if (turn.readCount > 0) requests.push(this.calls.read(turn.readCount));

    this.turns += 1;
    if (turn.emits) this.emitting += 1;
    this.leasing += turn.lease.length;
    this.reading += turn.readCount;
    return connection.send(requests, { deadlineMs });
  }

  /** Takes in what a turn has brought. Returns what went wrong with it. */
  private note(turn: Turn, replies: readonly unknown[]): unknown {
    this.turns -= 1;
    if (turn.emits) this.emitting -= 1;
    this.leasing -= turn.lease.length;
    this.reading -= turn.readCount;
    if (this.phase === "closed") return undefined;
    return this.noting(() => {
      let at = 0;
      const failures: unknown[] = [];
      if (turn.settle.length > 0) failures.push(this.noteSettled(turn, replies[at++]));
      if (turn.lease.length > 0) failures.push(this.noteLeased(turn.lease, turn.nonce, replies[at++]));
      if (turn.recover) failures.push(this.noteRecovered(turn, replies[at++]));
      if (turn.readCount > 0) failures.push(this.noteRead(turn.readCount, replies[at++]));
      const failure = failures.find((error) => error !== undefined);
      if (failure === undefined) {
        this.failures = 0;
        this.parts.observer.works();
      }
      return failure;
    });
  }

  /** What `note` returns, or what it throws. */
  private noting(note: () => unknown): unknown {
    try {
      return note();
    } catch (error) {
      // A reply that no script of ours gives. What it was about is taken back by recovery.
      this.recoverSoon();
      return error;
    }
  }

  private noteSettled({ settle: endings, emits }: Turn, reply: unknown): unknown {
    const read = reply instanceof SluiceError ? reply : settleReply(reply, itemsOf(endings));
    if (read instanceof SluiceError || read.status !== "OK") {
      for (const { attempt } of endings) attempt.maybeSettled ||= hasMaybeExecuted(read);
      this.hand.ended.unshift(...endings);
      return this.calls.refused("settle", read);
    }
    this.knowDue(read.nextDueInMs);
    // What was emitted is in the stream, to be read.
    if (emits) this.hot = true;
    this.lastBatchMs = 0;
    const { verdicts } = read;
    endings.forEach((ending, at) => {
      const verdict = verdicts[at] ?? "FENCED";
      this.lastBatchMs = Math.max(this.lastBatchMs, ending.durationMs);
      // It was somebody else's: `runOnce` may handle another one.
      if (verdict === "HANDED_BACK") this.budget += 1;
      this.parts.observer.settled(ending, verdict);
      if (ending.attempt === this.suspect?.attempt) this.suspect.over();
    });
    return undefined;
  }

  private noteLeased(entries: readonly Entry[], nonce: string, reply: unknown): unknown {
    const read = reply instanceof SluiceError ? reply : leaseReply(reply, entries.length);
    if (read instanceof SluiceError || read.status !== "OK") {
      // Entries of a call that may have run may be leased by now; recovery finds them among our own.
      if (!this.failedToLease(nonce, read)) this.hand.prefetched.unshift(...entries);
      return this.calls.refused("lease", read);
    }
    this.knowDue(read.nextDueInMs);
    const { verdicts, now } = read;
    this.takeVerdicts(entries, (_, at) => verdicts[at] ?? "LOST", nonce, now);
    return undefined;
  }

  /**
   * Takes in what a blocking read has brought, and the lease that went with it. It is not fresh if the process stood
   * still meanwhile: others may have what was leased, and what they have not is ours to recover.
   */
  private noteLeasedWithRead(
    entries: readonly Entry[],
    nonce: string,
    reply: unknown,
    isFresh: boolean,
  ): unknown {
    const read = reply instanceof SluiceError ? reply : leaseAfterReply(reply);
    if (read instanceof SluiceError || read.status !== "OK") {
      if (!this.failedToLease(nonce, read)) this.take(entries);
      return this.calls.refused("lease", read);
    }
    this.knowDue(read.nextDueInMs);
    const { verdicts, now } = read;
    const judged = entries.filter(({ id }) => verdicts.has(id));
    if (isFresh) {
      this.takeVerdicts(judged, ({ id }) => verdicts.get(id) ?? "LOST", nonce, now);
    } else if (judged.length > 0) {
      this.begun.lost(nonce);
      this.recoverSoon();
    }
    this.take(entries.filter(({ id }) => !verdicts.has(id)));
    return undefined;
  }

  private takeVerdicts(
    entries: readonly Entry[],
    verdictOn: (entry: Entry, at: number) => LeaseVerdict,
    nonce: string,
    now: number,
  ): void {
    const attempts: Attempt[] = [];
    const tail = firstTail(this.member.consumer, nonce, now);
    entries.forEach((entry, at) => {
      const verdict = verdictOn(entry, at);
      if (verdict === "LEASED") {
        attempts.push(new Attempt(entry, tail, 1, false));
      } else {
        this.parts.observer.notLeased(entry, verdict);
      }
    });
    this.takeLeased(attempts, nonce);
  }

  /** A call that was to lease has failed. Returns whether it may have run all the same. */
  private failedToLease(nonce: string, failure: unknown): boolean {
    const mayHaveRun = hasMaybeExecuted(failure);
    if (mayHaveRun) this.begun.lost(nonce);
    else this.begun.heard(nonce);
    return mayHaveRun;
  }

  private noteRecovered({ nonce, pass, recoverMax }: Turn, reply: unknown): unknown {
    const read = reply instanceof SluiceError ? reply : recoverReply(reply);
    if (read instanceof SluiceError || read.status !== "OK") {
      if (this.failedToLease(nonce, read)) this.bounds.lost(recoverMax);
      return this.calls.refused("recover", read);
    }
    this.lookAt = performance.now() + DUE_POLL_MS;
    this.knowDue(read.nextDueInMs);
    if (read.more && !pass) this.dueAt = 0;
    this.parts.observer.recoveredCounts(read.counts);
    const attempts = read.leased.map(recoveredAttempt);
    this.bounds.came(attempts.length, bytesOf(attempts.map(({ entry }) => entry)));
    this.takeLeased(attempts, nonce);
    this.suspectsWait = read.suspects > 0;
    // A pass that was asked for while this call was under way has yet to begin.
    if (pass?.note(read)) this.endPass(pass);
    if (this.suspectsWait && !this.pass) this.askForSuspect();
    return undefined;
  }

  private endPass(pass: RecoveryPass): void {
    this.passes.end();
    if (pass.began !== undefined) this.begun.tookBack(pass.began);
    this.hot = true;
    this.parts.observer.recoveryEnded(pass.complete(), pass.first || pass.foundSomething);
  }

  private noteRead(count: number, reply: unknown): unknown {
    if (reply instanceof SluiceError) {
      if (hasMaybeExecuted(reply)) this.bounds.lost(count);
      return reply;
    }
    const entries = this.delivered(reply);
    this.take(entries);
    this.hot = entries.length > 0;
    return undefined;
  }

  /** The entries in a reply of XREADGROUP. */
  private delivered(reply: unknown): readonly Entry[] {
    const entries = entriesIn(reply);
    this.bounds.came(entries.length, bytesOf(entries));
    this.lastRead = entries.at(-1)?.id ?? this.lastRead;
    return entries;
  }

  private take(entries: readonly Entry[]): void {
    this.hand.prefetched.push(...entries);
    if (this.paused || this.phase === "draining") void this.giveUnstarted();
    // Two lanes read for handlers that were quick, and are no longer.
    const surplus = this.hand.takePrefetched(this.reach);
    if (surplus.length > 0) void this.giveUnstarted(surplus);
  }

  /** What runs and has been leased for longer than `ms`. */
  leasedFor(ms: number): Attempt[] {
    const before = performance.now() - ms;
    return [...this.hand.running.values()].filter(({ leasedAt, lost }) => !lost && leasedAt < before);
  }

  /** Takes in what a call has leased, in the order given. */
  private takeLeased(attempts: readonly Attempt[], nonce: string): void {
    this.begun.heard(nonce);
    if (attempts.length === 0) return;
    // Before any of it begins.
    void this.begun.write();
    this.budget -= attempts.length;
    this.hand.waiting.push(...attempts);
    this.begin();
    if (this.paused || this.phase === "draining") void this.giveUnstarted();
  }

  /** Begins what waits, as far as there are slots, and for as long as the event loop may stand still. */
  private begin(): void {
    const { waiting } = this.hand;
    if (this.yielding || waiting.length === 0 || !this.mayBegin) return;
    const since = performance.now();
    this.lastBegunAt = since;
    let now = since;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (!this.mayBegin) return;
      if (now - since > MAX_SYNC_MS) {
        this.beginLater();
        return;
      }
      // Taken out first: what its handler calls, `pause` for one, may give back what waits.
      waiting.shift();
      this.run(next, now);
      now = performance.now();
      this.singly = now - next.begunAt > this.readAhead.patienceMs;
    }
    if (this.singly && this.hand.prefetched.length > 0) this.beginLater();
  }

  /** Lets the event loop turn: timers and replies are due, and what has waited for too long is given back. */
  private beginLater(): void {
    this.yielding = true;
    nextTick(() => {
      this.yielding = false;
      if (this.phase === "closed") return;
      const late = this.readAhead.takeLate(this.hand);
      // What was read before that handler began has waited for as long as it kept the thread.
      if (this.singly) late.push(...this.hand.takePrefetched(0));
      this.giveLate(late);
      this.begin();
      this.kick();
    });
  }

  private get mayBegin(): boolean {
    const free = this.hand.running.size < this.parts.settings.concurrency;
    return free && this.phase === "reading" && !this.paused && !this.suspects.holding;
  }

  private run(attempt: Attempt, now: number): void {
    attempt.begunAt = now;
    this.hand.running.set(attempt.entry.id, attempt);
    this.parts.run(attempt, (ending) => {
      // It was given up.
      if (!attempt.over) this.noteEnded(attempt, ending);
    });
  }

  private noteEnded(attempt: Attempt, ending: Ending): void {
    attempt.over = true;
    if (attempt.lost && this.suspect?.attempt === attempt) this.suspect.over();
    if (attempt.lost && this.over) return;
    // A newer attempt of the same entry may run in this very process by now.
    if (this.hand.running.get(attempt.entry.id) === attempt) this.hand.running.delete(attempt.entry.id);
    if (!attempt.lost) this.hand.ended.push(ending);
    if (this.hand.waiting.length > 0) this.begin();
    this.kick();
  }

  // --- suspects ----------------------------------------------------------------------------------------------------

  private get mayRunSuspect(): boolean {
    const { running, ended } = this.hand;
    const free = running.size < this.parts.settings.concurrency && !this.spent;
    return this.phase === "reading" && !this.paused && free && this.failures === 0 && ended.length < MAX_CALL;
  }

  /** Asks for a suspect, unless one runs in this process. The next look at what is due asks again. */
  private askForSuspect(): void {
    if (this.asking || !this.mayRunSuspect || !this.suspects.take()) return;
    this.asking = true;
    void this.runSuspect();
  }

  private async runSuspect(): Promise<void> {
    try {
      await this.suspects.calm(() => !this.mayRunSuspect);
      const attempt = this.mayRunSuspect ? await this.leaseSuspect() : undefined;
      if (attempt === undefined) return;
      // In hand from now on: heartbeats keep it, and what stops gives it back.
      this.hand.running.set(attempt.entry.id, attempt);
      this.budget -= 1;
      await this.suspects.announce(attempt.entry.id);
      if (this.phase !== "reading" || this.paused) {
        this.hand.running.delete(attempt.entry.id);
        // Before the session gives back the rest, and forgets that it is a suspect.
        await this.giveUnstarted([leased(attempt)]);
        return;
      }
      const over = new Promise<void>((resolve) => {
        this.suspect = { attempt, over: resolve };
      });
      this.lastBegunAt = performance.now();
      this.parts.observer.suspectBegins(attempt);
      this.run(attempt, this.lastBegunAt);
      this.asking = false;
      await this.suspects.begun(over);
      await over;
    } finally {
      this.asking = false;
      this.suspect = undefined;
      this.suspects.end();
      this.changed();
      this.kick();
    }
  }

  private async leaseSuspect(): Promise<Attempt | undefined> {
    const nonce = this.begun.nonce({ isNamed: true });
    this.suspectNonce = nonce;
    const { connection, deadlineMs } = this.parts;
    const [reply] = await connection.send([this.calls.recoverSuspect(nonce)], { deadlineMs });
    this.suspectNonce = undefined;
    let attempt: Attempt | undefined;
    const failure = this.noting(() => {
      const read = reply instanceof SluiceError ? reply : recoverReply(reply);
      if (read instanceof SluiceError || read.status !== "OK") {
        this.failedToLease(nonce, read);
        return this.calls.refused("recover", read);
      }
      this.begun.heard(nonce);
      this.parts.observer.recoveredCounts(read.counts);
      this.suspectsWait = read.suspects > 0;
      attempt = read.leased.map(recoveredAttempt)[0];
      return undefined;
    });
    if (failure !== undefined) void this.failed(failure);
    return attempt;
  }

  private knowDue(nextDueInMs: number | undefined): void {
    const dueAt = performance.now() + (nextDueInMs ?? Number.POSITIVE_INFINITY);
    this.dueAt = Math.min(dueAt, this.lookAt);
  }

  private armDue(): void {
    clearTimeout(this.dueTimer);
    // Without a free slot nothing could be taken; the next handler to end makes a turn by itself.
    if (this.pass || this.freeSlots() <= 0) return;
    const inMs = Math.max(0, Math.ceil(this.dueAt - performance.now()));
    this.dueTimer = setTimeout(() => this.kick(), inMs);
  }

  // --- the second connection ---------------------------------------------------------------------------------------

  /** Waits on the second connection for what comes next. */
  private block(): void {
    const { blocking } = this.parts;
    if (blocking === undefined) return;
    if (this.phase !== "reading" || this.paused || this.hot || this.pass || this.blockedFor > 0 || this.spent)
      return;
    const count = this.room(0);
    if (count > 0) void this.blockFor(blocking, count);
  }

  /** Entries of a blocking read that are leased with it: what a free slot waits for. */
  private leasedWithRead(count: number): number {
    const { blockMs, leaseMs } = this.parts.settings;
    // A lease that is given while the read waits has to be fresh when the read is back.
    if (blockMs > leaseMs / 2) return 0;
    // By the time that it brings something, others may have used up what `runOnce` may lease.
    if (Number.isFinite(this.budget)) return 0;
    return Math.min(count, this.freeSlots(), LEASED_WITH_READ);
  }

  private async blockFor(blocking: Connection, count: number): Promise<void> {
    const { settings, deadlineMs } = this.parts;
    this.blockedFor = count;
    const requests = [this.calls.read(count, settings.blockMs)];
    const leases = this.leasedWithRead(count);
    const nonce = leases > 0 ? this.begun.nonce({ waitMs: settings.blockMs }) : "";
    if (leases > 0) {
      this.blockedNonce = nonce;
      requests.push(this.calls.leaseAfter(nonce, this.lastRead, leases));
    }
    const sentAt = performance.now();
    // The deadline is the watchdog: a read that has not come back by then hangs on a dead connection.
    const { blockMs } = settings;
    const [read, lease] = await blocking.send(requests, { deadlineMs: blockMs + deadlineMs, blockMs });
    const isFresh = performance.now() - sentAt < settings.leaseMs / 2;
    // What came may be what an attempt emitted: whoever listens hears of that attempt's end first.
    await this.until(() => this.emitting === 0);
    this.blockedFor = 0;
    this.blockedNonce = undefined;
    // A consumer that stops closes the connection under its read.
    if (this.phase === "closed" || (read instanceof SluiceError && this.phase !== "reading")) return;
    const failure = this.noting(() => {
      if (read instanceof SluiceError) {
        if (lease instanceof SluiceError) this.failedToLease(nonce, lease);
        else if (leases > 0) this.begun.lost(nonce);
        if (hasMaybeExecuted(read)) this.bounds.lost(count);
        return read;
      }
      const entries = this.delivered(read);
      this.hot = entries.length === count;
      if (leases > 0) return this.noteLeasedWithRead(entries, nonce, lease, isFresh);
      this.take(entries);
      return undefined;
    });
    if (failure !== undefined) await this.failed(failure);
    const idle = this.lanes === 0;
    this.kick();
    // What has come is on its way to be leased by now: nothing stands in front of it.
    if (idle) this.block();
  }

  // --- what goes wrong ---------------------------------------------------------------------------------------------

  /** Goes on from a failed call, after a pause, or stops for good where going on could only do harm. */
  private async failed(error: unknown): Promise<void> {
    if (this.over) return;
    if (error instanceof SupersededError || error instanceof ProtocolError || this.hopeless(error)) {
      this.fatalError = error;
      this.parts.observer.failed(error, true);
      for (const attempt of this.hand.running.values()) attempt.abort(error);
      this.close();
      return;
    }
    if (isNoGroup(error)) {
      this.rejoining ??= this.rejoin();
      await this.rejoining;
      this.rejoining = undefined;
      return;
    }
    this.failures += 1;
    this.parts.observer.failed(error, false);
    if (hasMaybeExecuted(error)) this.recoverSoon();
    await sleep(jittered(Math.min(BACKOFF_MS.min * 2 ** this.failures, BACKOFF_MS.max)));
  }

  /** A consumer that has just come and cannot recover, say for want of a permission, is better told than kept trying. */
  private hopeless(error: unknown): boolean {
    return this.passes.starting && error instanceof SluiceError && !error.retryable && !isNoGroup(error);
  }

  /** The group is gone: makes it again where it was, and takes back what that delivers anew. */
  private async rejoin(): Promise<void> {
    try {
      const how = await this.open("REJOIN");
      this.parts.logger.warn("consumer group was gone and is open again", { how });
      this.begun.doubt();
      this.recordAgain();
      this.recoverSoon();
    } catch (error) {
      if (isNoGroup(error)) await sleep(BACKOFF_MS.max);
      else await this.failed(error);
    }
  }

  private recoverSoon(): void {
    this.passes.add(false);
    this.hot = true;
  }
}

function itemsOf(endings: readonly Ending[]): readonly SettleItem[] {
  return endings.map(({ item }) => item);
}

function emits(endings: readonly Ending[]): boolean {
  return endings.some(({ item }) => item.outcome === "SUCCESS" && item.emits.length > 0);
}

function isNoGroup(error: unknown): boolean {
  return error instanceof ServerError && error.prefix === "NOGROUP";
}
