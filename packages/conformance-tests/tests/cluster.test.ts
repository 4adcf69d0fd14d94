import { startCluster, type TestCluster } from "@sluice/test-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RUNTIMES } from "../src/case.js";
import { type History, judge } from "../src/cluster/judge.js";
import { loadScenarios, runScenarios } from "../src/cluster/scenarios.js";
import { findRuntimes, loadCases, openSuite, type Suite } from "../src/index.js";

const runtimes = await findRuntimes(RUNTIMES);
const cases = await loadCases("cluster/*");

test("every runtime is there", () => {
  expect(runtimes.missing).toEqual([]);
});

describe("cases about a Cluster, on a Cluster", () => {
  let cluster: TestCluster;
  let suite: Suite;
  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 });
    suite = await openSuite({ server: { url: cluster.url, cluster: true }, runtimes, cases, vectors: [] });
  });
  afterAll(async () => {
    await suite?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  for (const one of cases) {
    test.for(RUNTIMES)(`${one.id} on %s: ${one.title}`, async (runtime, { expect }) => {
      expect(await suite.run(one, runtime)).toMatchObject({ status: "passed" });
    });
  }
});

describe("300 tenants on a Cluster that loses a master", () => {
  test.for(runtimes.found)("are served on by $name", { timeout: 240_000 }, async (runtime, { expect }) => {
    const { results, notes } = await runScenarios({
      scenarios: loadScenarios(),
      runtimes: [runtime],
      startCluster: () => startCluster({ masters: 3, replicas: 1 }),
    });
    process.stderr.write(`${notes.join("\n")}\n`);
    const passed = expect.objectContaining({ status: "passed", place: runtime.name, level: "cluster" });
    expect(results).toEqual([passed, passed]);
  });

  test("are not applicable where there is no Cluster to break, with the reason", async () => {
    const found = runtimes.found.slice(0, 1);
    const { results } = await runScenarios({
      scenarios: loadScenarios("failover"),
      runtimes: found,
      startCluster: undefined,
    });
    expect(results).toMatchObject([
      { status: "notApplicable", reason: expect.stringContaining("it kills a master") },
    ]);
  });

  test("fail, and do not throw, when the Cluster cannot be had", async () => {
    const { results } = await runScenarios({
      scenarios: loadScenarios(),
      runtimes: runtimes.found.slice(0, 1),
      startCluster: () => Promise.reject(new Error("no room")),
    });
    expect(results).toMatchObject([{ status: "failed", reason: "no room" }, { status: "failed" }]);
  });
});

describe("a failover is judged:", () => {
  /** Two tenants, of whom the first one's master is killed at 1,000 and replaced at 5,000. */
  const entries = [
    { id: "1-0", key: "o1" },
    { id: "2-0", key: "o2" },
  ];
  const history: History = {
    struck: new Set(["acme"]),
    killedAt: 1_000,
    takenOverAt: 5_000,
    acknowledged: ["acme", "other"].flatMap((tenant) =>
      entries.map(({ id, key }, index) => ({ tenant, id, key, at: 100 * index })),
    ),
    refused: [],
    attempts: ["acme", "other"].flatMap((tenant) =>
      entries.map(({ key }, index) => ({ tenant, key, at: 100 * index + 50 })),
    ),
    states: ["acme", "other"].map((tenant) => ({ tenant, entries, pending: 0, deadLetters: 0 })),
  };
  const judgeWith = (changes: Partial<History>) => judge({ ...history, ...changes });
  const of = (tenant: string, changes: Partial<History["states"][number]>) => ({
    states: history.states.map((state) => (state.tenant === tenant ? { ...state, ...changes } : state)),
  });

  test("all there and handled is nothing to complain of", () => {
    expect(judge(history)).toMatchObject({
      complaints: [],
      acknowledged: 4,
      present: 4,
      lost: 0,
      handledTwice: 0,
    });
  });

  test("the newest of a killed master may be lost, the older may not", () => {
    const newestGone = judgeWith(of("acme", { entries: entries.slice(0, 1) }));
    expect(newestGone).toMatchObject({ complaints: [], lost: 1, lostAfterHandling: 1 });
    const olderGone = judgeWith(of("acme", { entries: entries.slice(1) }));
    expect(olderGone.complaints).toEqual([
      "acme/o1 (1-0) was acknowledged and is lost, though a later entry of the same stream is there",
    ]);
  });

  test("nothing of another master may be lost, nor of the new one", () => {
    expect(judgeWith(of("other", { entries: entries.slice(0, 1) })).complaints).toEqual([
      "other/o2 (2-0) was acknowledged and is lost, though its master lived on",
    ]);
    const late = { tenant: "acme", key: "o3", id: "3-0", at: 6_000 };
    expect(judgeWith({ acknowledged: [...history.acknowledged, late] }).complaints).toEqual([
      "acme/o3 (3-0) was acknowledged and is lost, though the new master had taken over",
    ]);
  });

  test("an entry under another ID than the one acknowledged, or there twice, is told", () => {
    const twice = [...entries, { id: "9-0", key: "o2" }];
    expect(judgeWith(of("acme", { entries: twice })).complaints).toEqual([
      "acme/o2 is in the stream twice: 2-0 and 9-0",
      "acme/o2 was acknowledged as 2-0 and is 9-0",
    ]);
  });

  test("every entry was handled, nothing is pending and nothing is a dead letter", () => {
    const attempts = history.attempts.filter(({ tenant, key }) => tenant !== "other" || key !== "o2");
    expect(judgeWith({ attempts })).toMatchObject({
      unhandled: 1,
      complaints: ["other/o2 (2-0) is in the stream and was never handled"],
    });
    expect(judgeWith(of("acme", { pending: 2, deadLetters: 1 }))).toMatchObject({
      pending: 2,
      complaints: ["acme has 2 entries pending", "acme has 1 dead letters"],
    });
  });

  test("twice is excused only where the settle can have been lost with the master", () => {
    const again = (tenant: string, at: number) => [...history.attempts, { tenant, key: "o2", at }];
    expect(judgeWith({ attempts: again("acme", 5_500) })).toMatchObject({ handledTwice: 1, complaints: [] });
    expect(judgeWith({ attempts: again("other", 5_500) }).complaints).toEqual([
      "other/o2 was handled 2 times",
    ]);
    const bothLate = history.attempts.map((it) => ({ ...it, at: 6_000 }));
    const attempts = [...bothLate, { tenant: "acme", key: "o2", at: 6_100 }];
    expect(judgeWith({ attempts }).complaints).toEqual(["acme/o2 was handled 2 times"]);
  });

  test("a refused publish that ran all the same is counted, and is to be handled", () => {
    const refused = [{ tenant: "acme", key: "o2", code: "CONNECTION", at: 1_100 }];
    const acknowledged = history.acknowledged.filter(({ tenant, key }) => tenant !== "acme" || key !== "o2");
    expect(judgeWith({ refused, acknowledged })).toMatchObject({
      refused: 1,
      refusedYetPresent: 1,
      complaints: [],
    });
  });
});
