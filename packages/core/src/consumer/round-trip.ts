/**
 * One round trip of a group, without side effects: what it asks, as requests, and what its replies say. Who decides what
 * it carries is `decide.ts`, who claims the entries for it and applies the result is `membership.ts`, who sends it is
 * its caller: a write may carry those of several groups, one after the other.
 */
import {
  type LeaseReply,
  leaseReply,
  type RecoverReply,
  type Refusal,
  recoverReply,
  type SettleReply,
  settleReply,
} from "@sluice/lua-scripts";
import { hasMaybeExecuted, type Request } from "../connection.js";
import { SluiceError } from "../errors.js";
import { type Entry, entriesIn } from "./entry.js";
import type { SettleBatch } from "./in-flight.js";
import type { RecoveryPass } from "./recovery.js";
import type { RecoverRequest, Requests } from "./requests.js";

/** What a round trip carries, in this order; at least one of the four. */
export interface RoundTrip {
  readonly settle: SettleBatch | undefined;
  readonly lease: readonly Entry[] | undefined;
  readonly recover: RecoverRequest | undefined;
  /** The pass that `recover` is part of. */
  readonly pass: RecoveryPass | undefined;
  /** Of what it leases or recovers; empty if that is nothing. */
  readonly nonce: string;
  /** Entries to read at most; 0 for no read. */
  readonly read: number;
}

/** Why one of its requests brought nothing. */
export class RequestFailure {
  constructor(
    readonly error: unknown,
    /** `failed`: no reply. `refused`: nothing was changed. `unexpected`: a reply that no script of ours gives. */
    readonly kind: "failed" | "refused" | "unexpected",
  ) {}

  /** The request may have run all the same: its reply was lost, or says nothing that is known. */
  get mayHaveRun(): boolean {
    return this.kind === "unexpected" || (this.kind === "failed" && hasMaybeExecuted(this.error));
  }
}

/** What the replies say; undefined for what was not asked. */
export interface RoundTripResult {
  readonly settled: SettleReply | RequestFailure | undefined;
  readonly leased: LeaseReply | RequestFailure | undefined;
  readonly recovered: RecoverReply | RequestFailure | undefined;
  readonly read: readonly Entry[] | RequestFailure | undefined;
  /** The first of the failures. */
  readonly failure: RequestFailure | undefined;
}

export function encodeRoundTrip(trip: RoundTrip, requests: Requests): Request[] {
  const encoded: Request[] = [];
  if (trip.settle !== undefined) encoded.push(requests.settle(trip.settle.attempts));
  if (trip.lease !== undefined) encoded.push(requests.lease(trip.nonce, trip.lease));
  if (trip.recover !== undefined) encoded.push(requests.recover(trip.nonce, trip.recover));
  if (trip.read > 0) encoded.push(requests.read(trip.read));
  return encoded;
}

/**
 * @param replies - those of its requests, from `from` on: as many as {@link encodeRoundTrip} gave requests.
 */
export function decodeRoundTrip(
  trip: RoundTrip,
  replies: readonly unknown[],
  requests: Requests,
  from = 0,
): RoundTripResult {
  let at = from;
  const { settle, lease } = trip;
  const settled =
    settle && readReply("settle", replies[at++], requests, (reply) => settleReply(reply, settle.attempts));
  const leased =
    lease && readReply("lease", replies[at++], requests, (reply) => leaseReply(reply, lease.length));
  const recovered = trip.recover && readReply("recover", replies[at++], requests, recoverReply);
  const entries = trip.read > 0 ? readEntries(replies[at]) : undefined;
  const failure = [settled, leased, recovered, entries].find((one) => one instanceof RequestFailure);
  return { settled, leased, recovered, read: entries, failure };
}

/** Decodes the reply of a script by its codec. */
export function readReply<R>(
  name: string,
  reply: unknown,
  requests: Requests,
  codec: (reply: unknown) => Refusal | (R & { readonly status: "OK" }),
): R | RequestFailure {
  if (reply instanceof SluiceError) return new RequestFailure(reply, "failed");
  try {
    const decoded = codec(reply);
    return decoded.status === "OK" ? decoded : new RequestFailure(requests.refused(name, decoded), "refused");
  } catch (error) {
    return new RequestFailure(error, "unexpected");
  }
}

/** Decodes the reply of XREADGROUP. */
export function readEntries(reply: unknown): readonly Entry[] | RequestFailure {
  if (reply instanceof SluiceError) return new RequestFailure(reply, "failed");
  try {
    return entriesIn(reply);
  } catch (error) {
    return new RequestFailure(error, "unexpected");
  }
}

/** What a round trip did, in numbers of entries, for a log line. */
export function describeRoundTrip(trip: RoundTrip, result: RoundTripResult): object {
  const { settled, leased, recovered, read, failure } = result;
  return {
    settled: isReply(settled) ? trip.settle?.attempts.length : 0,
    leased: isReply(leased) ? leased.verdicts.filter((verdict) => verdict === "LEASED").length : 0,
    recovered: isReply(recovered) ? recovered.leased.length : 0,
    read: isReply(read) ? read.length : 0,
    ...(failure !== undefined && { err: failure.error }),
  };
}

function isReply<R>(part: R | RequestFailure | undefined): part is R {
  return part !== undefined && !(part instanceof RequestFailure);
}
