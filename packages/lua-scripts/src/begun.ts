/**
 * What a process records of what it may have begun, as `recover` of any process reads it (`includes/begun.lua`): a token
 * alone is a grant, and only a run that may have begun counts as an attempt when its process dies.
 *
 * A client writes it by HSET to the group's `state`, before it begins anything of a reply that leased something, and
 * takes it away by HDEL once it has given back what it had.
 */
import type { Member } from "./scripts/member.js";

export interface Begun {
  /** The greatest number of a call whose reply the process has had. */
  readonly high: number;
  /** Numbers below it of calls whose reply it has not had, or whose entries it will not begin. */
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
