/**
 * One run of a worker, from reading which tenants there are to releasing what is left: it owns the timers, the connection
 * and its bells, and is told to pause, resume and stop.
 */
import type { BellListener, Slots as HashSlots } from "../bells.js";
import type { Connection } from "../connection.js";
import type { ConsumerRunOptions } from "../consumer/assembly.js";
import { Quiescence } from "../consumer/quiescence.js";
import { FirstRecovery, type Recovery } from "../consumer/recovery.js";
import type { Run } from "../consumer/run-holder.js";
import { ConsumerStoppedError } from "../errors.js";
import type { KnownTenant } from "../registry/listing.js";
import { performance } from "../timing.js";
import { Alarm } from "./alarm.js";
import { assemble, type WorkerRunParts } from "./assembly.js";
import { Beats } from "./beats.js";
import { firstLook } from "./first-look.js";
import { hasNoBacklogs, releaseAll } from "./leave.js";
import { Listening } from "./listening.js";
import { Roster } from "./roster.js";
import { Totals } from "./totals.js";
import { Upkeep } from "./upkeep.js";
import { Visits } from "./visits.js";

export interface WorkerRunSources {
  /** All tenants of the registry, or those that a scan finds. */
  readonly list: () => AsyncIterable<KnownTenant>;
}

export class WorkerRun implements Run {
  readonly quiescence: Quiescence;
  private readonly connection: Connection;
  private readonly made: ReturnType<typeof assemble>;
  private readonly firstRecovery = new FirstRecovery();
  private readonly totals: Totals;
  private readonly visits: Visits;
  private readonly beats: Beats;
  private readonly roster: Roster;
  private readonly listening: Listening;
  private readonly upkeep: Upkeep;
  private readonly stopListening: () => void;
  private readonly alarm: Alarm;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly parts: WorkerRunParts & WorkerRunSources,
    private readonly options: ConsumerRunOptions,
  ) {
    this.connection = parts.connection.duplicate();
    const { connection } = this;
    this.made = assemble(parts, connection, options, {
      onSuperseded: (error) => this.fail(error),
      onMissedRing: () => this.listening.missed(),
      areBellsOn: () => this.listening.isOn,
      onApplied: () => this.alarm.set(),
      onBusy: () => this.upkeep.busy(),
      onOpened: (tenant) => this.upkeep.opened(tenant),
    });
    const { tenants, phase, turns, suspectRun, slots } = this.made;
    const { settings, stream, logger, deadlineMs, handlers } = parts;
    this.totals = new Totals(tenants, slots);
    this.quiescence = new Quiescence({
      inFlight: this.totals,
      moreToRead: () => this.isLooking,
      isRecovering: () => this.totals.isRecovering,
      phase,
      isFull: () => this.totals.isFull(this.made.order, settings.concurrency),
      unnamedCallers: handlers.handling.unnamed,
      isSending: () => turns.isSending,
      isStill: () => !turns.isSending && !suspectRun.isAsking,
    });
    this.visits = new Visits({
      ...settings,
      ...this.made,
      beats: () => this.beats,
      kick: () => turns.kick(),
    });
    this.beats = new Beats({
      connection,
      deadlineMs,
      stream,
      group: settings.group,
      worker: settings.consumer,
      logger,
      needHelp: () => this.visits.needHelp(),
      hasSpare: () => phase.now === "running" && this.visits.hasSpare(),
      onPeers: (change) => this.visits.peersChanged(change),
      onHelp: (tenantIds) => this.visits.help(tenantIds),
    });
    this.roster = new Roster({
      connection,
      stream,
      deadlineMs,
      tenants: settings.tenants,
      list: parts.list,
      logger,
      onTenant: (tenantId, isFirst, lastSeenAt) => this.visits.add(tenantId, isFirst, lastSeenAt),
      onAll: (all) => this.visits.keepOnly(all),
    });
    const listener: BellListener = {
      ring: (key) => this.ring(key),
      deaf: (hashSlots) => this.deaf(hashSlots),
    };
    this.listening = new Listening({
      connection,
      deadlineMs,
      logger,
      listener,
      lookAtAll: (hashSlots) => this.deaf(hashSlots),
    });
    this.alarm = new Alarm(tenants, () => turns.kick());
    this.upkeep = new Upkeep({ ...parts, ...this.made, connection, kick: () => turns.kick() });
    this.stopListening = connection.onReconnect(() => this.reconnected());
  }

  // --- what it is --------------------------------------------------------------------------------------------------

  get recovery(): Promise<Recovery> {
    return this.firstRecovery.outcome;
  }

  get inHand() {
    return this.totals.inHand;
  }

  get stuck() {
    return this.made.watchdog.stuck;
  }

  get error(): unknown {
    return this.made.phase.error;
  }

  get stopping(): boolean {
    return this.stopped !== undefined;
  }

  get isSpent(): boolean {
    return this.made.budget.left <= 0;
  }

  /** Tenants that are known, and those with work, by what holds them. */
  get tenantCounts() {
    return this.totals.tenantCounts(this.made.order);
  }

  /** Why tenants are polled; undefined while bells ring. */
  get polled(): string | undefined {
    return this.listening.polled;
  }

  until(condition: () => boolean | Promise<boolean>, everyMs: number): Promise<void> {
    return this.made.changes.until(condition, everyMs);
  }

  async hasNothingLeft(butCallers: boolean): Promise<boolean> {
    const { quiescence, totals, made } = this;
    if (butCallers && quiescence.waitsForCallers && quiescence.heldByCallers) return true;
    if (!quiescence.isSettled(butCallers) || this.isLooking) return false;
    const { size } = made.tenants;
    await this.roster.refresh();
    if (made.tenants.size !== size) return false;
    const except = butCallers ? [...totals.runningNow] : [];
    return hasNoBacklogs(
      { ...this.parts, connection: this.connection, member: made.member },
      made.tenants,
      except,
    );
  }

  /** Tenants are being looked at, or have more to read. */
  private get isLooking(): boolean {
    return this.made.probes.size > 0 || this.totals.moreToRead;
  }

  // --- what it does ------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    const { phase, suspects, turns } = this.made;
    const startedAt = performance.now();
    try {
      // Before tenants are looked at, so that those looks arm the bells; without them, where it is for one run.
      if (this.options.blocks) await this.listening.start();
      if (this.options.blocks) await this.beats.start();
      phase.open();
      if (!phase.ended) suspects.join();
      await this.roster.start();
      if (this.stopping) throw new ConsumerStoppedError(this.parts.settings);
    } catch (error) {
      this.firstRecovery.fail(error);
      await this.stop(0);
      throw error;
    }
    this.upkeep.start();
    this.made.watchdog.start();
    phase.begin();
    turns.kick();
    this.firstRecovery.is(firstLook({ ...this.parts, ...this.made }, startedAt, this.isFirstLookOver));
  }

  pause(): void {
    if (this.made.phase.pause()) this.releaseUnstarted();
  }

  resume(): void {
    const { phase, tenants, turns } = this.made;
    if (!phase.resume()) return;
    for (const { tenant } of [...tenants.withWork]) tenants.wake(tenant);
    turns.kick();
  }

  stop(drainTimeoutMs: number): Promise<void> {
    this.stopped ??= this.drainAndRelease(drainTimeoutMs);
    return this.stopped;
  }

  private fail(error: unknown): void {
    const { phase, observer, slots } = this.made;
    if (!phase.fail(error)) return;
    observer.failed(error, true);
    for (const attempt of slots.running) attempt.abort(error);
    void this.stop(0);
  }

  private releaseUnstarted(): void {
    for (const active of [...this.made.tenants.withWork]) this.made.releases.unstartedIfHeld(active);
  }

  private async drainAndRelease(drainTimeoutMs: number): Promise<void> {
    const { phase, turns, slots, suspectRun, executor, changes, observer, member } = this.made;
    this.roster.stop();
    this.visits.stop();
    this.beats.stop();
    this.upkeep.drain();
    this.stopListening();
    if (phase.drain()) this.releaseUnstarted();
    turns.kick();
    await this.quiescence.untilDrained(changes, drainTimeoutMs);
    if (phase.release()) {
      await changes.until(() => !turns.isSending && !suspectRun.isAsking);
      executor.close();
      if (!phase.ended) await turns.settleOnce();
      phase.close();
    }
    executor.close();
    this.alarm.stop();
    this.upkeep.stop();
    this.made.watchdog.stop();
    observer.stopped();
    for (const attempt of slots.running) attempt.abort(new ConsumerStoppedError(member));
    if (phase.opened) await releaseAll({ ...this.parts, ...this.made, connection: this.connection });
    suspectRun.leave();
    await this.beats.leave();
    await this.listening.close();
    await this.connection.close();
    changes.tell();
  }

  private ring(key: string): void {
    if (key === this.roster.key) this.roster.ring();
    else if (key === this.beats.helpKey) this.beats.ring();
    else this.visits.ring(key);
  }

  /** Rings may have been lost. */
  private deaf(hashSlots: HashSlots): void {
    this.roster.ring();
    this.visits.deaf(hashSlots);
  }

  /** Replies may have been lost with the connection. */
  private reconnected(): void {
    const { tenants, turns } = this.made;
    for (const active of [...tenants.withWork]) {
      void active.membership.begun.write();
      active.membership.recoverSoon();
      if (active.suspension?.isTrouble) active.suspension = undefined;
      tenants.announce(active);
    }
    turns.kick();
  }

  private readonly isFirstLookOver = (): boolean => {
    return this.made.probes.size === 0 && !this.totals.isRecovering;
  };
}
