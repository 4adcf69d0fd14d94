/**
 * The entries of one group that this process has in flight, and the only owner of them: an entry is in exactly one of
 * the states below, and only the methods of InFlight move it.
 *
 * ```
 * delivered → leasing → ready → running → finished → settling → gone
 * ```
 *
 * `delivered`: read by XREADGROUP and not leased. `leasing`: in a lease call under way. `ready`: leased, waits for a
 * slot; recovered entries begin here. `running`: has a slot. `finished`: its handler ended. `settling`: in a settle call
 * under way. A call that failed moves its entries back; what is taken out to be released is gone from here.
 *
 * It knows neither timers nor connections, and no entry of another group: a process that serves many tenants has one for
 * each that has work.
 */
import { MAX_ENTRIES, type ReleaseItem } from "@sluice/lua-scripts";
import type { Entry } from "./entry.js";
import type { FinishedAttempt } from "./finished-attempt.js";
import type { GroupScope } from "./group-scope.js";
import type { LeasedAttempt } from "./leased-attempt.js";

/** What one settle call is told of. */
export interface SettleBatch {
  readonly attempts: readonly FinishedAttempt[];
  /** Some of them emit events. */
  readonly emits: boolean;
}

/** Events emitted in one settle call take about this many characters at most, unless one attempt alone takes more. */
const MAX_EMIT_CHARS = 4 * 1_024 * 1_024;

export class InFlight {
  private readonly deliveredEntries: Entry[] = [];
  private readonly leaseBatches = new Set<readonly Entry[]>();
  private readonly readyAttempts: LeasedAttempt[] = [];
  /** In the order begun. */
  private readonly runningAttempts = new Set<LeasedAttempt>();
  private readonly finishedAttempts: FinishedAttempt[] = [];
  private readonly settleBatches = new Set<SettleBatch>();
  private leasingCount = 0;
  private settlingCount = 0;
  private emittingCount = 0;

  constructor(readonly scope: GroupScope) {}

  // --- what is where -----------------------------------------------------------------------------------------------

  get delivered(): number {
    return this.deliveredEntries.length;
  }

  get leasing(): number {
    return this.leasingCount;
  }

  get ready(): number {
    return this.readyAttempts.length;
  }

  get running(): number {
    return this.runningAttempts.size;
  }

  get finished(): number {
    return this.finishedAttempts.length;
  }

  get settling(): number {
    return this.settlingCount;
  }

  get size(): number {
    return this.delivered + this.leasing + this.ready + this.running + this.finished + this.settling;
  }

  /** Whether a settle call under way publishes events. */
  get isEmitting(): boolean {
    return this.emittingCount > 0;
  }

  /** The IDs of all of it. */
  ids(): string[] {
    const ids: string[] = [];
    for (const { id } of this.deliveredEntries) ids.push(id);
    for (const batch of this.leaseBatches) for (const { id } of batch) ids.push(id);
    for (const { entry } of this.readyAttempts) ids.push(entry.id);
    for (const { entry } of this.runningAttempts) ids.push(entry.id);
    for (const { id } of this.finishedAttempts) ids.push(id);
    for (const { attempts } of this.settleBatches) for (const { id } of attempts) ids.push(id);
    return ids;
  }

  /** What runs, in the order begun; lost attempts whose handlers go on included. */
  get runningNow(): Iterable<LeasedAttempt> {
    return this.runningAttempts;
  }

  isRunning(attempt: LeasedAttempt): boolean {
    return this.runningAttempts.has(attempt);
  }

  /** What runs under a lease that was last extended before `before`, by performance.now(). */
  leasedBefore(before: number): LeasedAttempt[] {
    const found: LeasedAttempt[] = [];
    for (const attempt of this.runningAttempts) {
      if (!attempt.lost && attempt.leasedAt < before) found.push(attempt);
    }
    return found;
  }

  // --- delivered → leasing → ready ---------------------------------------------------------------------------------

  deliver(entries: readonly Entry[]): void {
    this.deliveredEntries.push(...entries);
  }

  /** The oldest `max` delivered entries, for one lease call. */
  takeToLease(max: number): readonly Entry[] {
    const batch = this.deliveredEntries.splice(0, max);
    this.leaseBatches.add(batch);
    this.leasingCount += batch.length;
    return batch;
  }

  /** A lease call was answered: what it leased is ready, and the others are not this process's. */
  leased(batch: readonly Entry[], attempts: readonly LeasedAttempt[]): void {
    this.endLease(batch);
    this.adopt(attempts);
  }

  /** A lease call failed. What it may have leased is gone from here: recovery finds it among the consumer's own. */
  leaseFailed(batch: readonly Entry[], mayHaveRun: boolean): void {
    this.endLease(batch);
    if (!mayHaveRun) this.deliveredEntries.unshift(...batch);
  }

  /** Attempts that were leased without having been delivered here: by recovery, or together with a read. */
  adopt(attempts: readonly LeasedAttempt[]): void {
    this.readyAttempts.push(...attempts);
  }

  private endLease(batch: readonly Entry[]): void {
    if (this.leaseBatches.delete(batch)) this.leasingCount -= batch.length;
  }

  // --- ready → running → finished ----------------------------------------------------------------------------------

  /** The attempt that has been ready for longest, which runs from now on. */
  next(): LeasedAttempt | undefined {
    const attempt = this.readyAttempts.shift();
    if (attempt !== undefined) this.runningAttempts.add(attempt);
    return attempt;
  }

  /** An attempt that was leased to run by itself, and runs from now on. */
  run(attempt: LeasedAttempt): void {
    this.runningAttempts.add(attempt);
  }

  /** An attempt that was to run by itself and may not begin: gone, to be released. */
  withdraw(attempt: LeasedAttempt): ReleaseItem {
    this.runningAttempts.delete(attempt);
    return attempt.asReleased;
  }

  /** What a lost attempt ended with is dropped. */
  finish(finished: FinishedAttempt): void {
    this.runningAttempts.delete(finished.attempt);
    if (!finished.attempt.lost) this.finishedAttempts.push(finished);
  }

  /** A newer attempt has the entry. Returns false if it is not running, or was lost before. */
  lose(attempt: LeasedAttempt, reason: unknown): boolean {
    if (attempt.lost || !this.runningAttempts.has(attempt)) return false;
    attempt.lose();
    attempt.abort(reason);
    return true;
  }

  // --- finished → settling → gone ----------------------------------------------------------------------------------

  /** What one call may settle; undefined if nothing is finished. */
  takeToSettle(): SettleBatch | undefined {
    const { finishedAttempts } = this;
    if (finishedAttempts.length === 0) return undefined;
    let count = 0;
    let chars = 0;
    let emits = false;
    for (const item of finishedAttempts) {
      if (count === MAX_ENTRIES) break;
      const isEmitting = item.outcome === "SUCCESS" && item.emits.length > 0;
      if (isEmitting) for (const { event } of item.emits) chars += event.length;
      if (count > 0 && chars > MAX_EMIT_CHARS) break;
      emits ||= isEmitting;
      count += 1;
    }
    const batch = { attempts: finishedAttempts.splice(0, count), emits };
    this.settleBatches.add(batch);
    this.settlingCount += count;
    if (emits) this.emittingCount += 1;
    return batch;
  }

  settled(batch: SettleBatch): void {
    if (!this.settleBatches.delete(batch)) return;
    this.settlingCount -= batch.attempts.length;
    if (batch.emits) this.emittingCount -= 1;
  }

  /** A settle call failed: its attempts are to be settled again. */
  settleFailed(batch: SettleBatch, mayHaveRun: boolean): void {
    this.settled(batch);
    if (mayHaveRun) for (const { attempt } of batch.attempts) attempt.maybeSettled = true;
    this.finishedAttempts.unshift(...batch.attempts);
  }

  // --- taken out, to be released -----------------------------------------------------------------------------------

  /** Takes out what was not begun. */
  takeUnstarted(): ReleaseItem[] {
    const items = this.takeDelivered(0);
    for (const attempt of this.readyAttempts.splice(0)) items.push(attempt.asReleased);
    return items;
  }

  /** Takes out all delivered entries but the oldest `keep`. */
  takeDelivered(keep: number): ReleaseItem[] {
    return this.deliveredEntries.length <= keep ? [] : this.deliveredEntries.splice(keep).map(unleased);
  }

  /** The newest delivered entry. */
  get lastDelivered(): Entry | undefined {
    return this.deliveredEntries.at(-1);
  }

  /** Takes out the delivered entries up to this one; none if it is not among them any more. */
  takeDeliveredUpTo(entry: Entry): ReleaseItem[] {
    return this.deliveredEntries.splice(0, this.deliveredEntries.lastIndexOf(entry) + 1).map(unleased);
  }

  /** Takes out ready attempts that were leased before `before`, by performance.now(). */
  takeReady(before: number): ReleaseItem[] {
    const onTime = this.readyAttempts.findIndex(({ leasedAt }) => leasedAt >= before);
    const count = onTime === -1 ? this.readyAttempts.length : onTime;
    return this.readyAttempts.splice(0, count).map(({ asReleased }) => asReleased);
  }

  /**
   * Everything, to be released: whatever a handler that still runs ends with is dropped from now on. Returns the attempts
   * that run and were not lost before, and all items.
   */
  abandon(): { readonly running: readonly LeasedAttempt[]; readonly items: readonly ReleaseItem[] } {
    const items = this.takeUnstarted();
    for (const batch of this.leaseBatches) items.push(...batch.map(unleased));
    const running: LeasedAttempt[] = [];
    for (const attempt of this.runningAttempts) {
      items.push(attempt.asReleased);
      if (!attempt.lost) running.push(attempt);
      attempt.lose();
    }
    for (const { attempt } of this.finishedAttempts.splice(0)) items.push(attempt.asReleased);
    for (const { attempts } of this.settleBatches) {
      for (const { attempt } of attempts) items.push(attempt.asReleased);
    }
    return { running, items };
  }
}

function unleased({ id, key }: Entry): ReleaseItem {
  return { id, key, token: undefined };
}
