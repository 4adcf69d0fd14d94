/** One step as the judge sees it: what there was, what the scripts answered, and what there is now. */
import type { Ledger } from "./ledger.js";
import type { Observation, Pending } from "./observation.js";

/** What a step should have left, built from what was there and what was answered. */
export class Expected {
  readonly pending: Map<string, Pending>;
  readonly waiting: Map<string, number>;
  /** Fields of new entries, in order. */
  readonly entries: (readonly string[])[] = [];
  readonly letters: { entryId: string; reason: string; attempts: number }[] = [];

  constructor(before: Observation) {
    this.pending = new Map(before.pending);
    this.waiting = new Map(before.waiting);
  }

  acknowledge(id: string): void {
    this.pending.delete(id);
    this.waiting.delete(id);
  }
}

export interface Settings {
  readonly idempotencyTtlMs: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
}

export interface Scene {
  readonly settings: Settings;
  /** The publish window of emitted events; 0 for none. */
  readonly windowMs: number;
  readonly ledger: Ledger;
  readonly before: Observation;
  readonly after: Observation;
  readonly expected: Expected;
  /** Notes that an answer was given. */
  readonly count: (answer: string) => void;
}
