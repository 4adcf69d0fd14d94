/**
 * What one write carries for one tenant, without side effects: requests from it, and what the replies say. A look at a
 * tenant arms its bells and then reads, in this order: what comes in between rings, or is read.
 */
import { leaseAfterReply } from "@sluice/lua-scripts";
import type { Request } from "../connection.js";
import { isNoGroup } from "../consumer/failure-policy.js";
import type { GroupCalls, Opened } from "../consumer/group-calls.js";
import type { LeasedRead } from "../consumer/membership.js";
import type { Requests } from "../consumer/requests.js";
import {
  decodeRoundTrip,
  encodeRoundTrip,
  RequestFailure,
  type RoundTrip,
  type RoundTripResult,
  readEntries,
  readReply,
} from "../consumer/round-trip.js";
import { SluiceError } from "../errors.js";

/** A look, or the look part of a write. */
export interface Look {
  /** Entries to read at most. */
  readonly count: number;
  /** The nonce of a lease behind the read; empty for none. */
  readonly nonce: string;
  /** What was read before, for the lease. */
  readonly after: string;
}

export interface TenantTrip {
  /** Opens the group; then nothing else is in it. */
  readonly open: "TAKE" | "REJOIN" | undefined;
  readonly roundTrip: RoundTrip | undefined;
  readonly look: Look | undefined;
}

/** Pending entries of the group, by whose they are: of this worker, and of everybody else, parked ones included. */
export interface PendingCounts {
  readonly own: number;
  readonly others: number;
}

export interface TripResult {
  readonly opened: Opened | RequestFailure | undefined;
  readonly roundTrip: RoundTripResult | undefined;
  /** Undefined where it was not asked, or is not known. */
  readonly pending: PendingCounts | RequestFailure | undefined;
  readonly read: Pick<LeasedRead, "read" | "leased"> | undefined;
  /** The first of the failures. */
  readonly failure: RequestFailure | undefined;
}

export function encodeTrip(trip: TenantTrip, requests: Requests, calls: GroupCalls): Request[] {
  if (trip.open !== undefined) {
    return [
      { kind: "script", ...calls.openCall(trip.open) },
      pendingRequest(requests.keys.stream, requests.member.group),
    ];
  }
  const encoded = trip.roundTrip === undefined ? [] : encodeRoundTrip(trip.roundTrip, requests);
  const { look } = trip;
  if (look === undefined) return encoded;
  encoded.push(pendingRequest(requests.keys.stream, requests.member.group), requests.read(look.count));
  if (look.nonce !== "") encoded.push(requests.leaseAfter(look.nonce, look.after, look.count));
  return encoded;
}

/** Arms the bell of a stream, and tells of what is pending. */
export function pendingRequest(stream: string, group: string): Request {
  return { kind: "command", name: "XPENDING", args: [stream, group], tracked: true };
}

/** @param replies - those of its requests, from `from` on and before `to`. */
export function decodeTrip(
  trip: TenantTrip,
  replies: readonly unknown[],
  from: number,
  to: number,
  requests: Requests,
  calls: GroupCalls,
): TripResult {
  const { consumer } = requests.member;
  if (trip.open !== undefined) {
    const opened = openedIn(replies[from], calls);
    const isRefused = opened instanceof RequestFailure;
    const counts = isRefused ? opened : pendingCounts(replies[from + 1], consumer);
    // A script that the server did not know is sent again, and runs behind the request that follows it.
    const wasEarly = !isRefused && counts instanceof RequestFailure && isNoGroup(counts.error);
    const pending = wasEarly ? undefined : counts;
    const failure = pending instanceof RequestFailure ? pending : undefined;
    return { opened, roundTrip: undefined, pending, read: undefined, failure };
  }
  const roundTrip = trip.roundTrip && decodeRoundTrip(trip.roundTrip, replies, requests, from);
  if (trip.look === undefined) {
    return { opened: undefined, roundTrip, pending: undefined, read: undefined, failure: roundTrip?.failure };
  }
  const leases = trip.look.nonce !== "";
  // The look comes last.
  const at = to - (leases ? 3 : 2);
  const pending = pendingCounts(replies[at], consumer);
  const read = readEntries(replies[at + 1]);
  const leased = leases
    ? readReply("lease", replies[at + 2], requests, leaseAfterReply, undefined)
    : undefined;
  const failure = [roundTrip?.failure, pending, read, leased].find((one) => one instanceof RequestFailure);
  return { opened: undefined, roundTrip, pending, read: { read, leased }, failure };
}

function openedIn(reply: unknown, calls: GroupCalls): Opened | RequestFailure {
  try {
    return calls.opened(reply);
  } catch (error) {
    return new RequestFailure(error, reply instanceof SluiceError ? "failed" : "refused");
  }
}

/** Decodes the summary form of XPENDING: `[count, first ID, last ID, [[consumer, count], …]]`. */
export function pendingCounts(reply: unknown, consumer: string): PendingCounts | RequestFailure {
  if (reply instanceof SluiceError) return new RequestFailure(reply, "failed");
  if (!Array.isArray(reply))
    return new RequestFailure(new TypeError(`XPENDING was answered ${String(reply)}`), "unexpected");
  const [count, , , consumers] = reply as [number, unknown, unknown, [string, string][] | null];
  let own = 0;
  for (const [name, pending] of consumers ?? []) if (name === consumer) own = Number(pending);
  return { own, others: count - own };
}
