/** One workload from beginning to end: its contenders are started, take their turns round by round, and are ended. */

import { availableParallelism } from "node:os";
import type { Workload } from "../plan/contender-plan.js";
import type { Measurement } from "../results.js";
import { type Rounds, schedule } from "../schedule.js";
import { Entrant, type EntrantRun } from "./entrant.js";

export interface WorkloadRun extends EntrantRun, Rounds {
  /** A contender has taken its turn, or has none to take; called `turnsOf` times. */
  readonly onTurn: (contender: string) => void;
}

export interface WorkloadResult {
  readonly measurements: readonly Measurement[];
  /** What makes the run a failure: a contender that had to run and did not, or that lost or doubled events. */
  readonly failures: readonly string[];
}

/** The rehearsal, and the rounds. */
export function turnsOf({ contenders }: Workload, rounds: Rounds): number {
  return contenders.length * (1 + schedule(contenders, rounds).length);
}

export async function measureWorkload(workload: Workload, run: WorkloadRun): Promise<WorkloadResult> {
  const entrants = workload.contenders.map((plan) => new Entrant(plan, run));
  try {
    await severalAtATime(entrants, (entrant) => entrant.open());
    for (const entrant of entrants) {
      await entrant.rehearse();
      run.onTurn(entrant.plan.name);
    }
    for (const { counts, last, order } of schedule(entrants, run)) {
      for (const entrant of order) {
        await entrant.turn({ counts, last });
        run.onTurn(entrant.plan.name);
      }
    }
  } finally {
    await Promise.all(entrants.map((entrant) => entrant.close()));
  }
  return {
    measurements: entrants.flatMap((entrant) => entrant.measurements(workload)),
    failures: entrants.flatMap(({ failure }) => failure ?? []),
  };
}

/** Starting a process takes a core for half a second. */
async function severalAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
