/**
 * The tenants of a worker: all that are known, those with work, and what each of them asks for: to send, to be given slots
 * in the fair order, to be looked at in time.
 */
import { performance } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";
import type { FairOrder } from "./dispatch.js";
import { DueTenants } from "./due.js";
import type { Slots } from "./slots.js";
import { Tenant } from "./tenant.js";

export interface TenantsParts {
  readonly order: FairOrder;
  readonly slots: Slots;
  readonly make: (tenant: Tenant) => ActiveTenant;
  /** A tenant is to be looked at, whenever that suits. */
  readonly onLook: (tenant: Tenant) => void;
}

export class Tenants {
  private readonly byId = new Map<string, Tenant>();
  private readonly actives = new Set<ActiveTenant>();
  /** Those for which slots are kept. */
  private readonly holders = new Set<ActiveTenant>();
  /** Tenants with something to send that needs no slot. */
  private sending = new Set<ActiveTenant>();
  private readonly dues = new DueTenants();
  /** Goes on where it was, also if tenants come and go meanwhile. */
  private sweep: Iterator<Tenant> = this.byId.values();

  constructor(private readonly parts: TenantsParts) {}

  // --- who there is ------------------------------------------------------------------------------------------------

  get size(): number {
    return this.byId.size;
  }

  get(tenantId: string): Tenant | undefined {
    return this.byId.get(tenantId);
  }

  all(): Iterable<Tenant> {
    return this.byId.values();
  }

  /** Tenants with work. */
  get withWork(): ReadonlySet<ActiveTenant> {
    return this.actives;
  }

  /** Returns undefined if it is known already. */
  add(tenantId: string, startFrom: string | undefined): Tenant | undefined {
    if (this.byId.has(tenantId)) return undefined;
    const tenant = new Tenant(tenantId, startFrom);
    this.byId.set(tenantId, tenant);
    return tenant;
  }

  /** Forgets a tenant that has no work; returns whether it did. */
  forget(tenant: Tenant): boolean {
    if (tenant.active !== undefined || tenant.isLooking) return false;
    this.dues.delete(tenant.tenantId);
    return this.byId.delete(tenant.tenantId);
  }

  /** The next `count` tenants, in turns. */
  *next(count: number): Iterable<Tenant> {
    for (let taken = 0; taken < Math.min(count, this.size); taken += 1) {
      let { value, done } = this.sweep.next();
      if (done) {
        this.sweep = this.byId.values();
        ({ value, done } = this.sweep.next());
      }
      if (value !== undefined) yield value;
    }
  }

  // --- those with work ---------------------------------------------------------------------------------------------

  /** The tenant as one with work. */
  activate(tenantId: string): ActiveTenant | undefined {
    const tenant = this.byId.get(tenantId);
    if (tenant === undefined || tenant.active !== undefined) return tenant?.active;
    const active = this.parts.make(tenant);
    tenant.active = active;
    this.actives.add(active);
    return active;
  }

  /** Something about the tenant has changed: asks for what it wants now, or drops it if that is nothing. */
  announce(active: ActiveTenant): void {
    const { order, slots } = this.parts;
    const { tenant } = active;
    active.releaseSlots(order);
    if ((active.lane?.reserved ?? 0) > 0) this.holders.add(active);
    else this.holders.delete(active);
    slots.offer(active);
    const { wanted } = active;
    if (wanted > 0) active.wantsSince = Math.min(active.wantsSince, performance.now());
    else if (active.trips === 0 && !active.membership.moreToRead)
      active.wantsSince = Number.POSITIVE_INFINITY;
    if (wanted > 0) active.lane = order.ready(tenant.tenantId, wanted, performance.now());
    else if (active.lane !== undefined && active.lane.ready > 0) order.drained(active.lane);
    if (active.hasToSend) this.sending.add(active);
    if (active.isIdle) this.drop(active);
    this.schedule(tenant);
  }

  private drop(active: ActiveTenant): void {
    const { tenant } = active;
    tenant.begun = active.membership.begun.state;
    active.membership.begun.stop();
    this.parts.slots.withdraw(active);
    this.sending.delete(active);
    this.actives.delete(active);
    this.holders.delete(active);
    tenant.active = undefined;
  }

  /** Tenants that may have something to send that needs no slot; those not served are given back. */
  takeToSend(): Iterable<ActiveTenant> {
    const { sending } = this;
    this.sending = new Set();
    return sending;
  }

  toSendAgain(active: ActiveTenant): void {
    this.sending.add(active);
  }

  /** About how many tenants a write would serve now. */
  get toSend(): number {
    return this.sending.size;
  }

  /**
   * Slots that are kept for entries which have yet to be leased. It is asked for each write, so it looks at no more tenants
   * than there are slots.
   */
  get unleased(): number {
    let count = 0;
    for (const { lane, inFlight } of this.holders)
      count += Math.max(0, (lane?.reserved ?? 0) - inFlight.ready);
    return count;
  }

  // --- when to look ------------------------------------------------------------------------------------------------

  /** There may be work: it is read as soon as the fair order lets it. */
  wake(tenant: Tenant): void {
    const { active } = tenant;
    if (tenant.isLooking) {
      tenant.rang = true;
      return;
    }
    if (active === undefined) {
      tenant.isRung = true;
      this.parts.order.ready(tenant.tenantId, 1, performance.now());
      return;
    }
    active.membership.moreToRead = true;
    active.expectsWork = true;
    this.announce(active);
  }

  /** To be looked at whenever that suits; at once if it has work. */
  look(tenant: Tenant): void {
    if (tenant.active !== undefined || tenant.isLooking) this.wake(tenant);
    else this.parts.onLook(tenant);
  }

  /** Looks at those whose time has come. Returns when the next one's does. */
  lookAtDue(now: number): number | undefined {
    for (;;) {
      const tenantId = this.dues.take(now);
      const tenant = tenantId === undefined ? undefined : this.byId.get(tenantId);
      if (tenantId === undefined) return this.dues.nextAt;
      if (tenant === undefined) continue;
      const looks = tenant.takeLook(now);
      if (tenant.isDue) this.activate(tenantId);
      if (tenant.active !== undefined) this.announce(tenant.active);
      if (looks) this.look(tenant);
      this.schedule(tenant);
    }
  }

  /** Its times have changed. */
  schedule(tenant: Tenant): void {
    const { nextAt } = tenant;
    if (nextAt === undefined) this.dues.delete(tenant.tenantId);
    else if (tenant.active === undefined || !tenant.isDue) this.dues.set(tenant.tenantId, nextAt);
    else if (tenant.lookAt !== Number.POSITIVE_INFINITY) this.dues.set(tenant.tenantId, tenant.lookAt);
    else this.dues.delete(tenant.tenantId);
  }

  get nextDueAt(): number | undefined {
    return this.dues.nextAt;
  }
}
