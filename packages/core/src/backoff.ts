/**
 * How long to wait before the next attempt: exponential backoff with jitter.
 *
 * The jitter is the "equal jitter" of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog,
 * 2015): half of the delay is fixed, half is random. The "full jitter" of the same article spreads the load a
 * little better but may retry at once, which gains nothing against a service that has just failed.
 */

import { InvalidOptionError } from "./errors.js";
import { knownOptions } from "./options.js";

/** How the delays between attempts grow. */
export interface RetryPolicy {
  /**
   * Shortest delay, in milliseconds: an integer from 0. The first retry waits between this and twice this.
   */
  readonly minDelayMs: number;
  /** Longest delay, in milliseconds: an integer not below `minDelayMs`. */
  readonly maxDelayMs: number;
  /** By how much the delay grows from one attempt to the next: 1 (not at all) to 100. */
  readonly factor: number;
}

/** The policy that holds for what a caller leaves out. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = Object.freeze({
  minDelayMs: 1_000,
  maxDelayMs: 300_000,
  factor: 2,
});

const MAX_FACTOR = 100;

/**
 * The delay before the next attempt, in whole milliseconds.
 *
 * With `ceiling = min(maxDelayMs, 2 · minDelayMs · factor^(attempt − 1))` it is spread evenly over the upper
 * half of the ceiling. So it is never below `minDelayMs`, never above `maxDelayMs`, and never below half of
 * what it can be at this attempt.
 *
 * @param attempt - the attempt that just failed, from 1.
 * @param random - a source of numbers from 0 (included) to 1 (excluded).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  random: () => number = Math.random,
): number {
  const { minDelayMs, maxDelayMs, factor } = policy;
  // The power overflows to Infinity after some hundred attempts, of which the minimum makes maxDelayMs. A
  // minDelayMs of 0 must not meet it: 0 · Infinity is NaN.
  const grown = minDelayMs === 0 ? 0 : 2 * minDelayMs * factor ** (Math.max(1, attempt) - 1);
  const ceilingMs = Math.min(maxDelayMs, grown);
  const floorMs = Math.max(minDelayMs, Math.ceil(ceilingMs / 2));
  return Math.round(floorMs + random() * (ceilingMs - floorMs));
}

/**
 * The option `retry` of a consumer, with what was left out taken from {@link DEFAULT_RETRY_POLICY}. Where
 * only one of the two delays is given, the other one follows it rather than contradicting it.
 *
 * @throws {InvalidOptionError} naming the option and what it has to be.
 */
export function toRetryPolicy(options: Partial<RetryPolicy> | undefined): RetryPolicy {
  if (options === undefined) return DEFAULT_RETRY_POLICY;
  knownOptions("retry", options, ["minDelayMs", "maxDelayMs", "factor"]);
  const fallback = DEFAULT_RETRY_POLICY;
  const minDelayMs = options.minDelayMs ?? Math.min(fallback.minDelayMs, options.maxDelayMs ?? Infinity);
  const maxDelayMs = options.maxDelayMs ?? Math.max(fallback.maxDelayMs, options.minDelayMs ?? 0);
  const factor = options.factor ?? fallback.factor;
  if (!Number.isSafeInteger(minDelayMs) || minDelayMs < 0) {
    refuse("minDelayMs", minDelayMs, "an integer of at least 0");
  }
  if (!Number.isSafeInteger(maxDelayMs) || maxDelayMs < minDelayMs) {
    refuse("maxDelayMs", maxDelayMs, `an integer of at least minDelayMs, ${minDelayMs}`);
  }
  if (typeof factor !== "number" || !(factor >= 1 && factor <= MAX_FACTOR)) {
    refuse("factor", factor, `a number from 1 to ${MAX_FACTOR}`);
  }
  return { minDelayMs, maxDelayMs, factor };
}

function refuse(name: keyof RetryPolicy, value: unknown, wanted: string): never {
  throw new InvalidOptionError({ option: `retry.${name}`, value, wanted });
}
