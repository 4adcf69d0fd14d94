/** What the scripts that act for a consumer share: who asks, and how tokens are made. */

import { type Refusal, valuesOf, verdictsFrom } from "../reply.js";

/** The consumer that a call acts for. */
export interface Member {
  readonly group: string;
  readonly consumer: string;
  /** Which process goes by the consumer's name. */
  readonly incarnation: string;
}

/** A token in its two parts. */
export interface TokenParts {
  /** The entry's. */
  readonly id: string;
  /** What follows it: the same for all that one call leased as first attempts. */
  readonly tail: string;
}

/** The tail of the first attempts that a `lease` records; recovery returns tokens whole. */
export function firstTail(consumer: string, nonce: string, now: number): string {
  return `|${consumer}|1|${nonce}.${now}`;
}

/** The two parts of a token. */
export function partsOf(token: string): TokenParts {
  const id = entryOf(token);
  return { id, tail: token.slice(id.length) };
}

/** The token of its two parts. */
export function tokenOf({ id, tail }: TokenParts): string {
  return id + tail;
}

/** The attempt's number in a token. */
export function attemptOf(token: string): number {
  return Number(token.split("|")[2]);
}

/** The entry's ID in a token. */
export function entryOf(token: string): string {
  return token.slice(0, token.indexOf("|"));
}

/** Milliseconds, or undefined for a script's -1: nothing waits. */
export function dueIn(value: string | number | undefined): number | undefined {
  const ms = Number(value);
  return ms < 0 ? undefined : ms;
}

/** What `lease` and `settle` answer: a word for each item, in the order asked. */
export interface Verdicts<V extends string> {
  /** Milliseconds until the next waiting entry is due; undefined if none waits. */
  readonly nextDueInMs: number | undefined;
  /** The server's clock, in milliseconds since 1970; part of the tokens of a lease (`firstTail`). */
  readonly now: number;
  readonly verdicts: readonly V[];
}

/**
 * Reads such a reply.
 *
 * @param count how many items the call was about
 * @throws UnexpectedReplyError as `verdictsFrom`
 */
export function verdictsIn<V extends string>(
  reply: unknown,
  count: number,
  usual: V,
  exceptions: readonly V[],
): Refusal | (Verdicts<V> & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const { values } = read;
  const verdicts = verdictsFrom(values.slice(3), count, usual, exceptions);
  return { status: "OK", nextDueInMs: dueIn(values[1]), now: Number(values[2]), verdicts };
}
