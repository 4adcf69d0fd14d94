/** Codec of `open.lua`. */
import { openScript } from "../generated/open.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

export interface GroupSettings {
  /** How long a processed key is remembered at least, in milliseconds, 1 to 315,360,000,000. */
  readonly idempotencyTtlMs: number;
  /** How long an entry may be idle before others take it, in milliseconds. */
  readonly leaseMs: number;
  /** 1 to 1,000. */
  readonly maxAttempts: number;
}

export interface OpenInput extends GroupSettings {
  readonly group: string;
  readonly consumer: string;
  /** Which process goes by the consumer's name: 1 to 64 of A-Z a-z 0-9 _ -. */
  readonly incarnation: string;
  /** TAKE the consumer's name, or REJOIN a group that was lost, unless a newer process has the name. */
  readonly mode: "TAKE" | "REJOIN";
  /** Where a new group begins: after this entry ID, or after the last one (`$`). */
  readonly startFrom: string;
  /** Change the group's settings to these. */
  readonly change: boolean;
  /** The event types that the consumer's handlers declare, at most 1,000. */
  readonly types: readonly string[];
}

export interface OpenReply {
  readonly how: "CREATED" | "JOINED" | "HEALED";
  readonly lowWaterId: string;
  /** The server's clock, in milliseconds since 1970. */
  readonly now: number;
}

export function openCall(keys: GroupKeys, input: OpenInput): ScriptCall {
  return {
    script: openScript,
    keys: keysOf(openScript, keys),
    args: [
      input.group,
      input.consumer,
      input.incarnation,
      input.mode,
      input.startFrom,
      input.change ? 1 : 0,
      input.idempotencyTtlMs,
      input.leaseMs,
      input.maxAttempts,
      ...input.types,
    ],
  };
}

export function openReply(reply: unknown): Refusal | (OpenReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) {
    return read.refusal;
  }
  const [, how, lowWaterId, now] = read.values;
  // The script answers with these words only.
  return { status: "OK", how: how as OpenReply["how"], lowWaterId: String(lowWaterId), now: Number(now) };
}
