/**
 * When a worker that only tells of each job has done all: the queue is empty, and each job that this process has begun
 * is completed. Another process may have had the last one, so counting alone does not tell.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs, type Outcome } from "../../contender.js";

/** The queue is looked at this often. The time counts up to the last completion, and not to the look after it. */
const LOOK_EVERY_MS = 20;

export class Completion {
  private begun = 0;
  private completed = 0;
  private endedAtMs = 0;

  begin(): void {
    this.begun += 1;
  }

  complete(): void {
    this.completed += 1;
    this.endedAtMs = monotonicMs();
  }

  /** Resolves when `isEmpty` says that nothing waits and nothing is being handled, by whomever. */
  async outcome(isEmpty: () => Promise<boolean>): Promise<Outcome> {
    while (!(await isEmpty()) || this.completed < this.begun) await sleep(LOOK_EVERY_MS);
    const { completed: events, endedAtMs } = this;
    return events === 0 ? { events } : { events, endedAtMs };
  }
}
