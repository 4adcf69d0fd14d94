/** What the scripts that act for a consumer share: who asks, and how tokens are made. */

import { type Refusal, UnexpectedReplyError, valuesOf } from "../reply.js";

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

/**
 * Reads such a reply. It names only what is not `usual`: a word for each item takes a client half a microsecond to
 * decode, an eighth of what the server takes to judge it.
 *
 * @param count how many items the call was about
 * @throws UnexpectedReplyError for positions that do not ascend from 1 to `count`, and for words that are none of these
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
  const verdicts = new Array<V>(count).fill(usual);
  let last = 0;
  for (let at = 3; at < values.length; at += 2) {
    const position = Number(values[at]);
    const verdict = exceptions.find((word) => word === values[at + 1]);
    const ascends = Number.isInteger(position) && position > last && position <= count;
    if (!ascends || verdict === undefined) {
      throw new UnexpectedReplyError(
        `reply of a script: ${JSON.stringify(values.slice(3))}: wanted positions that ascend from 1 to ${count}, ` +
          `each with ${exceptions.join(" | ")}`,
      );
    }
    verdicts[position - 1] = verdict;
    last = position;
  }
  return { status: "OK", nextDueInMs: dueIn(values[1]), now: Number(values[2]), verdicts };
}
