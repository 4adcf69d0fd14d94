/** Codec of `lease.lua`. */
import { leaseScript } from "../generated/lease.js";
import { Status } from "../generated/status.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, UnexpectedReplyError, valuesOf } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import { dueIn, type Member, type Verdicts, verdictsIn } from "./member.js";

/** What most entries are, and what the reply names. */
const USUAL = Status.LEASED;
const EXCEPTIONS = [Status.DUPLICATE, Status.DEFERRED, Status.LOST] as const;
const VERDICTS = [USUAL, ...EXCEPTIONS] as const;

export type LeaseVerdict = (typeof VERDICTS)[number];

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

/**
 * About what a read brings that was sent before on the same connection: the first `max`, 1 to 1,000, of what the
 * consumer was delivered behind `after`.
 */
export function leaseAfterCall(
  keys: GroupKeys,
  member: Member,
  nonce: string,
  after: string,
  max: number,
): ScriptCall {
  const args = [member.group, member.consumer, member.incarnation, nonce, "AFTER", after, max];
  return { script: leaseScript, keys: keysOf(leaseScript, keys), args };
}

/** What `leaseAfterCall` found. */
export interface LeaseAfterReply extends Omit<LeaseReply, "verdicts"> {
  /** By entry ID. */
  readonly verdicts: ReadonlyMap<string, LeaseVerdict>;
}

/** @throws UnexpectedReplyError for a word that is no verdict */
export function leaseAfterReply(reply: unknown): Refusal | (LeaseAfterReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const { values } = read;
  const verdicts = new Map<string, LeaseVerdict>();
  for (let at = 3; at < values.length; at += 2) {
    const verdict = VERDICTS.find((word) => word === values[at + 1]);
    if (verdict === undefined) {
      throw new UnexpectedReplyError(
        `reply of a script: ${JSON.stringify(values[at + 1])}: wanted ${VERDICTS.join(" | ")}`,
      );
    }
    verdicts.set(String(values[at]), verdict);
  }
  return { status: "OK", nextDueInMs: dueIn(values[1]), now: Number(values[2]), verdicts };
}

/** `count`: how many entries the call was about. */
export function leaseReply(
  reply: unknown,
  count: number,
): Refusal | (LeaseReply & { readonly status: "OK" }) {
  return verdictsIn<LeaseVerdict>(reply, count, USUAL, EXCEPTIONS);
}
