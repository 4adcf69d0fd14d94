/** What a worker found to recover when it came: over all tenants that were there. */
import type { Changes } from "../consumer/changes.js";
import type { PhaseHolder } from "../consumer/phase.js";
import type { Recovery } from "../consumer/recovery.js";
import type { ConsumerStats } from "../consumer/stats.js";
import { ConsumerStoppedError } from "../errors.js";
import { performance } from "../timing.js";
import type { WorkerSettings } from "./settings.js";

export interface FirstLookParts {
  readonly changes: Changes;
  readonly phase: PhaseHolder;
  readonly stats: ConsumerStats;
  readonly settings: WorkerSettings;
}

/**
 * Resolves once `isOver`: all tenants have been looked at, and what was found to recover is recovered.
 *
 * @param startedAt - by performance.now().
 */
export async function firstLook(
  { changes, phase, stats, settings }: FirstLookParts,
  startedAt: number,
  isOver: () => boolean,
): Promise<Recovery> {
  const before = countsOf(stats);
  await changes.until(() => phase.isStopping || isOver());
  if (phase.isStopping) throw phase.error ?? new ConsumerStoppedError(settings);
  const after = countsOf(stats);
  return {
    own: after.own - before.own,
    stale: after.stale - before.stale,
    retried: after.retried - before.retried,
    duplicates: after.duplicates - before.duplicates,
    deadLettered: after.deadLettered - before.deadLettered,
    trimmed: after.trimmed - before.trimmed,
    durationMs: performance.now() - startedAt,
  };
}

function countsOf(stats: ConsumerStats): Omit<Recovery, "durationMs"> {
  const { recoveredOwn, recoveredStale, retried, duplicates, deadLetters, trimmed } = stats;
  return {
    own: recoveredOwn,
    stale: recoveredStale,
    retried,
    duplicates,
    deadLettered: deadLetters,
    trimmed,
  };
}
