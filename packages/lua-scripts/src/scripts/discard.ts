/** Codec of `discard.lua`. */
import { discardScript } from "../generated/discard.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

/** `letters`: 1 to 1,000 IDs of dead letters. */
export function discardCall(keys: GroupKeys, letters: readonly string[]): ScriptCall {
  return { script: discardScript, keys: keysOf(discardScript, keys), args: letters };
}

/** Whether each letter was there, in the order asked. */
export function discardReply(
  reply: unknown,
): Refusal | { readonly status: "OK"; readonly discarded: readonly boolean[] } {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  return { status: "OK", discarded: read.values.slice(1).map((verdict) => verdict === "DISCARDED") };
}
