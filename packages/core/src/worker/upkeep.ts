/**
 * What a worker does on the side: heartbeats for what runs for long, the fair order's sense of time, the sweep that looks
 * at every tenant now and then, and the maintenance of their streams.
 */
import { groupKeys } from "@sluice/lua-scripts";
import { chunks } from "../chunks.js";
import type { Connection } from "../connection.js";
import { applyHeartbeat, type Heartbeat, heartbeatOf } from "../consumer/heartbeat.js";
import { maintain } from "../consumer/maintenance.js";
import type { Observer } from "../consumer/observer.js";
import { repeat } from "../consumer/repeat.js";
import { clearInterval, performance, setInterval } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";
import type { FairOrder } from "./dispatch.js";
import type { WorkerSettings } from "./settings.js";
import type { Slots } from "./slots.js";
import type { Tenant } from "./tenant.js";
import type { TenantReleases } from "./tenant-releases.js";
import type { Tenants } from "./tenants.js";

/** How often the fair order is told the time while anything runs, in milliseconds. */
const TICK_MS = 50;
/** How often a part of the tenants is swept, in milliseconds; and within which time all of them are, by rank. */
const SWEEP_MS = 1_000;
const SWEPT_WITHIN_MS = [30_000, 60_000] as const;
/** About how often streams are maintained whose tenants had work, and those of the others, in milliseconds. */
const MAINTENANCE_MS = 60_000;
const MAINTENANCE_OF_IDLE_MS = 600_000;
/** Heartbeats in one write. */
const MAX_HEARTBEATS = 64;

export interface UpkeepParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly stream: string;
  readonly settings: WorkerSettings;
  readonly observer: Observer;
  readonly order: FairOrder;
  readonly slots: Slots;
  readonly tenants: Tenants;
  readonly releases: TenantReleases;
  readonly kick: () => void;
}

export class Upkeep {
  private ticker: ReturnType<typeof setInterval> | undefined;
  private heart: ReturnType<typeof setInterval> | undefined;
  private stopRepeating: readonly (() => void)[] = [];
  private readonly toMaintain = new Set<Tenant>();
  private isMaintaining = false;
  private isOver = false;

  constructor(private readonly parts: UpkeepParts) {}

  start(): void {
    const { leaseMs } = this.parts.settings;
    this.heart = setInterval(() => void this.beat(), Math.max(1, Math.floor(leaseMs / 3)));
    this.stopRepeating = [
      repeat(SWEEP_MS, () => this.sweep()),
      repeat(MAINTENANCE_MS, () => this.maintainWorked()),
    ];
  }

  /** Looks at no more tenants. What runs is kept alive. */
  drain(): void {
    for (const stop of this.stopRepeating) stop();
    this.toMaintain.clear();
  }

  stop(): void {
    this.isOver = true;
    clearInterval(this.heart);
    clearInterval(this.ticker);
    this.ticker = undefined;
  }

  // --- the fair order ----------------------------------------------------------------------------------------------

  /** Attempts run, or wait for a slot: time matters. */
  busy(): void {
    if (!this.isOver) this.ticker ??= setInterval(() => this.tick(), TICK_MS);
  }

  private tick(): void {
    const { order, slots, tenants, releases, kick } = this.parts;
    order.tick(performance.now());
    for (const active of tenants.withWork) releases.late(active);
    kick();
    if (slots.runningCount > 0 || tenants.withWork.size > 0) return;
    clearInterval(this.ticker);
    this.ticker = undefined;
  }

  // --- heartbeats --------------------------------------------------------------------------------------------------

  private async beat(): Promise<void> {
    const { settings, tenants } = this.parts;
    const beats: { readonly active: ActiveTenant; readonly beat: Heartbeat }[] = [];
    for (const active of tenants.withWork) {
      const { inFlight, membership } = active;
      // The server may not have what was recorded.
      void membership.begun.write();
      const beat = heartbeatOf(inFlight, membership.requests, settings.leaseMs);
      if (beat !== undefined) beats.push({ active, beat });
    }
    for (const some of chunks(beats, MAX_HEARTBEATS)) await this.send(some);
  }

  private async send(
    beats: readonly { readonly active: ActiveTenant; readonly beat: Heartbeat }[],
  ): Promise<void> {
    const { connection, deadlineMs, observer, tenants, kick } = this.parts;
    const requests = beats.map(({ beat }) => beat.request);
    const replies = await connection.send(requests, { deadlineMs });
    let isTold = false;
    for (const [at, { active, beat }] of beats.entries()) {
      const failure = applyHeartbeat(beat, replies[at], active.membership.requests, active.observer);
      if (failure === undefined) continue;
      // The next call for the tenant is refused too, and says what follows from it.
      if (failure.kind === "refused") tenants.wake(active.tenant);
      else if (!isTold) {
        isTold = true;
        observer.sideCallFailed("heartbeat", failure.error);
      }
    }
    kick();
  }

  // --- the sweep ---------------------------------------------------------------------------------------------------

  private sweep(): void {
    const { tenants, kick } = this.parts;
    const now = performance.now();
    const [often] = SWEPT_WITHIN_MS;
    for (const tenant of tenants.next(Math.ceil((tenants.size * SWEEP_MS) / often))) {
      if (now - tenant.maintainedAt >= MAINTENANCE_OF_IDLE_MS && tenant.rank === 0)
        this.toMaintain.add(tenant);
      const withinMs = SWEPT_WITHIN_MS[tenant.rank];
      if (withinMs === undefined || now - tenant.lookedAt < withinMs * 0.9) continue;
      tenant.isSwept = true;
      tenants.look(tenant);
    }
    if (this.toMaintain.size > 0) void this.maintain();
    kick();
  }

  // --- maintenance -------------------------------------------------------------------------------------------------

  private maintainWorked(): void {
    for (const tenant of this.parts.tenants.all()) {
      if (tenant.workedAt > tenant.maintainedAt) this.toMaintain.add(tenant);
    }
    void this.maintain();
  }

  /** A length limit that was asked for is recorded as soon as the tenant's group is open. */
  opened(tenant: Tenant): void {
    if (this.parts.settings.retention?.maxLength === undefined) return;
    this.toMaintain.add(tenant);
    void this.maintain();
  }

  /** One stream after the other. Never rejects. */
  private async maintain(): Promise<void> {
    if (this.isMaintaining) return;
    this.isMaintaining = true;
    let failed: unknown;
    for (const tenant of this.toMaintain) {
      this.toMaintain.delete(tenant);
      tenant.maintainedAt = performance.now();
      try {
        await this.maintainOne(tenant);
      } catch (error) {
        failed ??= error;
      }
      if (this.isOver) break;
    }
    this.isMaintaining = false;
    if (failed !== undefined) this.parts.observer.sideCallFailed("maintenance", failed);
  }

  private async maintainOne({ tenantId, active }: Tenant): Promise<void> {
    const { connection, deadlineMs, stream, settings, observer } = this.parts;
    const { group } = settings;
    // What keeps a suspended tenant from its work keeps this from it, and is told.
    if (active?.suspension !== undefined) return;
    const scope = {
      stream,
      tenantId,
      group,
      logger: active?.inFlight.scope.logger ?? observer.loggerFor(tenantId),
    };
    await maintain({ connection, deadlineMs, scope, settings, keys: groupKeys(stream, group, tenantId) });
  }
}
