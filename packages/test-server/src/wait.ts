/**
 * Awaiting a condition that nothing announces: a port that answers, a cluster that agrees.
 */

import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TestServerError } from "./errors.js";

export interface WaitOptions {
  /** Finishes the sentence "waited for …". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Time between two looks; 20 ms by default. */
  readonly everyMs?: number;
}

/**
 * Looks until `condition` returns something other than `undefined` or `false`, and returns that. A look that
 * throws counts as "not yet"; its error is the cause of the TIMEOUT.
 */
export async function waitUntil<T>(
  condition: () => Promise<T | undefined | false>,
  { what, deadlineMs, everyMs = 20 }: WaitOptions,
): Promise<T> {
  const until = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
      cause = undefined;
    } catch (error) {
      // A deadline inside the condition is final: it has its own text, and looking again would hide it.
      if (error instanceof TestServerError) throw error;
      cause = error;
    }
    await delay(everyMs);
  } while (performance.now() < until);
  const last = cause === undefined ? "" : `, last: ${messageOf(cause)}`;
  throw new TestServerError("TIMEOUT", `waited ${deadlineMs} ms for ${what}: it did not come${last}`, {
    cause,
  });
}
