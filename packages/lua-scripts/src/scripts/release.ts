/** Codec of `release.lua`. */
import { releaseScript } from "../generated/release.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";
import type { Member } from "./member.js";

export type ReleaseVerdict = "RELEASED" | "TAKEN" | "LOST";

export interface ReleaseItem {
  readonly id: string;
  /** Empty for an entry that carries none. */
  readonly key: string;
  /** Undefined for an entry that was delivered and not leased. */
  readonly token: string | undefined;
}

/** `entries`: 1 to 1,000. */
export function releaseCall(keys: GroupKeys, member: Member, entries: readonly ReleaseItem[]): ScriptCall {
  const args: Arg[] = [member.group, member.consumer, member.incarnation];
  for (const { id, key, token } of entries) {
    args.push(id, key, token ?? "");
  }
  return { script: releaseScript, keys: keysOf(releaseScript, keys), args };
}

export function releaseReply(
  reply: unknown,
): Refusal | { readonly status: "OK"; readonly verdicts: readonly ReleaseVerdict[] } {
  const read = valuesOf(reply);
  return "refusal" in read
    ? read.refusal
    : // The script answers with these words only.
      { status: "OK", verdicts: read.values.slice(1) as readonly string[] as readonly ReleaseVerdict[] };
}
