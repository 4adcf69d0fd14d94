/** What the scripts that act for a consumer share: who asks, and how tokens are made. */

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
