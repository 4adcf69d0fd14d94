/** Counts of results, which every form of the report shows in its way. */

import { LEVELS, type Level } from "../case.js";
import type { CaseResult, Place, SuiteReport } from "../results.js";

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
}

export function tally(results: readonly CaseResult[]): Tally {
  const count = (status: CaseResult["status"]) => results.filter((one) => one.status === status).length;
  return { passed: count("passed"), failed: count("failed"), notApplicable: count("notApplicable") };
}

/** The columns of a report: the runtimes in the order of the run, then the script vectors if there are any. */
export function placesOf({ runtimes, results }: SuiteReport): Place[] {
  const seen = new Set<Place>([...runtimes.map(({ name }) => name), ...results.map(({ place }) => place)]);
  // Whatever the order of results.
  return [...seen].sort((a, b) => Number(a === "scripts") - Number(b === "scripts"));
}

/** The rows of a report: the levels that have results. */
export function levelsOf({ results }: SuiteReport): Level[] {
  return LEVELS.filter((level) => results.some((one) => one.level === level));
}

/** `node v20.19.2`, or `scripts`. */
export function placeTitle(place: Place, { runtimes }: SuiteReport): string {
  const version = runtimes.find(({ name }) => name === place)?.version;
  return version === undefined ? place : `${place} ${version}`;
}

export interface NotApplicable {
  readonly reason: string;
  /** Of each case the places where it is not applicable. */
  readonly cases: ReadonlyMap<string, readonly Place[]>;
  /** Results, not cases. */
  readonly count: number;
}

/** Results that are not applicable, by reason, the most frequent first. */
export function notApplicableByReason(results: readonly CaseResult[]): NotApplicable[] {
  const notApplicable = results.filter(({ status }) => status === "notApplicable");
  return [...groupBy(notApplicable, ({ reason = "no reason was given" }) => reason)]
    .map(([reason, those]) => ({
      reason,
      cases: new Map(
        [...groupBy(those, ({ id }) => id)].map(([id, of]) => [id, of.map(({ place }) => place)] as const),
      ),
      count: those.length,
    }))
    .sort((a, b) => b.count - a.count);
}

/** In the order that they came in. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** What all of it came to: a run in which nothing could be run has not passed. */
export function outcomeOf(results: readonly CaseResult[]): CaseResult["status"] {
  const { passed, failed } = tally(results);
  if (failed > 0) return "failed";
  return passed > 0 ? "passed" : "notApplicable";
}

/** `1 failed, 400 passed, 11 not applicable`. */
export function verdictOf(results: readonly CaseResult[]): string {
  const { passed, failed, notApplicable } = tally(results);
  const rest = `${passed} passed${notApplicable === 0 ? "" : `, ${notApplicable} not applicable`}`;
  return failed === 0 ? rest : `${failed} failed, ${rest}`;
}

/** `0.8 s`, `12 s`, `2 min 5 s`. */
export function spanOf(durationMs: number): string {
  const seconds = durationMs / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
