/**
 * What a worker keeps of a tenant without work: ten thousand of them are in memory, so it is a few numbers. What a tenant
 * with work needs besides is `active-tenant.ts`.
 */
import type { BegunState } from "../consumer/begun.js";
import type { Due } from "../consumer/due-clock.js";
import { performance } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";

const NEVER = Number.POSITIVE_INFINITY;

/** Times are by performance.now(). It also is told when waiting entries are due, and looks at them no sooner. */
export class Tenant implements Due {
  /** While it has work. */
  active: ActiveTenant | undefined;
  /** A look that may bring entries is under way. */
  isLooking = false;
  /** It rang since the latest look began: one more is needed. */
  rang = false;
  /** The look under way was asked for by a ring. */
  isRung = false;
  /** The look that comes next, or is under way, is that of the sweep. */
  isSwept = false;
  /** Bells were armed by the latest look. */
  isArmed = false;
  /** When the latest look began. */
  lookedAt = Number.NEGATIVE_INFINITY;
  /** When entries of others were last recovered, as far as they were due or stale. */
  recoveredAt = Number.NEGATIVE_INFINITY;
  /** When the group was opened, and when it was last used. */
  openedAt = Number.NEGATIVE_INFINITY;
  usedAt = Number.NEGATIVE_INFINITY;
  /** When entries may have been settled since the last maintenance. */
  workedAt = Number.NEGATIVE_INFINITY;
  maintainedAt = Number.NEGATIVE_INFINITY;
  /** When the next waiting entry is due. */
  dueAt = NEVER;
  /** When to ask again for an entry that may only run alone; others' replies do not tell of those. */
  suspectsAt = NEVER;
  /** When to look in any case. */
  lookAt = NEVER;
  /** How many workers come before this one for the tenant. */
  rank = 0;
  begun: BegunState | undefined;

  constructor(
    readonly tenantId: string,
    /** Where its group begins if there is none yet; as the settings say if undefined. */
    readonly startFrom: string | undefined,
  ) {}

  get wasOpened(): boolean {
    return this.openedAt !== Number.NEGATIVE_INFINITY;
  }

  /** When there is something to do at a time; undefined if there is not. */
  get nextAt(): number | undefined {
    const at = Math.min(this.recoverAt, this.lookAt);
    return at === NEVER ? undefined : at;
  }

  /** To be looked at then, or before. */
  lookBy(at: number): void {
    this.lookAt = Math.min(this.lookAt, at);
  }

  /** Its time to be looked at has come; returns false if it has not. */
  takeLook(now: number): boolean {
    if (this.lookAt > now) return false;
    this.lookAt = NEVER;
    return true;
  }

  // --- waiting entries ---------------------------------------------------------------------------------------------

  /** When to ask for what waits for a time, or to run alone. */
  private get recoverAt(): number {
    return Math.min(this.dueAt, this.suspectsAt);
  }

  get isDue(): boolean {
    const { recoverAt } = this;
    return recoverAt !== NEVER && performance.now() >= recoverAt;
  }

  tell(nextDueInMs: number | undefined): void {
    this.dueAt = nextDueInMs === undefined ? NEVER : performance.now() + nextDueInMs;
  }

  looked(nextDueInMs: number | undefined, more: boolean): void {
    this.suspectsAt = NEVER;
    this.tell(more ? 0 : nextDueInMs);
  }
}
