import { describe, expect, test } from "vitest";
import { schedule } from "../src/schedule.js";

describe("schedule", () => {
  const rounds = schedule(["a", "b", "c"], { runs: 4, warmUp: true });

  test("interleaves: each round has every contender once", () => {
    for (const { order } of rounds) expect([...order].sort()).toEqual(["a", "b", "c"]);
  });

  test("rotates: each round begins one further down than the one before", () => {
    expect(rounds.map(({ order }) => order.join(""))).toEqual(["abc", "bca", "cab", "abc", "bca"]);
  });

  test("throws the first round away, and nothing else", () => {
    expect(rounds.map(({ counts }) => counts)).toEqual([false, true, true, true, true]);
    expect(schedule(["a"], { runs: 2, warmUp: false }).map(({ counts }) => counts)).toEqual([true, true]);
  });

  test("knows its last round", () => {
    expect(rounds.map(({ last }) => last)).toEqual([false, false, false, false, true]);
  });

  test("has rounds without contenders", () => {
    expect(schedule([], { runs: 1, warmUp: false })).toEqual([{ counts: true, last: true, order: [] }]);
  });
});
