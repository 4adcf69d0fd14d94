/** Codec of `extend.lua`. */
import { extendScript } from "../generated/extend.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import type { Member } from "./member.js";

export type ExtendVerdict = "EXTENDED" | "LOST";

/** `attempts`: 1 to 1,000 that the consumer has in hand. */
export function extendCall(
  keys: GroupKeys,
  member: Member,
  attempts: readonly { readonly key: string; readonly token: string }[],
): ScriptCall {
  const args: Arg[] = [member.group, member.consumer, member.incarnation];
  for (const { key, token } of attempts) {
    args.push(key, token);
  }
  return { script: extendScript, keys: keysOf(extendScript, keys), args };
}

export function extendReply(
  reply: unknown,
): Refusal | { readonly status: "OK"; readonly verdicts: readonly ExtendVerdict[] } {
  const read = valuesOf(reply);
  return "refusal" in read
    ? read.refusal
    : // The script answers with these words only.
      { status: "OK", verdicts: read.values.slice(1) as readonly string[] as readonly ExtendVerdict[] };
}
