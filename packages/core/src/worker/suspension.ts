/** What follows from an error that concerns one tenant: it is left alone for a while, and the others go on. */
import { isRetryable } from "../errors.js";
import { jittered } from "../timing.js";

/** Bounds of the pause after an error that only a person can put right, in milliseconds. */
const SUSPENDED_MS = { min: 1_000, max: 60_000 };
/** The same after one that goes away by itself. */
const TROUBLE_MS = { min: 50, max: 2_000 };

export interface Suspension {
  readonly error: unknown;
  /** Whether it goes away by itself. */
  readonly isTrouble: boolean;
  readonly delayMs: number;
  /** By performance.now(): when to try again. */
  readonly until: number;
}

/**
 * @param before - the suspension under which the call was tried again that has failed now.
 * @param goesAway - it goes away by itself, whatever the error says of that.
 */
export function suspend(
  error: unknown,
  before: Suspension | undefined,
  now: number,
  goesAway: boolean,
): Suspension {
  const isTrouble = goesAway || isRetryable(error);
  const { min, max } = isTrouble ? TROUBLE_MS : SUSPENDED_MS;
  const longer = before?.isTrouble === isTrouble ? before.delayMs * 2 : min;
  const delayMs = Math.min(max, longer);
  return { error, isTrouble, delayMs, until: now + jittered(delayMs) };
}
