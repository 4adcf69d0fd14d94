/** What `runOnce` takes, and what it reports. */
import { integerOption, knownOptions } from "../options.js";
import type { ConsumerStats } from "./stats.js";

export interface RunOnceOptions {
  /** Events to handle at most, 1 to 1,000,000; 1,000 unless given. */
  readonly max?: number;
  /** How long to wait if there is nothing to do, in milliseconds, 0 to 60,000; 0 unless given. */
  readonly blockMs?: number;
}

/** What one `runOnce` did, in events. */
export interface RunOnceReport {
  readonly handled: number;
  readonly skipped: number;
  readonly retried: number;
  readonly deadLettered: number;
}

/** @throws {InvalidOptionError} naming the option. */
export function runOnceOptions(options: RunOnceOptions): Required<RunOnceOptions> {
  knownOptions("the options of runOnce", options, ["max", "blockMs"]);
  return {
    max: integerOption("max", options.max, 1_000, 1, 1_000_000),
    blockMs: integerOption("blockMs", options.blockMs, 0, 0, 60_000),
  };
}

/** What became of events so far, by the numbers of a consumer. */
export function outcomesOf(stats: ConsumerStats): RunOnceReport {
  const { handled, duplicates, unhandled, otherGroup, retries, deadLetters } = stats;
  const skipped = duplicates + unhandled + otherGroup;
  return { handled, skipped, retried: retries, deadLettered: deadLetters };
}

export function reportOf(before: RunOnceReport, after: RunOnceReport): RunOnceReport {
  return {
    handled: after.handled - before.handled,
    skipped: after.skipped - before.skipped,
    retried: after.retried - before.retried,
    deadLettered: after.deadLettered - before.deadLettered,
  };
}

/** Whether anything came of any event in between. */
export function isMore(before: RunOnceReport, after: RunOnceReport): boolean {
  return Object.values(reportOf(before, after)).some((count) => count > 0);
}
