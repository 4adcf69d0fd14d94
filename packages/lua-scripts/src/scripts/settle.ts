/** Codec of `settle.lua`. */
import { settleScript } from "../generated/settle.js";
import { Status } from "../generated/status.js";
import { type GroupKeys, keysOf } from "../keys.js";
import type { Refusal } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import { type Member, type TokenParts, tokenOf, type Verdicts, verdictsIn } from "./member.js";

/** How an attempt ended. `key` is empty for an entry that carries none. */
export type Attempt = TokenParts & { readonly key: string } & (
    | { readonly outcome: "SUCCESS"; readonly emits: readonly Emit[] }
    /** Acknowledge, without recording the key as processed. */
    | { readonly outcome: "SKIP" }
    /**
     * No handler of the consumer declares the type: handed back if another consumer of the group does. Otherwise skipped
     * if the message is empty, and a dead letter `UNHANDLED` if it is not.
     */
    | { readonly outcome: "UNHANDLED"; readonly type: string; readonly message: string }
    /** The script caps `delayMs` at half the idempotency TTL. `message` is kept if this was the last attempt. */
    | { readonly outcome: "RETRY"; readonly delayMs: number; readonly message: string }
    /** A dead letter; `reason` is 1 to 32 of A-Z _. */
    | { readonly outcome: "FAILURE"; readonly reason: string; readonly message: string }
  );

/** An event to publish with the acknowledgement. */
export interface Emit {
  readonly key: string;
  readonly event: string | Uint8Array;
  /** Empty: not through the publish window, since the key follows from the attempt and is committed once. */
  readonly fingerprint: string;
}

/** How most attempts end, and what the reply names. */
const USUAL = Status.SETTLED;
const EXCEPTIONS = [Status.WAITING, Status.HANDED_BACK, Status.DEAD, Status.FENCED] as const;

export type SettleVerdict = typeof USUAL | (typeof EXCEPTIONS)[number];

export type SettleReply = Verdicts<SettleVerdict>;

/** `attempts`: 1 to 1,000; `windowMs`: the publish window for emitted keys, 0 for none. */
export function settleCall(
  keys: GroupKeys,
  member: Member,
  windowMs: number,
  attempts: readonly Attempt[],
): ScriptCall {
  const args: Arg[] = [member.group, member.consumer, member.incarnation, windowMs];
  const { others, leases } = sorted(attempts);
  for (const { attempt } of others) pushAttempt(args, attempt);
  for (const [tail, successes] of leases) {
    args.push(Status.SUCCESSES, tail, successes.length);
    for (const { attempt } of successes) args.push(attempt.key, attempt.id);
  }
  return { script: settleScript, keys: keysOf(settleScript, keys), args };
}

interface Placed {
  readonly attempt: Attempt;
  /** Among the attempts given, from 0. */
  readonly at: number;
}

/**
 * In the order in which `settle` is told of them. Most end as successes that emitted nothing, and those of one lease
 * are told together: two short words for each, rather than four. The others stay in their order, as what they emit does.
 */
function sorted(attempts: readonly Attempt[]): {
  readonly others: readonly Placed[];
  readonly leases: ReadonlyMap<string, readonly Placed[]>;
} {
  const others: Placed[] = [];
  const leases = new Map<string, Placed[]>();
  for (const [at, attempt] of attempts.entries()) {
    const isPlain = attempt.outcome === Status.SUCCESS && attempt.emits.length === 0;
    if (!isPlain) {
      others.push({ attempt, at });
      continue;
    }
    const lease = leases.get(attempt.tail);
    if (lease === undefined) leases.set(attempt.tail, [{ attempt, at }]);
    else lease.push({ attempt, at });
  }
  return { others, leases };
}

function pushAttempt(args: Arg[], attempt: Attempt): void {
  args.push(attempt.outcome, attempt.key, tokenOf(attempt));
  switch (attempt.outcome) {
    case Status.SUCCESS:
      args.push(attempt.emits.length);
      for (const emit of attempt.emits) {
        args.push(emit.key, emit.event, emit.fingerprint);
      }
      break;
    case Status.UNHANDLED:
      args.push(attempt.type, attempt.message);
      break;
    case Status.RETRY:
      args.push(attempt.delayMs, attempt.message);
      break;
    case Status.FAILURE:
      args.push(attempt.reason, attempt.message);
      break;
  }
}

/**
 * `attempts`: as given to `settleCall`; the verdicts are in their order.
 *
 * @throws UnexpectedReplyError as `verdictsFrom`
 */
export function settleReply(
  reply: unknown,
  attempts: readonly Attempt[],
): Refusal | (SettleReply & { readonly status: "OK" }) {
  const read = verdictsIn<SettleVerdict>(reply, attempts.length, USUAL, EXCEPTIONS);
  if (read.status !== "OK" || read.verdicts.every((verdict) => verdict === USUAL)) return read;
  const { others, leases } = sorted(attempts);
  const verdicts = [...read.verdicts];
  for (const [told, { at }] of [...others, ...[...leases.values()].flat()].entries()) {
    verdicts[at] = read.verdicts[told] ?? USUAL;
  }
  return { ...read, verdicts };
}
