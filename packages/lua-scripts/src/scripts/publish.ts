/** Codec of `publish.lua`. */
import { publishScript } from "../generated/publish.js";
import { Status } from "../generated/status.js";
import { keysOf, type StreamKeys } from "../keys.js";
import { type Refusal, UnexpectedReplyError, valuesOf, verdictsFrom } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";

export interface PublishInput {
  /** Publish window in milliseconds; 0 for none. */
  readonly windowMs: number;
  /** Most entries the stream may have; 0 for no limit. */
  readonly maxLength: number;
  /** All or nothing. */
  readonly atomic: boolean;
  /** 1 to 1,000 events. */
  readonly events: readonly PublishItem[];
}

export interface PublishItem {
  readonly idempotencyKey: string;
  /** The event as it is stored, byte for byte. */
  readonly event: string | Uint8Array;
  /** Tells one payload from another under the same key. */
  readonly fingerprint: string;
}

/** How most events are, and what the reply names. */
const USUAL = Status.NEW;
const EXCEPTIONS = [Status.DUPLICATE, Status.MISMATCH, Status.FULL] as const;

export type PublishVerdict = typeof USUAL | (typeof EXCEPTIONS)[number];

export interface PublishReply {
  /** True if an atomic call published nothing, for a reason that a verdict gives. */
  readonly refused: boolean;
  /** Entries in the stream; 0 if no limit was asked. */
  readonly length: number;
  /** Most entries that the stream may have; 0 if there is no limit. */
  readonly maxLength: number;
  /** The group furthest behind, if an event was FULL. */
  readonly slowestGroup?: string;
  /** In the order asked; `id` is the entry under the key, empty if there is none. */
  readonly results: readonly { readonly verdict: PublishVerdict; readonly id: string }[];
}

export function publishCall(keys: StreamKeys, input: PublishInput): ScriptCall {
  const args: Arg[] = [input.windowMs, input.maxLength, input.atomic ? 1 : 0];
  for (const { idempotencyKey, event, fingerprint } of input.events) {
    args.push(idempotencyKey, event, fingerprint);
  }
  return { script: publishScript, keys: keysOf(publishScript, keys), args };
}

/**
 * `count`: how many events the call was about.
 *
 * @throws UnexpectedReplyError for a reply about another number of events, and as `verdictsFrom`
 */
export function publishReply(
  reply: unknown,
  count: number,
): Refusal | (PublishReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) {
    return read.refusal;
  }
  const { values } = read;
  const [status, length, maxLength, slowestGroup] = values;
  const ids = values.slice(4, 4 + count);
  if (ids.length < count) {
    throw new UnexpectedReplyError(`reply of a script: ${ids.length} entry IDs: wanted ${count}`);
  }
  const verdicts = verdictsFrom<PublishVerdict>(values.slice(4 + count), count, USUAL, EXCEPTIONS);
  return {
    status: "OK",
    refused: status === Status.REFUSED,
    length: Number(length),
    maxLength: Number(maxLength),
    ...(slowestGroup ? { slowestGroup: String(slowestGroup) } : {}),
    results: verdicts.map((verdict, at) => ({ verdict, id: String(ids[at]) })),
  };
}
