/** Codec of `replay.lua`. */
import { replayScript } from "../generated/replay.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

/** `letters`: 1 to 1,000 IDs of dead letters. */
export function replayCall(keys: GroupKeys, group: string, letters: readonly string[]): ScriptCall {
  return { script: replayScript, keys: keysOf(replayScript, keys), args: [group, ...letters] };
}

/** The ID of each letter's entry in the stream now, or undefined if there was no such letter; in the order asked. */
export function replayReply(
  reply: unknown,
): Refusal | { readonly status: "OK"; readonly entryIds: readonly (string | undefined)[] } {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const entryIds: (string | undefined)[] = [];
  for (let at = 1; at < read.values.length; at += 2) {
    entryIds.push(read.values[at] === "REPLAYED" ? String(read.values[at + 1]) : undefined);
  }
  return { status: "OK", entryIds };
}
