import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_RETRY_POLICY, retryDelayMs, toRetryPolicy } from "../src/backoff.js";
import { InvalidOptionError } from "../src/errors.js";

const policies = fc
  .record({
    minDelayMs: fc.integer({ min: 0, max: 100_000 }),
    above: fc.integer({ min: 0, max: 10_000_000 }),
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
  })
  .map(({ minDelayMs, above, factor }) => ({ minDelayMs, maxDelayMs: minDelayMs + above, factor }));
const attempts = fc.integer({ min: 1, max: 2_000 });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the delay before a retry", () => {
  test("is a whole number between the shortest and the longest delay", () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const delayMs = retryDelayMs(policy, attempt, () => random);
        expect(Number.isSafeInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(policy.minDelayMs);
        expect(delayMs).toBeLessThanOrEqual(policy.maxDelayMs);
      }),
    );
  });

  test("is never below half of what it can be", () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const most = retryDelayMs(policy, attempt, () => 1);
        expect(retryDelayMs(policy, attempt, () => random)).toBeGreaterThanOrEqual(most / 2);
      }),
    );
  });

  test("never shrinks from one attempt to the next", () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const delayMs = retryDelayMs(policy, attempt, () => random);
        expect(retryDelayMs(policy, attempt + 1, () => random)).toBeGreaterThanOrEqual(delayMs);
      }),
    );
  });

  test("doubles by default, from one second to five minutes", () => {
    const least = [1, 2, 3, 4, 8, 9, 20].map((attempt) =>
      retryDelayMs(DEFAULT_RETRY_POLICY, attempt, () => 0),
    );
    expect(least).toEqual([1_000, 2_000, 4_000, 8_000, 128_000, 150_000, 150_000]);
    expect(retryDelayMs(DEFAULT_RETRY_POLICY, 1, () => 0.5)).toBe(1_500);
    expect(retryDelayMs(DEFAULT_RETRY_POLICY, 2_000, () => 1)).toBe(300_000);
  });

  test("may be none", () => {
    expect(retryDelayMs({ minDelayMs: 0, maxDelayMs: 0, factor: 2 }, 5_000)).toBe(0);
    expect(retryDelayMs({ minDelayMs: 0, maxDelayMs: 5, factor: 100 }, 5_000)).toBe(0);
  });

  test("differs between consumers that fail together", () => {
    const delays = Array.from({ length: 100 }, () => retryDelayMs(DEFAULT_RETRY_POLICY, 3));
    expect(new Set(delays).size).toBeGreaterThan(80);
  });
});

describe("the option retry", () => {
  test("may leave anything out", () => {
    expect(toRetryPolicy(undefined)).toEqual({ minDelayMs: 1_000, maxDelayMs: 300_000, factor: 2 });
    expect(toRetryPolicy({})).toEqual(DEFAULT_RETRY_POLICY);
    expect(toRetryPolicy({ factor: 1.5 })).toEqual({ ...DEFAULT_RETRY_POLICY, factor: 1.5 });
    expect(toRetryPolicy({ maxDelayMs: 10 })).toEqual({ minDelayMs: 10, maxDelayMs: 10, factor: 2 });
    expect(toRetryPolicy({ minDelayMs: 900_000 })).toEqual({
      minDelayMs: 900_000,
      maxDelayMs: 900_000,
      factor: 2,
    });
  });

  test.each([
    [{ minDelayMs: -1 }, "retry.minDelayMs", /^use -1 as retry.minDelayMs: wanted an integer of at least 0$/],
    [{ minDelayMs: 0.5 }, "retry.minDelayMs", /0\.5/],
    [{ minDelayMs: Number.NaN }, "retry.minDelayMs", /NaN/],
    [{ minDelayMs: "5" }, "retry.minDelayMs", /"5"/],
    [{ maxDelayMs: Number.POSITIVE_INFINITY }, "retry.maxDelayMs", /Infinity/],
    [{ minDelayMs: 10, maxDelayMs: 9 }, "retry.maxDelayMs", /use 9 .* at least minDelayMs, 10$/],
    [{ factor: 0.9 }, "retry.factor", /from 1 to 100$/],
    [{ factor: 101 }, "retry.factor", /101/],
    [{ factor: Number.NaN }, "retry.factor", /NaN/],
    [null, "retry", /null/],
    [5, "retry", /5/],
  ])("refuses %j", (options, option, message) => {
    // Not what the type allows: what a caller without types may pass.
    const run = () => toRetryPolicy(options as never);
    expect(run).toThrow(InvalidOptionError);
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ option }));
  });
});
