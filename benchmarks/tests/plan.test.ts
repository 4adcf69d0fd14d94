/** What is planned, by the names and sizes that reports and claims go by. */
import { describe, expect, test } from "vitest";
import { COST, GROWTH, WORKLOADS } from "../src/names.js";
import { planOf } from "../src/plan/plan.js";
import { BATCH } from "../src/workloads/in-flight.js";

const full = planOf("", false);
const quick = planOf("", true);
const namesOf = (plan: typeof full) => plan.flatMap(({ contenders }) => contenders.map(({ name }) => name));

describe("the plan", () => {
  test.each([
    ["in full", full],
    ["with --quick", quick],
  ])("has each contender once in its workload, %s", (_, plan) => {
    for (const { name, contenders } of plan) {
      const names = contenders.map((one) => one.name);
      expect(new Set(names).size, name).toBe(names.length);
    }
  });

  test("has every workload that has a name", () => {
    expect(full.map(({ name }) => name).sort()).toEqual(Object.values(WORKLOADS).sort());
  });

  test("has whole batches only, which is how events are published", () => {
    for (const { events, name } of [...full, ...quick].flatMap(({ contenders }) => contenders)) {
      expect(events % BATCH, name).toBe(0);
    }
  });

  test("gives no other size a name that claims have with theirs", () => {
    const sized = [GROWTH.manyProcessedKeys, GROWTH.recovery, COST.oursProcessedKey, COST.oursPublishedKey];
    for (const name of sized) {
      expect(namesOf(full)).toContain(name);
      expect(namesOf(quick)).not.toContain(name);
    }
  });

  test("keeps of contenders only metrics that their workload has", () => {
    for (const { metrics: ofAll, contenders } of full) {
      for (const { metrics = ofAll } of contenders)
        expect(ofAll).toEqual(expect.arrayContaining([...metrics]));
    }
  });

  test("is narrowed by the names in full, whatever they are with --quick", () => {
    const [workload, ...others] = planOf("processed keys*10M", true);
    expect(others).toEqual([]);
    expect(workload?.contenders.map(({ name }) => name)).toEqual(["sluice consumer, 10,000 processed keys"]);
  });
});
