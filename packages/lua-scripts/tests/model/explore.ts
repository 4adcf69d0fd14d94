/**
 * Runs many histories, several at a time over one connection, and stops at the first that breaks a promise: that one
 * is made as short as it will go and told step by step.
 */
import { History } from "./history.js";
import type { Link } from "./link.js";
import { type Plan, planOf } from "./plan.js";
import { Violation } from "./violation.js";

/** Histories in flight: enough to keep the server busy while answers are judged. */
const CONCURRENCY = 64;

const TEST_FILE = "packages/lua-scripts/tests/model/model.test.ts";

/** Runs spent on making a failing history shorter. */
const SHORTENING_RUNS = 400;

export interface Exploration {
  readonly seed: number;
  /** Which histories of the seed, in order. */
  readonly indices: Iterable<number>;
  /** What stream names begin with. */
  readonly name: string;
  /** False: hold the scripts to the promises only, without comparing what Redis holds with what was answered. */
  readonly effects: boolean;
  /** Make the first failure shorter; true by default. */
  readonly shorten?: boolean;
}

export interface Explored {
  readonly histories: number;
  readonly steps: number;
  /** How often each answer was given. */
  readonly answers: ReadonlyMap<string, number>;
  /** The first history that broke a promise. */
  readonly failure: Failure | undefined;
}

export interface Failure {
  readonly index: number;
  readonly violation: Violation;
  /** The shortest history found that breaks the same promise, one line a step. */
  readonly told: readonly string[];
}

interface Outcome {
  readonly violation: Violation | undefined;
  readonly told: readonly string[];
}

export async function explore(link: Link, exploration: Exploration): Promise<Explored> {
  const answers = new Map<string, number>();
  const count = (answer: string) => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
  const { shorten: shorter = true } = exploration;
  const indices = exploration.indices[Symbol.iterator]();
  let [histories, steps] = [0, 0];
  let failed: Failure | undefined;

  async function work(): Promise<void> {
    for (let next = indices.next(); !next.done && !failed; next = indices.next()) {
      const index = next.value;
      const outcome = await run(link, exploration, planOf(exploration.seed, index), `${index}`, count);
      histories += 1;
      steps += outcome.told.length;
      if (outcome.violation) failed ??= { index, violation: outcome.violation, told: outcome.told };
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work));

  return {
    histories,
    steps,
    answers,
    failure: failed && shorter ? await shorten(link, exploration, failed) : failed,
  };
}

async function run(
  link: Link,
  { name, effects }: Exploration,
  plan: Plan,
  tag: string,
  count: (answer: string) => void,
): Promise<Outcome> {
  const history = new History(link, plan, { stream: `${name}-${tag}`, effects, count });
  try {
    await history.run();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { violation: error, told: history.told };
  }
  return { violation: undefined, told: history.told };
}

/** Leaves out steps, many and then few, as long as what is left still breaks the same promise. */
async function shorten(link: Link, exploration: Exploration, failed: Failure): Promise<Failure> {
  const { index, violation } = failed;
  let plan = planOf(exploration.seed, index);
  let best = failed;
  let runs = 0;
  for (let size = Math.ceil(plan.steps.length / 2); size >= 1; ) {
    let shorter = false;
    for (let at = 0; at < plan.steps.length && runs < SHORTENING_RUNS; ) {
      const steps = plan.steps.toSpliced(at, size);
      const tried = await run(link, exploration, { ...plan, steps }, `${index}-${runs}`, () => {});
      runs += 1;
      if (tried.violation?.rule === violation.rule) {
        plan = { ...plan, steps };
        best = { index, violation: tried.violation, told: tried.told };
        shorter = true;
      } else {
        at += size;
      }
    }
    if (!shorter || size > 1) size = Math.floor(size / 2);
  }
  return best;
}

/** A failure as people read it, with short names for entries. */
export function tell({ index, violation, told }: Failure, seed: number, histories: number): string {
  const lines = [
    ...told.map((line, n) => `${String(n + 1).padStart(4)}. ${line}`),
    `BREAKS ${violation.message}`,
  ];
  const names = new Map<string, string>();
  const text = lines.join("\n").replaceAll(/\b\d{13}-\d+\b/g, (id) => {
    const name = names.get(id) ?? `e${names.size + 1}`;
    names.set(id, name);
    return name;
  });
  return [
    `history ${index} of seed ${seed} breaks "${violation.rule}" (1 of ${histories} run so far):`,
    text,
    `again: SLUICE_MODEL_SEED=${seed} SLUICE_MODEL_HISTORY=${index} npx vitest run ${TEST_FILE}`,
  ].join("\n");
}
