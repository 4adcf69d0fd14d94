/** How claims are judged. */
import { describe, expect, test } from "vitest";
import { CLAIMS, type Claim, judge, judgeClaim, tallyOf } from "../src/claims.js";
import { CONSUME, COST, LATENCY, PUBLISH, WORKLOADS } from "../src/names.js";
import { planOf } from "../src/plan/plan.js";
import type { Results } from "../src/results.js";
import { RESULTS, without, withSamples } from "./fixture.js";

const RUNS = RESULTS.runs;

function claimOf(id: string): Claim {
  const claim = CLAIMS.find((one) => one.id === id);
  if (claim === undefined) throw new Error(`find the claim "${id}": there is none`);
  return claim;
}

/** With the same figure in every round. */
function steady(results: Results, claim: Claim, contender: string, figure: number): Results {
  const { metric, workload } = claim;
  return withSamples(results, { workload, contender, metric }, Array(RUNS).fill(figure));
}

describe("the claims", () => {
  test("have ids that the README can link to, each its own", () => {
    const ids = CLAIMS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[1-6][a-z]?$/);
  });

  test.each(CLAIMS)("$id: its goal is not below its floor", ({ direction, floor, goal }) => {
    expect(direction === "atLeast" ? goal >= floor : goal <= floor).toBe(true);
  });

  test.each(CLAIMS)(
    "$id: ratios have peers in each comparison, values have none",
    ({ kind, comparisons }) => {
      expect(comparisons.length).toBeGreaterThan(0);
      for (const { peers } of comparisons) expect(peers.length > 0).toBe(kind === "ratio");
    },
  );

  test.each(CLAIMS)("$id: the plan measures what it compares", ({ workload, metric, comparisons }) => {
    const planned = planOf("", false).find(({ name }) => name === workload);
    const contenders = planned?.contenders.map(({ name }) => name) ?? [];
    for (const name of comparisons.flatMap(({ ours, peers }) => [ours, ...peers])) {
      expect(contenders).toContain(name);
    }
    expect(planned?.metrics ?? []).toContain(metric);
  });
});

describe("a claim of a ratio", () => {
  const claim = claimOf("1a");
  const against = (ours: number, plain: number, autoPipelined: number) => {
    let results = steady(RESULTS, claim, PUBLISH.ours, ours);
    results = steady(results, claim, PUBLISH.rawXadd, plain);
    return steady(results, claim, PUBLISH.rawXaddAutoPipelined, autoPipelined);
  };

  test("is judged by floor and goal, which count as reached when they are met exactly", () => {
    const verdict = (ours: number) => judgeClaim(claim, against(ours, 100, 100)).verdict;
    expect([131, 130, 129, 110, 109].map(verdict)).toEqual(["goal", "goal", "floor", "floor", "short"]);
  });

  test("is judged by the best variant of the peer", () => {
    const { worst } = judgeClaim(claim, against(130, 50, 100));
    expect(worst).toMatchObject({ peer: PUBLISH.rawXaddAutoPipelined, figure: { median: 1.3 } });
    expect(judgeClaim(claim, against(130, 100, 50)).worst.peer).toBe(PUBLISH.rawXadd);
  });

  test("is judged by the variants that were measured", () => {
    const results = without(against(130, 100, 120), WORKLOADS.publish, PUBLISH.rawXaddAutoPipelined);
    expect(judgeClaim(claim, results)).toMatchObject({ verdict: "goal", worst: { peer: PUBLISH.rawXadd } });
  });

  test("is not measured without ours, or without any peer", () => {
    const noPeer = [PUBLISH.rawXadd, PUBLISH.rawXaddAutoPipelined].reduce(
      (results, name) => without(results, WORKLOADS.publish, name),
      RESULTS,
    );
    expect(judgeClaim(claim, noPeer).verdict).toBe("not measured");
    const noneOfOurs = without(RESULTS, WORKLOADS.publish, PUBLISH.ours);
    expect(judgeClaim(claim, noneOfOurs).verdict).toBe("not measured");
  });

  test("of what has to be low is good when it is low", () => {
    const latency = claimOf("3a");
    const verdict = (ours: number) =>
      judgeClaim(latency, steady(steady(RESULTS, latency, LATENCY.raw, 1), latency, LATENCY.ours, ours))
        .verdict;
    expect([1, 1.5, 1.6, 2, 2.1].map(verdict)).toEqual(["goal", "goal", "floor", "floor", "short"]);
  });
});

describe("a claim of a value", () => {
  test("needs no peer", () => {
    const claim = claimOf("4b");
    const verdict = (bytes: number) =>
      judgeClaim(claim, steady(RESULTS, claim, COST.oursProcessedKey, bytes)).verdict;
    expect([90, 100, 100.5].map(verdict)).toEqual(["goal", "goal", "short"]);
  });
});

describe("a claim with several comparisons", () => {
  const claim = claimOf("2c");
  const with64And512 = (at64: number, at512: number) => {
    const results = steady(RESULTS, claim, CONSUME.bullmq, 100);
    return steady(steady(results, claim, CONSUME.ours64, at64), claim, CONSUME.ours512, at512);
  };

  test("is as good as the worst of them", () => {
    expect(judgeClaim(claim, with64And512(700, 500))).toMatchObject({
      ...{ verdict: "floor", worst: { ours: CONSUME.ours512 } },
    });
    expect(judgeClaim(claim, with64And512(650, 700)).worst.ours).toBe(CONSUME.ours64);
  });

  test("is short if one is, although another was not measured", () => {
    const results = without(with64And512(300, 0), WORKLOADS.consume, CONSUME.ours512);
    expect(judgeClaim(claim, results).verdict).toBe("short");
  });

  test("is not measured if one was not and the others hold", () => {
    const results = without(with64And512(700, 0), WORKLOADS.consume, CONSUME.ours512);
    expect(judgeClaim(claim, results).verdict).toBe("not measured");
  });
});

test("every claim gets one verdict, and the tally has them all", () => {
  const judgements = judge(RESULTS);
  expect(judgements.map(({ claim }) => claim)).toEqual(CLAIMS);
  expect(tallyOf(judgements)).toEqual({ goal: 11, floor: 1, short: 1, "not measured": 0 });
  const nothing = tallyOf(judge({ ...RESULTS, measurements: [] }));
  expect(nothing).toEqual({ goal: 0, floor: 0, short: 0, "not measured": CLAIMS.length });
});
