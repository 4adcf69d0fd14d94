/**
 * What the next round trip of a group carries, and whether it may overlap another one: pure functions of what is in
 * flight, how the handlers behave and what is allowed. They know neither timers nor connections, and change nothing.
 */
import { MAX_ENTRIES } from "@sluice/lua-scripts";
import type { Phase } from "./phase.js";

/**
 * Round trips that may overlap. While Redis executes one, this process handles the reply of the other. A third one is no
 * faster: either Redis or this process is never idle by then.
 */
export const MAX_OVERLAP = 2;

/**
 * Entries that one round trip leases or reads at most. 512 measured 20 % slower than 256: Redis and this process overlap
 * less.
 */
const MAX_PER_ROUND_TRIP = 256;

/** What it is decided by. A live view will do: each getter is read as late as possible. */
export interface Snapshot {
  readonly phase: Phase;
  /** Nothing fresh may begin: a suspect runs in this process. */
  readonly isHeld: boolean;
  /** Entries in flight, by state. */
  readonly delivered: number;
  readonly leasing: number;
  readonly ready: number;
  readonly running: number;
  readonly finished: number;
  /** Round trips under way, and the entries that they read at most. */
  readonly roundTrips: number;
  readonly reading: number;
  /** Entries that the blocking read under way may bring; 0 if there is none. */
  readonly blockedFor: number;
  /** The last call failed, and is made again alone. */
  readonly isFailing: boolean;
  /** A recovery pass is under way. */
  readonly isRecovering: boolean;
  /** It is time to look at waiting entries. */
  readonly isDue: boolean;
  /** The stream had more to read at the last look. */
  readonly moreToRead: boolean;
  /** Attempts that may still be leased; infinite but in `runOnce`. */
  readonly budget: number;
  /** Handlers are quick enough to read ahead of them. */
  readonly readsAhead: boolean;
  /** The handlers begun last ended within the tick that they began in: slots are as good as never taken. */
  readonly synchronousHandlers: boolean;
  /** The handler begun last kept the thread for longer than others may wait: one is leased at a time. */
  readonly oneAtATime: boolean;
  /** Entries that one reply may bring, of a read and of a recovery: at least 1. */
  readonly maxRead: number;
  readonly maxRecover: number;
}

export interface Limits {
  readonly concurrency: number;
  readonly batchSize: number;
}

/** What a round trip is to carry: at least one of the four. */
export interface Decision {
  /** Finished attempts are settled, as many as one call takes. */
  readonly settle: boolean;
  /** Delivered entries to lease; 0 for none. */
  readonly lease: number;
  /** Entries to recover at most; 0 for none. It never leases and recovers. */
  readonly recover: number;
  /** Entries to read at most; 0 for none. */
  readonly read: number;
}

/** The next round trip; undefined if there is nothing to do, or nothing that may go beside those under way. */
export function decide(now: Snapshot, limits: Limits): Decision | undefined {
  const recovers = now.isRecovering || now.isDue;
  // Recovery leaves out what is in flight, so it has to know of all of that: no other round trip is under way beside it.
  if (now.roundTrips > 0 && (recovers || now.isFailing)) return undefined;
  const free = leasable(now, limits);
  // Recovery comes before new work.
  const recover = recovers ? Math.min(free, now.maxRecover) : 0;
  const lease = recover > 0 ? 0 : Math.min(free, now.delivered, leaseLimit(now, limits));
  const read = mayRead(now) ? room(now, limits, lease) : 0;
  const settle = now.finished > 0;
  return settle || lease + recover + read > 0 ? { settle, lease, recover, read } : undefined;
}

/**
 * Whether there is enough to do for a further round trip beside the one under way: a small one would only cost more
 * calls. The clock is read last, since this is asked at the end of every attempt.
 */
export function mayOverlap(now: Snapshot, limits: Limits): boolean {
  if (now.isFailing) return false;
  const limit = leaseLimit(now, limits);
  const isWorthIt =
    now.finished + Math.min(leasable(now, limits), now.delivered) >= limit ||
    (now.synchronousHandlers && mayRead(now) && room(now, limits, 0) >= limit);
  return isWorthIt && !now.isRecovering && !now.isDue;
}

/**
 * Entries that the blocking read, which waits while there is nothing to do, asks for; 0 if it is not to wait.
 */
export function blockingRead(now: Snapshot, limits: Limits): number {
  const mayBlock = now.phase === "running" && !now.moreToRead && !now.isRecovering && now.blockedFor === 0;
  return mayBlock && now.budget > 0 ? room(now, limits, 0) : 0;
}

/**
 * Attempts ready or running at a time; as many may be delivered besides. With more than `concurrency` while handlers end
 * at once, each of the round trips that overlap carries all of that: calls half as large cost a quarter of the rate at 64.
 */
export function capacity(now: Snapshot, { concurrency }: Limits): number {
  if (!now.synchronousHandlers) return concurrency;
  return Math.max(concurrency, MAX_OVERLAP * Math.min(concurrency, MAX_PER_ROUND_TRIP));
}

/** Lease limit of a round trip: half the capacity, so that two can overlap. */
function leaseLimit(now: Snapshot, limits: Limits): number {
  return Math.min(Math.ceil(capacity(now, limits) / MAX_OVERLAP), MAX_PER_ROUND_TRIP);
}

/** Whether anything new may be begun at all. */
function mayStart(now: Snapshot): boolean {
  // Where attempts end and cannot be settled, beginning more would only pile them up.
  return now.phase === "running" && !now.isHeld && now.finished < MAX_ENTRIES;
}

/** Whether there is more to read, as far as is known, and nothing comes before it. */
function mayRead(now: Snapshot): boolean {
  return mayStart(now) && now.moreToRead && now.blockedFor === 0 && !now.isRecovering;
}

/** Whether a suspect may be leased, to run by itself. */
export function mayRunSuspect(now: Snapshot, { concurrency }: Limits): boolean {
  const isSound = now.phase === "running" && !now.isFailing && now.finished < MAX_ENTRIES;
  return isSound && now.running < concurrency && now.budget > 0;
}

/** Slots that nothing runs in or is ready for; one at a time for handlers that keep the thread. */
function openSlots(now: Snapshot, limits: Limits): number {
  const free = capacity(now, limits) - now.running - now.ready;
  return now.oneAtATime ? Math.min(free, 1 - now.ready) : free;
}

/** Attempts that may be leased now. */
export function leasable(now: Snapshot, limits: Limits): number {
  if (!mayStart(now)) return 0;
  return Math.max(0, Math.min(Math.min(openSlots(now, limits), now.budget) - now.leasing, MAX_ENTRIES));
}

/**
 * How many entries to read, beside so many that are leased now. Delivered entries wait for a slot with their lease clock
 * running, and nobody else sees them, so not many.
 */
function room(now: Snapshot, limits: Limits, lease: number): number {
  const waiting = now.delivered - lease + now.blockedFor + now.reading;
  const leasing = now.leasing + lease;
  const readsAhead = now.readsAhead && !now.oneAtATime;
  const ahead = readsAhead ? capacity(now, limits) : Math.max(0, openSlots(now, limits) - leasing);
  const wanted = Math.min(
    ahead - waiting,
    now.budget - leasing - waiting,
    limits.batchSize,
    MAX_PER_ROUND_TRIP,
  );
  return Math.max(0, Math.min(wanted, now.maxRead));
}
