/** Codec of `lease.lua`. */
import { leaseScript } from "../generated/lease.js";
import { Status } from "../generated/status.js";
import { type GroupKeys, keysOf } from "../keys.js";
import type { Refusal } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import { type Member, type Verdicts, verdictsIn } from "./member.js";

/** What most entries are, and what the reply names. */
const USUAL = Status.LEASED;
const EXCEPTIONS = [Status.DUPLICATE, Status.DEFERRED, Status.LOST] as const;

export type LeaseVerdict = typeof USUAL | (typeof EXCEPTIONS)[number];

export type LeaseReply = Verdicts<LeaseVerdict>;

/** `entries`: 1 to 1,000 in the order delivered; the key of an entry that carries none is empty. */
export function leaseCall(
  keys: GroupKeys,
  member: Member,
  nonce: string,
  entries: readonly { readonly id: string; readonly key: string }[],
): ScriptCall {
  const args: Arg[] = [member.group, member.consumer, member.incarnation, nonce];
  for (const { id, key } of entries) {
    args.push(id, key);
  }
  return { script: leaseScript, keys: keysOf(leaseScript, keys), args };
}

/** `count`: how many entries the call was about. */
export function leaseReply(
  reply: unknown,
  count: number,
): Refusal | (LeaseReply & { readonly status: "OK" }) {
  return verdictsIn<LeaseVerdict>(reply, count, USUAL, EXCEPTIONS);
}
