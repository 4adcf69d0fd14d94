/**
 * The cases about a Cluster that data cannot tell: they kill a master on the way. Each runtime has its results for
 * them as for any case.
 */

import type { TestCluster } from "@sluice/test-server";
import type { Level, RuntimeName } from "../case.js";
import type { CaseResult } from "../results.js";
import { toExpression } from "../runner/load.js";
import type { Runtime } from "../runtimes.js";
import { type FailoverOutcome, runFailover } from "./failover.js";

/** A case in code; told of like one of data. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly level: Level;
  readonly covers: readonly string[];
  /** What was wrong, a line each. */
  readonly complaints: (outcome: FailoverOutcome) => readonly string[];
}

/** Both are shown by one course of events. */
const SCENARIOS: readonly Scenario[] = [
  {
    id: "cluster/failover",
    title: "Clients go on by themselves when a master is killed; what is lost, Redis lost, and nothing else",
    level: "cluster",
    covers: ["cluster.failover"],
    complaints: ({ verdict }) => verdict.complaints,
  },
  {
    id: "cluster/many-tenants",
    title: "300 tenants lie on all masters and are served at the same time, also while one master is down",
    level: "cluster",
    covers: ["cluster.many-tenants"],
    complaints: ({ disturbances }) => disturbances,
  },
];

/** The scenarios whose ID holds the pattern, as `loadCases` takes it. */
export function loadScenarios(pattern = ""): readonly Scenario[] {
  const wanted = toExpression(pattern);
  return SCENARIOS.filter(({ id }) => wanted.test(id));
}

export interface ScenarioOptions {
  readonly scenarios: readonly Scenario[];
  readonly runtimes: readonly Runtime[];
  /** Starts a Cluster with replicas for them alone; without it they are not applicable. */
  readonly startCluster: (() => Promise<TestCluster>) | undefined;
  readonly onResult?: ((result: CaseResult) => void) | undefined;
}

/** Runtimes one after the other, each on a Cluster of its own. Never rejects: what goes wrong is a failed result. */
export async function runScenarios(
  options: ScenarioOptions,
): Promise<{ readonly results: readonly CaseResult[]; readonly notes: readonly string[] }> {
  const { scenarios, runtimes, startCluster, onResult } = options;
  const results: CaseResult[] = [];
  const notes: string[] = [];
  if (scenarios.length === 0) return { results, notes };
  for (const runtime of runtimes) {
    const begun = performance.now();
    const outcome = startCluster === undefined ? undefined : await outcomeOn(startCluster, runtime);
    const durationMs = performance.now() - begun;
    if (outcome !== undefined && !(outcome instanceof Error)) {
      notes.push(`failover, ${runtime.name}: ${outcome.note}`);
    }
    for (const scenario of scenarios) {
      const result = { ...resultOf(scenario, runtime.name, outcome), durationMs };
      results.push(result);
      onResult?.(result);
    }
  }
  return { results, notes };
}

async function outcomeOn(
  startCluster: () => Promise<TestCluster>,
  runtime: Runtime,
): Promise<FailoverOutcome | Error> {
  try {
    await using cluster = await startCluster();
    return await runFailover(cluster, runtime);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function resultOf(
  { id, title, level, complaints }: Scenario,
  place: RuntimeName,
  outcome: FailoverOutcome | Error | undefined,
): Omit<CaseResult, "durationMs"> {
  const about = { id, title, level, place };
  if (outcome === undefined) {
    const reason = "it kills a master, and there is no Cluster that the run started itself";
    return { ...about, status: "notApplicable", reason };
  }
  const lines = outcome instanceof Error ? [outcome.message] : complaints(outcome);
  return lines.length === 0
    ? { ...about, status: "passed" }
    : { ...about, status: "failed", reason: lines.join("\n") };
}
