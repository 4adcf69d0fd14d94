/** Codec of `beat.lua`. */
import { beatScript } from "../generated/beat.js";
import { keysOf, type PeerKeys } from "../keys.js";
import { type Refusal, UnexpectedReplyError, valuesOf } from "../reply.js";
import type { Arg, ScriptCall } from "../script.js";

export interface BeatInput {
  readonly worker: string;
  /** Ask for tenants that need help. */
  readonly spare: boolean;
  /** Tenants that need help, to be named again at least each `HELP_MS`. Together with `helped` at most 1,000. */
  readonly needHelp: readonly string[];
  /** Tenants that need none any more. */
  readonly helped: readonly string[];
}

export interface BeatReply {
  /** The server's clock, in milliseconds since 1970. */
  readonly now: number;
  /** When the group's first worker came, in milliseconds since 1970; undefined if none ever did. */
  readonly born: number | undefined;
  /** Names of the live workers: after a beat the caller's own too. */
  readonly workers: readonly string[];
  /** Tenants for which others need help, at most `MAX_HELP`; none unless `spare` asked for them. */
  readonly needHelp: readonly string[];
}

/** A sign of life. */
export function beatCall(keys: PeerKeys, input: BeatInput): ScriptCall {
  const args: Arg[] = [input.worker, "BEAT", input.spare ? 1 : 0];
  for (const tenant of input.needHelp) args.push(tenant, 1);
  for (const tenant of input.helped) args.push(tenant, 0);
  return { script: beatScript, keys: keysOf(beatScript, keys), args };
}

/** The last one, of a worker that stops. `helped`: the tenants for which it asked for help. */
export function leaveCall(
  keys: PeerKeys,
  { worker, helped }: Pick<BeatInput, "worker" | "helped">,
): ScriptCall {
  const args: Arg[] = [worker, "LEAVE", 0];
  for (const tenant of helped) args.push(tenant, 0);
  return { script: beatScript, keys: keysOf(beatScript, keys), args };
}

/** Of a beat and of a leave. */
export function beatReply(reply: unknown): Refusal | (BeatReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const [, now, born, count, ...names] = read.values;
  if (!Number.isInteger(count) || Number(count) > names.length) {
    throw new UnexpectedReplyError(`reply of a script: ${names.length} names: wanted ${count} workers first`);
  }
  const texts = names.map(String);
  return {
    status: "OK",
    now: Number(now),
    born: Number(born) < 0 ? undefined : Number(born),
    workers: texts.slice(0, Number(count)),
    needHelp: texts.slice(Number(count)),
  };
}
