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
const EXCEPTIONS = [Status.WAITING, Status.DEAD, Status.FENCED] as const;

export type SettleVerdict = typeof USUAL | (typeof EXCEPTIONS)[number];

export type SettleReply = Verdicts<SettleVerdict>;

/**
 * `attempts`: 1 to 1,000, fastest with those of one lease next to each other; `windowMs`: the publish window for
 * emitted keys, 0 for none.
 */
export function settleCall(
  keys: GroupKeys,
  member: Member,
  windowMs: number,
  attempts: readonly Attempt[],
): ScriptCall {
  const args: Arg[] = [member.group, member.consumer, member.incarnation, windowMs];
  let at = 0;
  for (let attempt = attempts[at]; attempt !== undefined; attempt = attempts[at]) {
    let end = at;
    while (isPlain(attempts[end], attempt.tail)) end += 1;
    if (end === at) {
      pushAttempt(args, attempt);
      at += 1;
    } else {
      args.push(Status.SUCCESSES, attempt.tail, end - at);
      for (const { key, id } of attempts.slice(at, end)) args.push(key, id);
      at = end;
    }
  }
  return { script: settleScript, keys: keysOf(settleScript, keys), args };
}

/** How most attempts end: two short words for each of those that were leased together, rather than four. */
function isPlain(attempt: Attempt | undefined, tail: string): boolean {
  return attempt?.outcome === Status.SUCCESS && attempt.emits.length === 0 && attempt.tail === tail;
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
    case Status.RETRY:
      args.push(attempt.delayMs, attempt.message);
      break;
    case Status.FAILURE:
      args.push(attempt.reason, attempt.message);
      break;
  }
}

/** `count`: how many attempts the call was about. */
export function settleReply(
  reply: unknown,
  count: number,
): Refusal | (SettleReply & { readonly status: "OK" }) {
  return verdictsIn<SettleVerdict>(reply, count, USUAL, EXCEPTIONS);
}
