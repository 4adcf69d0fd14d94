/**
 * What a process records of what it may have begun, as `recover` of any process reads it (`includes/begun.lua`): a token
 * alone is a grant, and only a run that may have begun counts as an attempt when its process dies.
 *
 * A client writes it by HSET to the group's `state`, at the latest before it begins anything of a reply that leased
 * something, and takes it away by HDEL once it has given back what it had. It may count calls ahead, as ours does, if it
 * names those whose reply is late.
 */
import type { Member } from "./scripts/member.js";

export interface Begun {
  /** Calls up to this number count as begun. */
  readonly high: number;
  /** Numbers up to there of calls that do not: their reply has not come, or their entries will not be begun. */
  readonly unheard: Iterable<number>;
  /** The ID of the suspect that the consumer runs; `-` while another consumer of the process runs one; else empty. */
  readonly suspect: string;
}

/** The nonce of the process's nth call that leases. */
export function nonceOf(incarnation: string, n: number): string {
  return `${incarnation}_${n}`;
}

/** The field of `state` that holds the process's record. */
export function begunField({ consumer, incarnation }: Pick<Member, "consumer" | "incarnation">): string {
  return `begun:${consumer}/${incarnation}`;
}

/** What it holds. */
export function begunValue({ high, unheard, suspect }: Begun): string {
  return `${high};${[...unheard].filter((n) => n < high).join(",")};${suspect}`;
}
