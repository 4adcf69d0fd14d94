/** Releases what a tenant has in flight and will not begin soon: it is due at once, for any consumer of the group. */
import type { ReleaseItem } from "@sluice/lua-scripts";
import type { PhaseHolder } from "../consumer/phase.js";
import { RequestFailure } from "../consumer/round-trip.js";
import { performance } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";

export interface TenantReleasesParts {
  readonly phase: PhaseHolder;
  /** What has a slot and is not begun within this time, in milliseconds, is released. */
  readonly patienceMs: number;
  readonly budget: { left: number };
  readonly onFailed: (active: ActiveTenant, failure: RequestFailure) => void;
  /** What the tenant has in flight has changed. */
  readonly onReleased: (active: ActiveTenant) => void;
}

export class TenantReleases {
  constructor(private readonly parts: TenantReleasesParts) {}

  /** What was not begun, if nothing begins any more. */
  unstartedIfHeld(active: ActiveTenant): void {
    if (this.parts.phase.isHeldBack) this.send(active, active.inFlight.takeUnstarted());
  }

  /** What has waited for too long for its turn: others may have a slot. */
  late(active: ActiveTenant): void {
    const { patienceMs, budget } = this.parts;
    const { inFlight, deliveredAt } = active;
    // Thousands of tenants may have nothing but work to come.
    if (inFlight.ready + inFlight.delivered === 0) return;
    const before = performance.now() - patienceMs;
    const items = inFlight.takeReady(before);
    budget.left += items.length;
    if (inFlight.delivered > 0 && deliveredAt < before) items.push(...inFlight.takeDelivered(0));
    if (items.length === 0) return;
    active.observer.releasedLate(items.length);
    this.send(active, items);
  }

  private send(active: ActiveTenant, items: readonly ReleaseItem[]): void {
    if (items.length === 0) return;
    void this.items(active, items);
    this.parts.onReleased(active);
  }

  /** What is out of flight already. Never rejects. */
  async items(active: ActiveTenant, items: readonly ReleaseItem[]): Promise<void> {
    active.releasing += 1;
    try {
      await active.calls.release(items);
    } catch (error) {
      // It is still pending with this worker, and found there by recovery.
      active.membership.recoverSoon();
      this.parts.onFailed(active, new RequestFailure(error, "failed"));
    }
    active.releasing -= 1;
    this.parts.onReleased(active);
  }
}
