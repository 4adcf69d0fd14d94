/** Codec of `publish.lua`. */
import { publishScript } from "../generated/publish.js";
import { Status } from "../generated/status.js";
import { keysOf, type StreamKeys } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
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

export type PublishVerdict = "NEW" | "DUPLICATE" | "MISMATCH" | "FULL";

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

export function publishReply(reply: unknown): Refusal | (PublishReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) {
    return read.refusal;
  }
  const { values } = read;
  const [status, length, maxLength, slowestGroup] = values;
  const results: { verdict: PublishVerdict; id: string }[] = [];
  for (let at = 4; at < values.length; at += 2) {
    // The script answers with these words only.
    results.push({ verdict: values[at] as PublishVerdict, id: String(values[at + 1]) });
  }
  return {
    status: "OK",
    refused: status === Status.REFUSED,
    length: Number(length),
    maxLength: Number(maxLength),
    ...(slowestGroup ? { slowestGroup: String(slowestGroup) } : {}),
    results,
  };
}
