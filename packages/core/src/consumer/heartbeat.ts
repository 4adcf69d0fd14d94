/**
 * Keeps the leases of attempts that run for long, by `extend`, and finds those that are lost. Asked and applied apart, so
 * that one write may carry those of many groups.
 */
import { extendReply, MAX_ENTRIES } from "@sluice/lua-scripts";
import type { Request } from "../connection.js";
import { LeaseLostError } from "../errors.js";
import { performance } from "../timing.js";
import type { InFlight } from "./in-flight.js";
import type { LeasedAttempt } from "./leased-attempt.js";
import type { Observer } from "./observer.js";
import type { Requests } from "./requests.js";
import { RequestFailure, readReply } from "./round-trip.js";

/** One heartbeat of a group. */
export interface Heartbeat {
  readonly request: Request;
  readonly attempts: readonly LeasedAttempt[];
  /** By performance.now(). */
  readonly sentAt: number;
}

/** A heartbeat for what runs and was last extended a sixth of a lease ago; undefined if there is nothing of that. */
export function heartbeatOf(inFlight: InFlight, requests: Requests, leaseMs: number): Heartbeat | undefined {
  const sentAt = performance.now();
  const attempts = inFlight.leasedBefore(sentAt - leaseMs / 6).slice(0, MAX_ENTRIES);
  if (attempts.length === 0) return undefined;
  const request = requests.extend(attempts.map(({ entry, token }) => ({ key: entry.key, token })));
  return { request, attempts, sentAt };
}

/** Applies what a heartbeat was answered. Returns what failed. */
export function applyHeartbeat(
  { attempts, sentAt }: Heartbeat,
  reply: unknown,
  requests: Requests,
  observer: Observer,
): RequestFailure | undefined {
  const read = readReply("extend", reply, requests, extendReply);
  if (read instanceof RequestFailure) return read;
  const { group } = requests.member;
  for (const [at, attempt] of attempts.entries()) {
    if (read.verdicts[at] === "EXTENDED") {
      attempt.leasedAt = sentAt;
      continue;
    }
    const { entry, number, inFlight } = attempt;
    const error = new LeaseLostError({ group, entryId: entry.id, attempt: number });
    // Two heartbeats may be under way at a time: it is lost once.
    if (inFlight.lose(attempt, error)) observer.leaseLost(attempt, "otherConsumer");
  }
  return undefined;
}
