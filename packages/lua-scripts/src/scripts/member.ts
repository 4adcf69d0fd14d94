/** What the scripts that act for a consumer share: who asks, and how tokens are made. */

import { type Refusal, valuesOf } from "../reply.js";

/** The consumer that a call acts for. */
export interface Member {
  readonly group: string;
  readonly consumer: string;
  /** Which process goes by the consumer's name. */
  readonly incarnation: string;
}

/** The token of a first attempt, as `lease` records it; recovery returns tokens whole. */
export function firstToken(entryId: string, consumer: string, nonce: string, now: number): string {
  return `${entryId}|${consumer}|1|${nonce}.${now}`;
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
  /** The server's clock, in milliseconds since 1970; part of the tokens of a lease (`firstToken`). */
  readonly now: number;
  readonly verdicts: readonly V[];
}

/** Reads such a reply. `V` are the words that the script answers with. */
export function verdictsIn<V extends string>(
  reply: unknown,
): Refusal | (Verdicts<V> & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const [, nextDue, now, ...verdicts] = read.values;
  return {
    status: "OK",
    nextDueInMs: dueIn(nextDue),
    now: Number(now),
    verdicts: verdicts as readonly string[] as readonly V[], // the script answers with these words only
  };
}
