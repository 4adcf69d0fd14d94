/** Codec of `enroll.lua`. */
import { enrollScript } from "../generated/enroll.js";
import { keysOf, type RegistryKeys } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

/** `tenants`: 1 to 1,000. */
export function enrollCall(keys: RegistryKeys, tenants: readonly string[]): ScriptCall {
  return { script: enrollScript, keys: keysOf(enrollScript, keys), args: tenants };
}

/** How many of the tenants were not in the registry before. */
export function enrollReply(reply: unknown): Refusal | { readonly status: "OK"; readonly added: number } {
  const read = valuesOf(reply);
  return "refusal" in read ? read.refusal : { status: "OK", added: Number(read.values[1]) };
}
