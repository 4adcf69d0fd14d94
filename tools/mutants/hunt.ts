/**
 * Looks, for a mutant, for a test that fails: among script vectors, which take milliseconds, or among conformance
 * cases, through the Node client. Only tests that get to the mutant's place are tried, and first of all those that
 * have found others in the same file.
 */
import type { Case, Vector } from "@sluice/conformance";
import type { Bench, Breakage } from "./bench.js";

/** How many cases run at a time on a bench: mostly they wait. */
const CASES_AT_A_TIME = 3;
/** A case that takes so much longer than with the scripts as they are waits for what will not come. */
const PATIENCE = 5;
const PATIENCE_MS = 3_000;

/** A mutant of one place. */
export interface Mutant extends Breakage {
  /** Its number among the places. */
  readonly place: number;
  /** Whether it is held to change nothing that can be seen: then a case has all its time before it finds it. */
  readonly unseen: boolean;
}

/** A test that fails with a mutant, and how. */
export interface Find {
  readonly test: string;
  readonly how: string;
}

/** A case that passes with nothing broken. */
export interface KnownCase {
  readonly case: Case;
  readonly durationMs: number;
}

/** The numbers of the places that each test gets to, by its ID. */
export type Reach = ReadonlyMap<string, ReadonlySet<number>>;

/** Works through the jobs with as many hands as there are benches. */
export async function onBenches<T>(
  benches: readonly Bench[],
  jobs: readonly T[],
  work: (bench: Bench, job: T) => Promise<void>,
): Promise<void> {
  const left = [...jobs];
  await Promise.all(
    benches.map(async (bench) => {
      for (let job = left.shift(); job !== undefined; job = left.shift()) await work(bench, job);
    }),
  );
}

/**
 * @param telling scripts that only tell where they get to
 * @throws Error if a vector fails with them
 */
export async function learnVectors(
  bench: Bench,
  vectors: readonly Vector[],
  telling: Breakage,
  onDone: () => void,
): Promise<Reach> {
  await bench.breakBy(telling);
  const reach = new Map<string, ReadonlySet<number>>();
  for (const vector of vectors) {
    const failure = await bench.vector(vector);
    if (failure !== undefined)
      throw new Error(`learn what ${vector.id} gets to: it fails already: ${failure}`);
    reach.set(vector.id, bench.log.reached());
    onDone();
  }
  return reach;
}

/**
 * Runs each case with nothing broken; those that are not applicable are left out.
 *
 * @param telling scripts that only tell where they get to
 * @throws Error if a case fails with them
 */
export async function learnCases(
  benches: readonly Bench[],
  cases: readonly Case[],
  telling: Breakage,
  onDone: () => void,
): Promise<{ readonly reach: Reach; readonly known: readonly KnownCase[] }> {
  await Promise.all(benches.map((bench) => bench.breakBy(telling)));
  const reach = new Map<string, ReadonlySet<number>>();
  const durationsMs = new Map<string, number>();
  const failures: string[] = [];
  await onBenches(benches, cases, async (bench, one) => {
    // One at a time on a server: what its log says is this case's.
    let result = await bench.case(one);
    // As below: a busy machine may be all that is wrong.
    if (result.status === "failed") result = await bench.case(one);
    const { status, reason, durationMs } = result;
    reach.set(one.id, bench.log.reached());
    if (status === "passed") durationsMs.set(one.id, durationMs);
    if (status === "failed") failures.push(`${one.id}: ${reason}`);
    onDone();
  });
  if (failures.length > 0)
    throw new Error(`learn what cases get to: these fail already:\n  ${failures.join("\n  ")}`);
  const known = cases.flatMap((one) => {
    const durationMs = durationsMs.get(one.id);
    return durationMs === undefined ? [] : [{ case: one, durationMs }];
  });
  return { reach, known };
}

/** Hunts in one file. */
export class Hunter {
  /** How many mutants each test has found. */
  readonly #finds = new Map<string, number>();

  async byVectors(
    bench: Bench,
    mutant: Mutant,
    vectors: readonly Vector[],
    reach: Reach,
  ): Promise<Find | undefined> {
    await bench.breakBy(mutant);
    for (const vector of this.#likeliest(mutant, vectors, ({ id }) => id, reach)) {
      const how = await bench.vector(vector);
      if (how !== undefined) return this.#found({ test: vector.id, how });
    }
    return undefined;
  }

  async byCases(
    bench: Bench,
    mutant: Mutant,
    cases: readonly KnownCase[],
    reach: Reach,
  ): Promise<Find | undefined> {
    await bench.breakBy(mutant);
    const left = [...this.#likeliest(mutant, cases, (known) => known.case.id, reach).entries()];
    const finds: { readonly at: number; readonly find: Find }[] = [];
    const work = async () => {
      for (let next = left.shift(); next !== undefined && finds.length === 0; next = left.shift()) {
        const [at, known] = next;
        const find = await byCase(bench, known, mutant.unseen);
        if (find !== undefined) finds.push({ at, find });
      }
    };
    await Promise.all(Array.from({ length: CASES_AT_A_TIME }, work));
    // Of those that ran side by side the first in order, not in time: so each run names the same.
    const [first] = finds.sort((a, b) => a.at - b.at);
    if (first === undefined) return undefined;
    // What the broken scripts did to a client is not the next mutant's doing.
    await bench.closeSuite();
    return this.#found(first.find);
  }

  #likeliest<T>(
    { place }: Mutant,
    tests: readonly T[],
    idOf: (test: T) => string,
    reach: Reach,
  ): readonly T[] {
    const relevant = tests.filter((test) => reach.get(idOf(test))?.has(place) ?? false);
    const finds = (test: T): number => this.#finds.get(idOf(test)) ?? 0;
    return relevant.toSorted((a, b) => finds(b) - finds(a));
  }

  #found(find: Find): Find {
    this.#finds.set(find.test, (this.#finds.get(find.test) ?? 0) + 1);
    return find;
  }
}

/**
 * What the case finds on the bench as it is broken; not at once, since a busy machine may be all that is wrong.
 *
 * @param patiently with all its time at the second attempt
 */
export async function byCase(bench: Bench, known: KnownCase, patiently = false): Promise<Find | undefined> {
  const hurried = hurry(known);
  const { status } = await bench.case(hurried);
  if (status !== "failed") return undefined;
  const again = await bench.case(patiently ? known.case : hurried);
  return again.status === "failed" ? { test: known.case.id, how: again.reason ?? "" } : undefined;
}

function hurry({ case: one, durationMs }: KnownCase): Case {
  return { ...one, timeoutMs: Math.min(one.timeoutMs, Math.ceil(durationMs * PATIENCE + PATIENCE_MS)) };
}
