/** Codec of `retire.lua`. */
import { retireScript } from "../generated/retire.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

export interface RetireInput {
  readonly group: string;
  /** How long a consumer has been idle at least, in milliseconds. */
  readonly idleMs: number;
  /** This consumer only. */
  readonly consumer?: string;
  /** Only if this process goes by the consumer's name. */
  readonly incarnation?: string;
}

export function retireCall(keys: GroupKeys, input: RetireInput): ScriptCall {
  const args = [input.group, input.idleMs, input.consumer ?? "", input.incarnation ?? ""];
  return { script: retireScript, keys: keysOf(retireScript, keys), args };
}

/** The consumers that were removed. */
export function retireReply(
  reply: unknown,
): Refusal | { readonly status: "OK"; readonly retired: readonly string[] } {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  return { status: "OK", retired: read.values.slice(1).map(String) };
}
