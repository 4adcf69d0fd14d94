/**
 * A history before it runs: which steps, and a seed for the choices of each. A step makes its choices from what it
 * meets, so any selection of the steps is a history too; that is how a failing one is made short.
 */
import { Random, seedOf } from "./random.js";

/** How likely each step is. A process does something in most; the rest happens to it, or around it. */
const WEIGHTS = [
  [70, "act"],
  [10, "pass the lease"],
  [7, "fall due"],
  [4, "crash"],
  [3, "start"],
  [4, "publish"],
  [2, "delete settled entries"],
  [1.5, "delete an entry"],
  [3, "destroy the group"],
  [2, "pass a third of the TTL"],
  [1, "clock goes back"],
  [1, "lose the due times"],
  [0.5, "lose the stream"],
] as const;

export type StepKind = (typeof WEIGHTS)[number][1];

export interface Step {
  readonly kind: StepKind;
  readonly seed: number;
}

export interface Plan {
  /** For the settings, the first entries and the end. */
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** The n-th history of a run: 8 to 29 steps. */
export function planOf(seed: number, index: number): Plan {
  const random = new Random(seedOf(seed, index));
  const steps: Step[] = [];
  for (let left = 8 + random.below(22); left > 0; left -= 1) {
    steps.push({ kind: random.weighted(WEIGHTS), seed: random.next() });
  }
  return { seed: random.next(), steps };
}
