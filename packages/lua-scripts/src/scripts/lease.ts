/** Codec of `lease.lua`. */
import { leaseScript } from "../generated/lease.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import { dueIn, type Member } from "./member.js";

export type LeaseVerdict = "LEASED" | "DUPLICATE" | "DEFERRED" | "LOST";

export interface LeaseReply {
  /** Milliseconds until the next waiting entry is due; undefined if none waits. */
  readonly nextDueInMs: number | undefined;
  /** The server's clock, in milliseconds since 1970: part of the tokens (`firstToken`). */
  readonly now: number;
  /** In the order asked. */
  readonly verdicts: readonly LeaseVerdict[];
}

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

export function leaseReply(reply: unknown): Refusal | (LeaseReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) {
    return read.refusal;
  }
  const [, nextDue, now, ...verdicts] = read.values;
  return {
    status: "OK",
    nextDueInMs: dueIn(nextDue),
    now: Number(now),
    verdicts: verdicts as readonly string[] as readonly LeaseVerdict[], // the script answers with these words only
  };
}
