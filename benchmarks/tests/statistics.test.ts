/** What samples come to. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { median, pairedRatio, quantile, quartiles, summarize } from "../src/statistics.js";

describe("medians and quartiles", () => {
  test("lie between the two nearest values where none is in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quartiles([1, 2, 3, 4])).toEqual({ q1: 1.75, q3: 3.25 });
    expect(quartiles([1, 2, 3, 4, 5, 6, 7])).toEqual({ q1: 2.5, q3: 5.5 });
    expect(quantile([10, 20], 0.1)).toBeCloseTo(11);
  });

  test("of one value are that value", () => {
    expect(summarize([7])).toEqual({ median: 7, q1: 7, q3: 7, min: 7, max: 7 });
  });

  test("leave the samples in their order, which pairs them with those of others", () => {
    const samples = [3, 1, 2];
    summarize(samples);
    expect(samples).toEqual([3, 1, 2]);
  });

  test("of nothing are an error, and a summary of nothing is none", () => {
    expect(() => median([])).toThrow(RangeError);
    expect(summarize([])).toBeUndefined();
  });

  test("are not made up where a sample is no number", () => {
    expect(summarize([1, Number.NaN, 3])).toBeUndefined();
    expect(summarize([1, Number.POSITIVE_INFINITY])).toBeUndefined();
  });

  test("are ordered, whatever the samples", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 });
    fc.assert(
      fc.property(values, (samples) => {
        const summary = summarize(samples);
        const found = summary && [summary.min, summary.q1, summary.median, summary.q3, summary.max];
        expect(found).toEqual([...(found ?? [])].sort((a, b) => a - b));
      }),
    );
  });
});

describe("a ratio", () => {
  test("is taken round by round, so that a slow round is slow for both", () => {
    expect(pairedRatio([100, 50, 200], [50, 25, 100])).toEqual({ median: 2, q1: 2, q3: 2, min: 2, max: 2 });
  });

  test("is the median of ratios, not the ratio of medians", () => {
    // Medians of 20 and 10 would make it 2.
    expect(pairedRatio([10, 20, 30], [10, 5, 30])?.median).toBe(1);
  });

  test("is none where rounds are missing, or the peer has 0", () => {
    expect(pairedRatio([1, 2], [1])).toBeUndefined();
    expect(pairedRatio([1], [1, 2])).toBeUndefined();
    expect(pairedRatio([], [])).toBeUndefined();
    expect(pairedRatio([1, 2], [1, 0])).toBeUndefined();
    expect(pairedRatio([0], [0])).toBeUndefined();
  });
});
