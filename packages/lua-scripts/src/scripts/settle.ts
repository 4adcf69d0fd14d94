/** Codec of `settle.lua`. */
import { settleScript } from "../generated/settle.js";
import { Status } from "../generated/status.js";
import { type GroupKeys, keysOf } from "../keys.js";
import type { Refusal } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import { type Member, type TokenParts, tokenOf, type Verdicts, verdictsIn } from "./member.js";

/** How an attempt ended. `key` is empty for an entry that carries none. */
export type SettleItem = TokenParts & { readonly key: string } & (
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
  attempts: readonly SettleItem[],
): ScriptCall {
  const args: Arg[] = [member.group, member.consumer, member.incarnation, windowMs];
  const { others, leases } = sorted(attempts);
  for (const at of others) pushAttempt(args, itemAt(attempts, at));
  for (const [tail, successes] of leases) {
    args.push(Status.SUCCESSES, tail, successes.length);
    for (const at of successes) {
      const { key, id } = itemAt(attempts, at);
      args.push(key, id);
    }
  }
  return { script: settleScript, keys: keysOf(settleScript, keys), args };
}

/**
 * Positions, from 0, in the order in which `settle` is told of them. Most end as successes that emitted nothing, and those
 * of one lease are told together: two short words for each, rather than four. The others stay in their order, as what they
 * emit does.
 */
function sorted(attempts: readonly SettleItem[]): {
  readonly others: readonly number[];
  readonly leases: ReadonlyMap<string, readonly number[]>;
} {
  const others: number[] = [];
  const leases = new Map<string, number[]>();
  let tail = "";
  let lease: number[] | undefined;
  for (let at = 0; at < attempts.length; at += 1) {
    const attempt = itemAt(attempts, at);
    if (attempt.outcome !== Status.SUCCESS || attempt.emits.length > 0) {
      others.push(at);
      continue;
    }
    // Those of one lease mostly end one after the other.
    if (lease === undefined || attempt.tail !== tail) {
      tail = attempt.tail;
      lease = leases.get(tail);
      if (lease === undefined) {
        lease = [];
        leases.set(tail, lease);
      }
    }
    lease.push(at);
  }
  return { others, leases };
}

function itemAt(attempts: readonly SettleItem[], at: number): SettleItem {
  // Positions come from this very list.
  return attempts[at] as SettleItem;
}

function pushAttempt(args: Arg[], attempt: SettleItem): void {
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
  attempts: readonly SettleItem[],
): Refusal | (SettleReply & { readonly status: "OK" }) {
  const read = verdictsIn<SettleVerdict>(reply, attempts.length, USUAL, EXCEPTIONS);
  if (read.status !== "OK" || read.verdicts.every((verdict) => verdict === USUAL)) return read;
  const { others, leases } = sorted(attempts);
  const verdicts = [...read.verdicts];
  for (const [told, at] of [...others, ...[...leases.values()].flat()].entries()) {
    verdicts[at] = read.verdicts[told] ?? USUAL;
  }
  return { ...read, verdicts };
}
