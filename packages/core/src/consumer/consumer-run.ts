/**
 * One run of a consumer, from opening the group to releasing what is left: it owns the timers, and is told to pause,
 * resume and stop.
 */
import { ConsumerStoppedError, SupersededError } from "../errors.js";
import { clearInterval, setInterval } from "../timing.js";
import { assemble, type ConsumerRunOptions, type ConsumerRunParts } from "./assembly.js";
import { lookAtBacklog } from "./backlog.js";
import { type FinalReleaseParts, handOver, releaseAll } from "./final-release.js";
import { applyHeartbeat, heartbeatOf } from "./heartbeat.js";
import { MAINTENANCE_INTERVAL_MS, maintain, retireSelf } from "./maintenance.js";
import { Quiescence } from "./quiescence.js";
import { FirstRecovery, type Recovery } from "./recovery.js";
import { repeat } from "./repeat.js";
import type { Run } from "./run-holder.js";
import { Watchdog } from "./watchdog.js";

/** Bounds of the time between two recovery passes of a running consumer, in milliseconds; a quarter of the lease within them. */
const RECOVERY_INTERVAL_MS = { min: 50, max: 30_000 };
/**
 * An older process of the same name may be given entries by the read that it waits in, until it looks at what is due
 * and finds itself superseded. What it was given is recovered after this time, in milliseconds.
 */
const TAKEOVER_MS = 1_000;

export class ConsumerRun implements Run {
  readonly quiescence: Quiescence;
  readonly watchdog: Watchdog;
  private readonly made: ReturnType<typeof assemble>;
  private readonly firstRecovery = new FirstRecovery();
  private readonly stopListening: readonly (() => void)[];
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private stopRepeating: readonly (() => void)[] = [];
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly parts: ConsumerRunParts,
    options: ConsumerRunOptions,
  ) {
    this.made = assemble(parts, options, () => void this.stop(0));
    const { membership, phase, scheduler, reader, begun } = this.made;
    const { concurrency } = parts.settings;
    this.quiescence = new Quiescence({
      inFlight: membership.inFlight,
      moreToRead: () => membership.moreToRead,
      isRecovering: () => membership.passes.current !== undefined,
      phase,
      isFull: () => membership.inFlight.running >= concurrency,
      unnamedCallers: parts.handlers.handling.unnamed,
      isSending: () => scheduler.isSending,
      isStill: () => scheduler.isStill,
    });
    this.watchdog = this.makeWatchdog();
    const onReconnect = () => {
      void begun.write();
      scheduler.recover(false).catch(() => {});
    };
    this.stopListening = [parts.connection, reader].map((one) => one?.onReconnect(onReconnect) ?? (() => {}));
  }

  // --- what it is --------------------------------------------------------------------------------------------------

  get recovery(): Promise<Recovery> {
    return this.firstRecovery.outcome;
  }

  get member() {
    return this.made.member;
  }

  get inHand() {
    const { delivered, leasing, ready, running, finished, settling } = this.made.inFlight;
    return { running, prefetched: delivered + leasing + ready, unsettled: finished + settling };
  }

  get stuck() {
    return this.watchdog.stuck;
  }

  /** What ended it; undefined unless it failed. */
  get error(): unknown {
    return this.made.phase.error;
  }

  /** Whether it has begun to stop. */
  get stopping(): boolean {
    return this.stopped !== undefined;
  }

  /** `runOnce` may lease nothing more. */
  get isSpent(): boolean {
    return this.made.membership.budget.left <= 0;
  }

  /** Resolves once `condition` holds; looks again whenever what is in flight changes, and after `everyMs`. */
  until(condition: () => boolean | Promise<boolean>, everyMs: number): Promise<void> {
    return this.made.changes.until(condition, everyMs);
  }

  /**
   * Whether nothing is left to do, here and by what Redis says.
   *
   * @param butCallers - leave out the events of handlers that wait for this, and what cannot begin before one of them ends.
   */
  async hasNothingLeft(butCallers: boolean): Promise<boolean> {
    const { connection, keys, deadlineMs } = this.parts;
    const { quiescence, member } = this;
    const { inFlight } = this.made;
    if (!quiescence.isSettled(butCallers)) return false;
    if (butCallers && quiescence.heldByCallers) return true;
    const except = butCallers ? [...inFlight.runningNow].map(({ entry }) => entry.id) : [];
    const { membership, reader } = this.made;
    const first = await lookAtBacklog(connection, keys, member, deadlineMs, except);
    const mayBeOnItsWay = (reader?.expected ?? 0) > 0 && first.lastDelivered !== membership.lastRead;
    if (!first.isEmpty || !mayBeOnItsWay) return first.isEmpty;
    // What a blocking read has been given, and the lease behind it has acknowledged, is nowhere but in their replies. They
    // were written before the reply to this look, on another connection: they are here by the reply to a further one.
    const second = await lookAtBacklog(connection, keys, member, deadlineMs, except);
    return second.isEmpty && quiescence.isSettled(butCallers);
  }

  // --- what it does ------------------------------------------------------------------------------------------------

  /** Opens the group, and begins to recover everything due, own or stale: before anything new is read. */
  async start(): Promise<void> {
    const { settings } = this.parts;
    const { calls, phase, suspects, scheduler } = this.made;
    try {
      await calls.open("TAKE");
      phase.open();
      if (!phase.ended) suspects.join();
      await this.maintainFirst();
      if (this.stopping) throw new ConsumerStoppedError(settings);
    } catch (error) {
      this.firstRecovery.fail(error);
      await this.stop(0);
      throw error;
    }
    const { leaseMs, anonymous } = settings;
    this.heartbeat = setInterval(() => void this.beat(), Math.max(1, Math.floor(leaseMs / 3)));
    const { min, max } = RECOVERY_INTERVAL_MS;
    const everyMs = Math.min(Math.max(leaseMs / 4, min), max);
    const recover = () => void scheduler.recover(false).catch(() => {});
    this.stopRepeating = [
      repeat(everyMs, recover, anonymous ? everyMs : Math.min(everyMs, TAKEOVER_MS)),
      repeat(MAINTENANCE_INTERVAL_MS, () => void this.maintain()),
    ];
    this.watchdog.start();
    phase.begin();
    this.firstRecovery.is(scheduler.recover(true));
  }

  pause(): void {
    this.made.scheduler.pause();
  }

  resume(): void {
    this.made.scheduler.resume();
  }

  /**
   * Lets what runs end for up to `drainTimeoutMs`, then releases the rest, due at once for others. Idempotent.
   */
  stop(drainTimeoutMs: number): Promise<void> {
    this.stopped ??= this.drainAndRelease(drainTimeoutMs);
    return this.stopped;
  }

  private async drainAndRelease(drainTimeoutMs: number): Promise<void> {
    const { phase, scheduler, reader, inFlight, suspectRun, changes } = this.made;
    for (const stop of [...this.stopRepeating, ...this.stopListening]) stop();
    scheduler.drain();
    // Closing it is what ends a blocking read; what it may have delivered meanwhile is released below.
    await reader?.close();
    await this.quiescence.untilDrained(changes, drainTimeoutMs);
    await scheduler.close();
    clearInterval(this.heartbeat);
    this.watchdog.stop();
    this.parts.observer.stopped();
    for (const attempt of inFlight.runningNow) attempt.abort(new ConsumerStoppedError(this.member));
    if (phase.opened) await this.release();
    suspectRun.leave();
  }

  private async release(): Promise<void> {
    const { settings, scope } = this.parts;
    const parts: FinalReleaseParts = { ...this.parts, ...this.made };
    try {
      if (this.error instanceof SupersededError) await handOver(parts);
      if (this.error !== undefined) return;
      await releaseAll(parts);
      if (settings.anonymous) await retireSelf(this.parts, this.member);
    } catch (error) {
      // Others recover it once its lease is over.
      scope.logger.warn("could not release unfinished entries on stop", { err: error });
    }
  }

  // --- what it does on the side ------------------------------------------------------------------------------------

  private async beat(): Promise<void> {
    const { connection, deadlineMs, observer, settings } = this.parts;
    const { membership, inFlight, begun, scheduler } = this.made;
    // The server may not have what was recorded.
    void begun.write();
    const beat = heartbeatOf(inFlight, membership.requests, settings.leaseMs);
    if (beat === undefined) return;
    const [reply] = await connection.send([beat.request], { deadlineMs });
    const failure = applyHeartbeat(beat, reply, membership.requests, observer);
    if (failure === undefined) return;
    if (failure.kind === "refused") scheduler.look();
    else observer.sideCallFailed("heartbeat", failure.error);
  }

  private makeWatchdog(): Watchdog {
    const { settings, observer } = this.parts;
    const { handlerTimeoutMs, leaseMs } = settings;
    const { inFlight, runner, executor } = this.made;
    return new Watchdog({
      handlerTimeoutMs,
      leaseMs,
      running: () => inFlight.runningNow,
      expire: (attempt, timeoutMs) => {
        executor.finished([runner.expire(attempt, timeoutMs)]);
        observer.timedOut();
      },
      tell: (attempt) => observer.stuck(attempt),
    });
  }

  /** A length limit that was asked for holds from the start on, or the consumer does not start. */
  private async maintainFirst(): Promise<void> {
    if (this.parts.settings.retention?.maxLength === undefined) await this.maintain();
    else await maintain(this.parts);
  }

  /** Never rejects. */
  private async maintain(): Promise<void> {
    try {
      await maintain(this.parts);
    } catch (error) {
      this.parts.observer.sideCallFailed("maintenance", error);
    }
  }
}
