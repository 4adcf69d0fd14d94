/** Codec of `trim.lua`. */
import { trimScript } from "../generated/trim.js";
import { keysOf, type StreamKeys } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

export interface TrimInput {
  /** How long an entry stays at least, in milliseconds, by its ID. */
  readonly settledForMs: number;
  /** Most entries the stream may have from now on, 0 for no limit; undefined leaves the limit as it is. */
  readonly maxLength: number | undefined;
  /** Entries to drop at most, 1 to 100,000; the stream's nodes are dropped whole first. */
  readonly limit: number;
}

export interface TrimReply {
  readonly dropped: number;
  /** Every entry below it is settled, and old enough. */
  readonly threshold: string;
  readonly more: boolean;
}

export function trimCall(keys: StreamKeys, input: TrimInput): ScriptCall {
  const args = [input.settledForMs, input.maxLength ?? "", input.limit];
  return { script: trimScript, keys: keysOf(trimScript, keys), args };
}

export function trimReply(reply: unknown): Refusal | (TrimReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const [, dropped, threshold, more] = read.values;
  return { status: "OK", dropped: Number(dropped), threshold: String(threshold), more: more === 1 };
}
