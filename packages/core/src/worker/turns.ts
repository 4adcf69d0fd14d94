/**
 * Sends what the tenants of a worker have to send, many tenants in one write: what has finished first, then new work in
 * the fair order, then looks at tenants that may have work. Whatever comes up while a write is under way travels together
 * in the next one.
 */
import type { Connection, Request } from "../connection.js";
import type { Executor } from "../consumer/executor.js";
import type { PhaseHolder } from "../consumer/phase.js";
import { nextTick, performance } from "../timing.js";
import type { ActiveTenant } from "./active-tenant.js";
import type { FairOrder } from "./dispatch.js";
import type { Outbox } from "./outbox.js";
import type { Probes } from "./probes.js";
import type { Tenant } from "./tenant.js";
import type { Tenants } from "./tenants.js";
import { encodeTrip, type TenantTrip } from "./trip.js";

/** Tenants that one write serves at most: about 3 ms of Redis. More at once cost no less for each. */
const MAX_TENANTS = 64;
/** Writes that overlap: while Redis executes one, this process handles the replies to the other. */
const MAX_OVERLAP = 2;
/** Tenants for which a second write is worth its calls. */
const WORTH_OVERLAP = 16;
/** A write that takes longer than this, in milliseconds, waits for a server that is away, and keeps no other from going. */
const SLOW_MS = 250;
/** Writes under way at most. */
const MAX_SLOW = 32;

export interface TurnsParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly phase: PhaseHolder;
  readonly order: FairOrder;
  readonly tenants: Tenants;
  readonly probes: Probes;
  readonly executor: Executor;
  readonly outbox: Outbox;
  /** Nothing fresh may begin. */
  readonly isHeld: () => boolean;
  readonly budget: { readonly left: number };
  /** The tenant's trip is over. */
  readonly apply: (sent: Sent, replies: readonly unknown[], from: number) => void;
  /** All replies of a write are applied. */
  readonly onApplied: () => void;
}

/** A tenant's part of a write. */
export interface Sent {
  readonly active: ActiveTenant;
  readonly trip: TenantTrip;
  /** How many requests it makes. */
  readonly requests: number;
  /** Entries that were expected of it. */
  readonly expected: number;
  /** Whether it is one of the tenant's round trips under way. */
  readonly isCounted: boolean;
  readonly sentAt: number;
}

interface Write {
  readonly requests: Request[];
  readonly sent: Sent[];
  readonly probed: Tenant[];
  /** Told of the replies to what travels with it. */
  readonly answer: (replies: readonly unknown[], from: number) => void;
}

export class Turns {
  private readonly underWay = new Set<{ readonly sentAt: number }>();
  private isScheduled = false;

  constructor(private readonly parts: TurnsParts) {}

  /** Whether writes are under way. */
  get isSending(): boolean {
    return this.underWay.size > 0;
  }

  /** Makes sure that a write follows if there is something to send. */
  kick(): void {
    if (this.isScheduled || this.parts.phase.over) return;
    this.isScheduled = true;
    nextTick(() => {
      this.isScheduled = false;
      this.go();
    });
  }

  /** Sends what has finished, once. */
  async settleOnce(): Promise<void> {
    const sends: Promise<void>[] = [];
    for (;;) {
      const write = this.compose(true);
      if (write === undefined) break;
      sends.push(this.send(write));
    }
    await Promise.all(sends);
  }

  private go(): void {
    while (!this.parts.phase.over && this.mayGo) {
      const write = this.compose(false);
      if (write === undefined) return;
      void this.send(write);
    }
  }

  private get mayGo(): boolean {
    const { underWay } = this;
    if (underWay.size === 0) return true;
    if (underWay.size >= MAX_SLOW) return false;
    const since = performance.now() - SLOW_MS;
    let quick = 0;
    for (const { sentAt } of underWay) if (sentAt > since) quick += 1;
    if (quick === 0) return true;
    return quick < MAX_OVERLAP && this.isWorthAnother;
  }

  private get isWorthAnother(): boolean {
    const { tenants, order, probes } = this.parts;
    if (tenants.toSend >= WORTH_OVERLAP) return true;
    return order.free >= WORTH_OVERLAP && (probes.waiting >= WORTH_OVERLAP || order.next() !== undefined);
  }

  // --- composing a write -------------------------------------------------------------------------------------------

  private compose(settlesOnly: boolean): Write | undefined {
    const { tenants, probes, phase, outbox } = this.parts;
    const planned: ActiveTenant[] = [];
    for (const active of tenants.takeToSend()) {
      if (planned.length === MAX_TENANTS) {
        tenants.toSendAgain(active);
        continue;
      }
      if (!active.hasToSend) continue;
      active.planSettle();
      planned.push(active);
    }
    const isFresh = phase.now === "running" && !settlesOnly && !this.parts.isHeld();
    if (isFresh) this.planWork(planned);
    const requests: Request[] = [];
    const sent: Sent[] = [];
    const probed: Tenant[] = [];
    const sentAt = performance.now();
    for (const active of planned) this.claim(active, requests, sent, sentAt);
    if (isFresh) probes.take(MAX_TENANTS - planned.length, requests, probed);
    if (requests.length === 0) return undefined;
    return { sent, probed, answer: outbox.moveTo(requests), requests };
  }

  /** Gives slots to tenants in the fair order, until there is no free one or nobody wants one. */
  private planWork(planned: ActiveTenant[]): void {
    const { order, tenants, executor, budget } = this.parts;
    let left = Math.min(budget.left - tenants.unleased, executor.oneAtATime ? 1 : Number.POSITIVE_INFINITY);
    while (planned.length < MAX_TENANTS && left > 0) {
      const lane = order.next();
      if (lane === undefined) return;
      const active = tenants.activate(lane.tenantId);
      const before = lane.reserved;
      const isPlanned = active?.plan !== undefined;
      if (active?.planMore(order, lane, left)) {
        left -= lane.reserved - before;
        if (!isPlanned) planned.push(active);
      }
      // It asks again once the reply is here.
      order.drained(lane);
    }
  }

  private claim(active: ActiveTenant, into: Request[], sent: Sent[], sentAt: number): void {
    const { expected, trips } = active;
    const trip = active.claim();
    const requests = encodeTrip(trip, active.membership.requests, active.calls);
    if (requests.length === 0) return;
    into.push(...requests);
    sent.push({
      active,
      trip,
      requests: requests.length,
      expected: active.expected - expected,
      isCounted: active.trips > trips,
      sentAt,
    });
    // Another write may go beside this one.
    this.parts.tenants.announce(active);
  }

  // --- sending it --------------------------------------------------------------------------------------------------

  private async send({ requests, sent, probed, answer }: Write): Promise<void> {
    const { connection, deadlineMs, apply, probes, onApplied } = this.parts;
    const turn = { sentAt: performance.now() };
    this.underWay.add(turn);
    const replies = await connection.send(requests, { deadlineMs });
    this.underWay.delete(turn);
    let at = 0;
    for (const one of sent) {
      apply(one, replies, at);
      at += one.requests;
    }
    answer(replies, at + probes.apply(probed, replies, at));
    onApplied();
    this.kick();
  }
}
