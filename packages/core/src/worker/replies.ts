/** Applies what replies say of tenants: what came, what is pending with others, and what failed. */
import { hasMaybeExecuted, isUnreachable } from "../connection.js";
import type { Entry } from "../consumer/entry.js";
import { isNoGroup } from "../consumer/failure-policy.js";
import { tellRecreated } from "../consumer/group-calls.js";
import type { Observer } from "../consumer/observer.js";
import { RequestFailure } from "../consumer/round-trip.js";
import type { SuspectRun } from "../consumer/suspect-run.js";
import { SupersededError } from "../errors.js";
import { performance } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";
import { readSizeAfter } from "./read-size.js";
import { suspend } from "./suspension.js";
import type { Tenant } from "./tenant.js";
import type { TenantReleases } from "./tenant-releases.js";
import type { Tenants } from "./tenants.js";
import { decodeTrip, type PendingCounts, type TripResult } from "./trip.js";
import type { Sent } from "./turns.js";
import type { WorkerStats } from "./worker-stats.js";

/** How often what others left pending is recovered at most, in milliseconds; half a lease within these bounds. */
const RECOVERY_INTERVAL_MS = { min: 50, max: 30_000 };
/** A full read of so many entries promises more. */
const HOT = 8;
/** Pause before a tenant is looked at again after a look failed, in milliseconds. */
const LOOK_AGAIN_MS = 1_000;
/** A group that is missing again within this time after it was opened, in milliseconds, is not opened again at once. */
const REOPEN_MS = 1_000;
/** Suspects that wait for the one that runs are asked for again after this time, in milliseconds. */
const SUSPECT_AGAIN_MS = 500;
/** An entry that the sweep finds is late if it is older than this, in milliseconds. */
const LATE_MS = 1_000;

/** What is pending is not known: there may be something. */
const UNKNOWN: PendingCounts = { own: 0, others: 1 };

export interface RepliesParts {
  readonly tenants: Tenants;
  readonly leaseMs: number;
  readonly stats: WorkerStats;
  /** Of the worker as a whole. */
  readonly observer: Observer;
  readonly releases: TenantReleases;
  readonly suspectRun: () => SuspectRun;
  /** Whether the bells of all tenants ring. */
  readonly areBellsOn: () => boolean;
  /** An entry was found late by the sweep although its tenant's bell was armed. */
  readonly onMissedRing: () => void;
  readonly onOpened: (tenant: Tenant) => void;
  /** A newer process has the worker's name. */
  readonly onSuperseded: (error: unknown) => void;
}

export class Replies {
  private readonly recoverEveryMs: number;
  private isTroubleTold = false;
  private isSuccess = false;

  constructor(private readonly parts: RepliesParts) {
    const { min, max } = RECOVERY_INTERVAL_MS;
    this.recoverEveryMs = Math.min(Math.max(parts.leaseMs / 2, min), max);
  }

  // --- a tenant with work ------------------------------------------------------------------------------------------

  apply(sent: Sent, replies: readonly unknown[], from: number): void {
    const { active, trip, requests, expected, isCounted } = sent;
    const { membership, tenant, calls } = active;
    active.expected -= expected;
    if (isCounted) active.trips -= 1;
    const result = decodeTrip(trip, replies, from, from + requests, membership.requests, calls);
    const now = performance.now();
    const { opened } = result;
    if (opened !== undefined && !(opened instanceof RequestFailure)) {
      if (opened === "HEALED" || (trip.open === "REJOIN" && opened === "CREATED"))
        tellRecreated(active.inFlight.scope, opened);
      active.needsOpen = false;
      tenant.openedAt = now;
      this.parts.onOpened(tenant);
      if (result.pending === undefined) this.pending(active, UNKNOWN, now);
    }
    if (result.failure === undefined) tenant.usedAt = now;
    if (result.pending !== undefined && !(result.pending instanceof RequestFailure)) {
      this.pending(active, result.pending, now);
    }
    if (trip.roundTrip !== undefined && result.roundTrip !== undefined) this.applyRoundTrip(sent, result);
    if (trip.look !== undefined && result.read !== undefined) this.applyLook(sent, result, now);
    if (result.failure === undefined) this.succeeded(active);
    else this.failed(active, result.failure);
    this.askForSuspect(sent);
    this.parts.releases.unstartedIfHeld(active);
    this.parts.tenants.announce(active);
  }

  private applyRoundTrip({ active, trip }: Sent, { roundTrip: result }: TripResult): void {
    const { membership, tenant } = active;
    const { roundTrip } = trip;
    if (roundTrip === undefined || result === undefined) return;
    if (roundTrip.settle !== undefined) tenant.workedAt = performance.now();
    membership.apply(roundTrip, result);
    if (roundTrip.read === 0) return;
    const came = result.read instanceof RequestFailure ? 0 : (result.read?.length ?? 0);
    this.came(active, roundTrip.read, came);
    // The bells are not armed: it is looked at once more.
    membership.moreToRead = true;
  }

  private applyLook({ active, trip: { look }, sentAt }: Sent, { read }: TripResult, now: number): void {
    const { membership, tenant } = active;
    if (look === undefined || read === undefined) return;
    const { count, nonce } = look;
    const isFresh = now - sentAt < this.parts.leaseMs / 2;
    membership.applyLeasedRead({ count, nonce, ...read, isFresh });
    const isBroken = read.read instanceof RequestFailure;
    const came = read.read instanceof RequestFailure ? 0 : read.read.length;
    tenant.isLooking = false;
    tenant.isArmed = !isBroken;
    if (tenant.rang || isBroken) membership.moreToRead = true;
    active.expectsWork = tenant.rang;
    tenant.rang = false;
    this.came(active, count, came);
    if (tenant.isRung && came === 0) this.parts.stats.wastedLooks += 1;
    tenant.isRung = false;
  }

  private came(active: ActiveTenant, asked: number, came: number): void {
    // A tenant with little work is looked at with its bell armed each time: there is seldom more.
    active.isHot = came === asked && asked >= HOT;
    active.deliveredAt = performance.now();
    active.readSize = readSizeAfter(active.readSize, asked, came);
  }

  private askForSuspect({ active, trip }: Sent): void {
    const { membership, tenant } = active;
    if (trip.roundTrip?.recover === undefined || !membership.suspectsWait) return;
    // Another one may run in this process, or the pass go on.
    tenant.suspectsAt = performance.now() + SUSPECT_AGAIN_MS;
    if (membership.passes.current === undefined) this.parts.suspectRun().ask(membership);
  }

  /** What others have pending, or left behind, is recovered now and then. */
  private pending(active: ActiveTenant, { own, others }: PendingCounts, now: number): void {
    const { tenant, inFlight, membership } = active;
    if (others + (inFlight.size === 0 ? own : 0) === 0) return;
    if (now - tenant.recoveredAt < this.recoverEveryMs) {
      tenant.lookBy(tenant.recoveredAt + this.recoverEveryMs);
      return;
    }
    tenant.recoveredAt = now;
    membership.recoverSoon();
  }

  // --- a tenant that was looked at without any ---------------------------------------------------------------------

  found(tenant: Tenant, pending: PendingCounts, entries: readonly Entry[]): void {
    this.isSuccess = true;
    const now = performance.now();
    tenant.usedAt = now;
    const { tenants, stats } = this.parts;
    const { own, others } = pending;
    if (entries.length + own + others === 0 && tenant.active === undefined) {
      tenants.schedule(tenant);
      return;
    }
    const active = tenants.activate(tenant.tenantId);
    if (active === undefined) return;
    this.pending(active, pending, now);
    if (entries.length > 0) {
      active.membership.applyLeasedRead({
        count: 1,
        nonce: "",
        read: entries,
        leased: undefined,
        isFresh: true,
      });
      active.deliveredAt = now;
      if (isLate(entries[0]) && tenant.isSwept && this.parts.areBellsOn()) {
        stats.foundBySweep += 1;
        this.parts.onMissedRing();
      }
    } else if (active.membership.passes.current === undefined) active.membership.moreToRead = false;
    tenant.isSwept = false;
    tenants.announce(active);
  }

  lookFailed(tenant: Tenant, failure: RequestFailure): void {
    const { tenants } = this.parts;
    if (isUnreachable(failure.error)) {
      this.trouble(failure.error);
      tenant.lookBy(performance.now() + LOOK_AGAIN_MS);
      tenants.schedule(tenant);
      return;
    }
    const active = tenants.activate(tenant.tenantId);
    if (active === undefined) return;
    this.failed(active, failure);
    tenants.announce(active);
  }

  // --- failures ----------------------------------------------------------------------------------------------------

  private succeeded(active: ActiveTenant): void {
    this.isSuccess = true;
    const { suspension } = active;
    if (suspension === undefined) return;
    active.suspension = undefined;
    if (!suspension.isTrouble) active.observer.resumed();
  }

  failed(active: ActiveTenant, { error }: RequestFailure): void {
    const { membership, tenant } = active;
    const now = performance.now();
    if (error instanceof SupersededError) {
      this.parts.onSuperseded(error);
      return;
    }
    membership.moreToRead = true;
    if (isNoGroup(error)) {
      active.needsOpen = true;
      if (tenant.wasOpened) {
        membership.begun.doubt();
        membership.recoverSoon();
      }
      if (now - tenant.openedAt > REOPEN_MS) return;
    }
    if (hasMaybeExecuted(error)) membership.recoverSoon();
    const { suspension } = active;
    active.suspension = suspend(error, suspension, now, isNoGroup(error));
    tenant.lookBy(active.suspension.until);
    // That it was missing is told when it is recreated.
    if (isNoGroup(error)) return;
    if (active.suspension.isTrouble) this.trouble(error);
    else if (suspension === undefined || suspension.isTrouble) active.observer.suspended(error);
  }

  /** Tells of a failure that goes away by itself, once for each write. */
  private trouble(error: unknown): void {
    if (!this.isTroubleTold) this.parts.observer.failed(error, false);
    this.isTroubleTold = true;
  }

  /** All replies of a write are applied. */
  applied(): void {
    if (this.isSuccess && !this.isTroubleTold) this.parts.observer.works();
    this.isTroubleTold = false;
    this.isSuccess = false;
  }
}

/** By its ID, which Redis makes of its own clock; it is taken to be about that of this process. */
function isLate(entry: Entry | undefined): boolean {
  return entry !== undefined && Date.now() - Number(entry.id.split("-")[0]) > LATE_MS;
}
