/**
 * Why and when a tenant is looked at: it is new, it rings, it may have rung while nobody heard, another worker left it or
 * needs help with it. Two workers listen to a tenant, the second one a little later than the first, so that it mostly
 * finds nothing; the others do not.
 */
import { BEAT_MS } from "@sluice/lua-scripts";
import type { Slots as HashSlots } from "../bells.js";
import { slotOfKey } from "../ioredis/slots.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import { type Beats, takeoverMs } from "./beats.js";
import type { FairOrder } from "./dispatch.js";
import type { PeerChange } from "./peers.js";
import type { Probes } from "./probes.js";
import type { Tenant } from "./tenant.js";
import type { Tenants } from "./tenants.js";

/** Workers that listen to a tenant. */
const LISTENERS = 2;
/** The second listener looks this much later, in milliseconds; one timer for all tenants that rang meanwhile. */
const SECOND_LATER_MS = 100;
/** A tenant that waits for a slot for so long, in milliseconds, needs help. */
const NEEDS_HELP_MS = 100;
/** Tenants for which help is asked for at a time. */
const MAX_HELP = 100;

export interface VisitsParts {
  readonly tenants: Tenants;
  readonly probes: Probes;
  readonly order: FairOrder;
  readonly beats: () => Beats;
  readonly startFrom: string;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly kick: () => void;
}

export class Visits {
  /** Tenants that rang, to which this worker listens second. */
  private readonly later = new Set<Tenant>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isStopped = false;

  constructor(private readonly parts: VisitsParts) {}

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  // --- tenants that come and go ------------------------------------------------------------------------------------

  /** @param isFirst - it was there when the worker started. */
  add(tenantId: string, isFirst: boolean, lastSeenAt: Date | undefined): void {
    const { tenants, beats, startFrom } = this.parts;
    if (this.isStopped || tenants.get(tenantId) !== undefined) return;
    const isNew = startFrom === "$" && !(isFirst && beats().mayPrecede(lastSeenAt));
    const beginsAt = isNew ? "0-0" : startFrom === "$" ? beats().bornId : undefined;
    const tenant = tenants.add(tenantId, beginsAt);
    if (tenant === undefined) return;
    tenant.rank = beats().peers.rankOf(tenantId);
    tenant.maintainedAt = performance.now();
    this.look(tenant);
    this.parts.kick();
  }

  /** All tenants that there are; the others are gone. */
  keepOnly(all: ReadonlySet<string>): void {
    const { tenants, probes } = this.parts;
    for (const tenant of [...tenants.all()]) {
      if (all.has(tenant.tenantId)) continue;
      // One with work is forgotten the next time.
      if (tenants.forget(tenant)) probes.delete(tenant);
    }
  }

  private look(tenant: Tenant): void {
    if (tenant.rank < LISTENERS) this.parts.tenants.look(tenant);
  }

  // --- bells -------------------------------------------------------------------------------------------------------

  /** The key of a stream has changed: `tenant:{acme}:orders`. */
  ring(key: string): void {
    const end = key.indexOf("}");
    const tenant = end === -1 ? undefined : this.parts.tenants.get(key.slice(key.indexOf("{") + 1, end));
    if (this.isStopped || tenant === undefined || tenant.rank >= LISTENERS) return;
    if (tenant.rank === 0 || tenant.active !== undefined || tenant.isLooking) {
      this.parts.tenants.wake(tenant);
      this.parts.kick();
      return;
    }
    this.later.add(tenant);
    this.timer ??= setTimeout(() => this.wakeLater(), SECOND_LATER_MS);
  }

  private wakeLater(): void {
    this.timer = undefined;
    for (const tenant of this.later) this.parts.tenants.wake(tenant);
    this.later.clear();
    this.parts.kick();
  }

  /** Rings of these slots may have been lost. */
  deaf(slots: HashSlots): void {
    if (this.isStopped) return;
    for (const tenant of this.parts.tenants.all()) {
      if (slots === "all" || slots.has(slotOfKey(`{${tenant.tenantId}}`))) this.look(tenant);
    }
    this.parts.kick();
  }

  // --- other workers -----------------------------------------------------------------------------------------------

  /** Workers have come, or gone: by now this one listens to other tenants. */
  peersChanged(change: PeerChange): void {
    const { tenants, leaseMs, kick } = this.parts;
    const now = performance.now();
    const recoverAt = now + takeoverMs(leaseMs, BEAT_MS);
    for (const tenant of tenants.all()) {
      const before = tenant.rank;
      tenant.rank += change.shift(tenant.tenantId);
      if (tenant.rank < LISTENERS && tenant.rank !== before) this.look(tenant);
      if (tenant.rank !== 0 || tenant.rank >= before || change.left.length === 0) continue;
      // What the one before it had may be stale by then.
      tenant.recoveredAt = Number.NEGATIVE_INFINITY;
      tenant.lookBy(recoverAt);
      tenants.schedule(tenant);
    }
    kick();
  }

  /** Tenants that have waited for a slot for a while: this worker alone is not enough. */
  needHelp(): readonly string[] {
    const before = performance.now() - NEEDS_HELP_MS;
    const needing: string[] = [];
    for (const { tenant, wantsSince, suspension } of this.parts.tenants.withWork) {
      if (suspension === undefined && wantsSince < before) needing.push(tenant.tenantId);
      if (needing.length === MAX_HELP) break;
    }
    return needing;
  }

  /** Half the slots are free, and nobody here wants one. */
  hasSpare(): boolean {
    const { order, concurrency } = this.parts;
    return order.free >= concurrency / 2 && order.next() === undefined;
  }

  /** Other workers have more work of these tenants than slots. */
  help(tenantIds: readonly string[]): void {
    for (const tenantId of tenantIds) {
      this.add(tenantId, false, undefined);
      const tenant = this.parts.tenants.get(tenantId);
      if (tenant !== undefined) this.parts.tenants.wake(tenant);
    }
    this.parts.kick();
  }
}
