/** The parts of one run of a worker, made and connected to each other. */
import { groupKeys, type Member } from "@sluice/lua-scripts";
import type { EventCatalog } from "../catalog.js";
import type { ComposeSettings } from "../compose.js";
import type { Connection } from "../connection.js";
import type { ConsumerRunOptions } from "../consumer/assembly.js";
import { BegunRecord } from "../consumer/begun.js";
import { Changes } from "../consumer/changes.js";
import type { Emitter } from "../consumer/events.js";
import { Executor } from "../consumer/executor.js";
import type { FinishedAttempt } from "../consumer/finished-attempt.js";
import { GroupCalls } from "../consumer/group-calls.js";
import { HandlerRunner } from "../consumer/handler-runner.js";
import type { Handlers } from "../consumer/handlers.js";
import { InFlight } from "../consumer/in-flight.js";
import { Membership } from "../consumer/membership.js";
import { Observer } from "../consumer/observer.js";
import { PhaseHolder } from "../consumer/phase.js";
import { ReadAhead } from "../consumer/read-ahead.js";
import { Requests } from "../consumer/requests.js";
import type { ConsumerStats } from "../consumer/stats.js";
import { SuspectRun } from "../consumer/suspect-run.js";
import { Suspects } from "../consumer/suspects.js";
import { Watchdog } from "../consumer/watchdog.js";
import { type Logger, withFields } from "../logger.js";
import type { Outages } from "../outages.js";
import { performance } from "../timing.js";
import { ActiveTenant } from "./active-tenant.js";
import { FairOrder } from "./dispatch.js";
import { Outbox } from "./outbox.js";
import { Probes } from "./probes.js";
import { Replies } from "./replies.js";
import type { WorkerSettings } from "./settings.js";
import { Slots } from "./slots.js";
import type { Tenant } from "./tenant.js";
import { TenantReleases } from "./tenant-releases.js";
import { Tenants } from "./tenants.js";
import { Turns } from "./turns.js";
import type { WorkerStats } from "./worker-stats.js";

export interface WorkerRunParts {
  readonly connection: Connection;
  readonly stream: string;
  readonly settings: WorkerSettings;
  readonly handlers: Handlers;
  readonly catalog: EventCatalog;
  readonly compose: ComposeSettings;
  readonly emitter: Emitter;
  readonly stats: ConsumerStats;
  readonly workerStats: WorkerStats;
  readonly outages: Outages;
  /** Adds stream, group and consumer to each line. */
  readonly logger: Logger;
  readonly publishWindowMs: number;
  readonly deadlineMs: number;
}

/** What the parts of a run are told of. */
export interface WorkerRunEvents {
  /** A newer process has the worker's name. */
  readonly onSuperseded: (error: unknown) => void;
  readonly onMissedRing: () => void;
  readonly areBellsOn: () => boolean;
  /** All replies of a write are applied. */
  readonly onApplied: () => void;
  /** Attempts run, or wait for a slot. */
  readonly onBusy: () => void;
  readonly onOpened: (tenant: Tenant) => void;
}

/** A used name is taken again after this time without use, in milliseconds: others may have removed it by then. */
const UNUSED_MS = 300_000;
/** The part of a lease after which what has a slot, and was not begun, is released. */
const PATIENCE = 1 / 6;

/** @param connection - the run's own. */
export function assemble(
  parts: WorkerRunParts,
  connection: Connection,
  options: ConsumerRunOptions,
  events: WorkerRunEvents,
) {
  const { stream, settings, stats, emitter, outages, logger, deadlineMs, workerStats } = parts;
  const { group, consumer, leaseMs, handlerTimeoutMs, concurrency, tenantConcurrency, weight } = settings;
  const member: Member = { group, consumer, incarnation: options.incarnation };
  const budget = { left: options.budget };
  const phase = new PhaseHolder();
  const changes = new Changes();
  const order = new FairOrder({ concurrency, tenantConcurrency, weight }, performance.now());
  const observer = new Observer({ emitter, stats, outages }, { stream, tenantId: undefined, group, logger });
  const outbox = new Outbox(connection);
  const { types } = parts.handlers;
  const { patienceMs } = new ReadAhead(leaseMs);

  const make = (tenant: Tenant): ActiveTenant => {
    const { tenantId, startFrom, openedAt, usedAt } = tenant;
    const keys = groupKeys(stream, group, tenantId);
    const scope = { stream, tenantId, group, logger: withFields(logger, { tenantId }) };
    const inFlight = new InFlight(scope);
    const requests = new Requests(stream, keys, member, parts.publishWindowMs);
    const ofTenant = new Observer({ emitter, stats, outages }, scope);
    const begun = new BegunRecord(
      { connection: outbox, keys, deadlineMs },
      member,
      () => suspects.mark(inFlight),
      tenant.begun,
    );
    if (tenant.begun !== undefined) void begun.write();
    const membership = new Membership<Tenant>({
      inFlight,
      requests,
      begun,
      due: tenant,
      observer: ofTenant,
      budget,
      onSuspectSettled: (attempt) => suspectRun.over(attempt),
    });
    const calls = new GroupCalls({ connection, requests, settings, types, deadlineMs, startFrom });
    const needsOpen = !tenant.wasOpened || performance.now() - Math.max(openedAt, usedAt) > UNUSED_MS;
    return new ActiveTenant(tenant, { membership, calls, observer: ofTenant, needsOpen });
  };

  const kick = () => turns.kick();
  const activeOf = ({ inFlight }: { readonly inFlight: InFlight }) =>
    tenants.get(inFlight.scope.tenantId ?? "")?.active;
  const observerOf = (of: { readonly inFlight: InFlight }) => activeOf(of)?.observer ?? observer;
  const suspects: Suspects = new Suspects({
    latestBegun: () => executor.latestBegun,
    record: () => Promise.all([...tenants.withWork].map(({ membership }) => membership.begun.write())),
    goOn: () => {
      executor.fill();
      kick();
    },
  });
  const slots: Slots = new Slots(order, activeOf, (attempt) => {
    outbox.flush();
    const { lane } = activeOf(attempt) ?? {};
    const held = lane === undefined ? undefined : order.heldBy(lane);
    const isNoisy = held === "cap" || held === "window" || held === "reserve";
    workerStats.dwell[isNoisy ? "noisy" : "quiet"].observe(Date.now() - addedAt(attempt.entry.id));
    events.onBusy();
  });
  const probes: Probes = new Probes({
    stream,
    group,
    consumer,
    order,
    wake: (tenant) => tenants.wake(tenant),
    onFound: (tenant, pending, entries) => replies.found(tenant, pending, entries),
    onFailed: (tenant, failure) => replies.lookFailed(tenant, failure),
  });
  const tenants: Tenants = new Tenants({
    order,
    slots,
    make,
    onLook: (tenant) => {
      probes.add(tenant);
      kick();
    },
  });
  const onFinished = (finished: readonly FinishedAttempt[]) => {
    slots.ended(finished);
    executor.finished(finished);
    for (const { attempt } of finished) {
      const active = activeOf(attempt);
      if (active !== undefined) tenants.announce(active);
    }
  };
  const runner = new HandlerRunner({ ...parts, onFinished });
  const watchdog = new Watchdog({
    handlerTimeoutMs,
    leaseMs,
    running: () => [...slots.running],
    expire: (attempt, timeoutMs) => {
      onFinished([runner.expire(attempt, timeoutMs)]);
      observer.timedOut();
    },
    tell: (attempt) => observerOf(attempt).stuck(attempt),
  });
  const executor: Executor = new Executor({
    source: slots,
    concurrency,
    patienceMs,
    context: options.context,
    run: (attempt) => {
      slots.begins(attempt);
      runner.run(attempt);
    },
    mayBegin: () => phase.now === "running" && !suspects.holding,
    onFinished: kick,
    onLostEnded: (attempt) => suspectRun.over(attempt),
    onYielded: () => {
      for (const active of tenants.withWork) releases.late(active);
      executor.fill();
      kick();
    },
  });
  const suspectRun: SuspectRun = new SuspectRun({
    connection,
    deadlineMs,
    executor,
    suspects,
    observer: { suspectBegins: (attempt) => observerOf(attempt).suspectBegins(attempt) },
    mayLease: () => phase.now === "running" && order.free > 0 && budget.left > 0,
    mayBegin: () => phase.now === "running",
    release: async (membership, items) => {
      const active = activeOf(membership);
      if (active !== undefined) await releases.items(active, items);
    },
    onFailure: (membership, failure) => {
      const active = activeOf(membership);
      if (active !== undefined) replies.failed(active, failure);
    },
    onOver: () => {
      changes.tell();
      kick();
    },
  });
  const onChanged = (active: ActiveTenant) => {
    tenants.announce(active);
    changes.tell();
    kick();
  };
  const releases: TenantReleases = new TenantReleases({
    phase,
    patienceMs: Math.max(1, leaseMs * PATIENCE),
    budget,
    onFailed: (active, failure) => replies.failed(active, failure),
    onReleased: onChanged,
  });
  const replies: Replies = new Replies({
    ...events,
    tenants,
    leaseMs,
    stats: workerStats,
    observer,
    releases,
    suspectRun: () => suspectRun,
  });
  const turns: Turns = new Turns({
    connection,
    deadlineMs,
    phase,
    order,
    tenants,
    probes,
    executor,
    outbox,
    isHeld: () => suspects.holding,
    budget,
    apply: (sent, all, from) => replies.apply(sent, all, from),
    onApplied: () => {
      executor.fill();
      replies.applied();
      events.onApplied();
      changes.tell();
    },
  });
  return {
    member,
    budget,
    phase,
    changes,
    order,
    observer,
    suspects,
    slots,
    probes,
    tenants,
    watchdog,
    executor,
    suspectRun,
    releases,
    replies,
    turns,
  };
}

/** When Redis added an entry, by its ID, in milliseconds since 1970. */
function addedAt(id: string): number {
  return Number(id.slice(0, id.indexOf("-")));
}
