/** Runs, for each listed mutant, the one test that is to find it. */
import { type Case, loadCases, loadVectors, type Vector } from "@sluice/conformance";
import type { Bench, Breakage } from "./bench.js";
import { byCase, type Find, onBenches } from "./hunt.js";
import type { ListedMutant } from "./listed.js";
import type { Progress } from "./progress.js";
import type { ListedVerdict } from "./report.js";

const UNBROKEN: Breakage = { scripts: new Map() };

type Test = { readonly vector: Vector } | { readonly case: Case; readonly durationMs: number };

/** @throws Error if there is no such test, or if it fails without the mutant */
export async function tryListed(
  benches: readonly Bench[],
  mutants: readonly ListedMutant[],
  progress: Progress,
): Promise<readonly ListedVerdict[]> {
  const names = [...new Set(mutants.map(({ foundBy }) => foundBy))];
  const tests = await testsFor(names);
  progress.begin("their tests, with nothing broken", names.length);
  await onBenches(benches, names, async (bench, name) => {
    await bench.breakBy(UNBROKEN);
    const begun = performance.now();
    const find = await run(bench, testOf(tests, name));
    if (find !== undefined) throw new Error(`find listed mutants by ${name}: it fails already: ${find.how}`);
    tests.set(name, { ...testOf(tests, name), durationMs: performance.now() - begun });
    progress.step();
  });

  const finds = new Map<ListedMutant, Find | undefined>();
  progress.begin("listed mutants", mutants.length);
  await onBenches(benches, mutants, async (bench, mutant) => {
    await bench.breakBy(mutant);
    const find = await run(bench, testOf(tests, mutant.foundBy));
    if (find !== undefined) await bench.closeSuite();
    finds.set(mutant, find);
    progress.step();
  });
  return mutants.map((mutant) => ({ mutant, find: finds.get(mutant) }));
}

async function testsFor(names: readonly string[]): Promise<Map<string, Test>> {
  const vectors = loadVectors();
  // Mutants are of the scripts, which a worker calls as a consumer does.
  const cases = await loadCases();
  return new Map(
    names.map((name): [string, Test] => {
      const vector = vectors.find(({ id }) => id === name);
      if (vector !== undefined) return [name, { vector }];
      const one = cases.find(({ id }) => id === name);
      if (one === undefined)
        throw new Error(`find listed mutants by "${name}": there is no such case or vector`);
      // Until it is known how long it takes, it gets all its time.
      return [name, { case: one, durationMs: one.timeoutMs }];
    }),
  );
}

function testOf(tests: ReadonlyMap<string, Test>, name: string): Test {
  const test = tests.get(name);
  if (test === undefined) throw new Error(`find listed mutants by "${name}": it was not looked up`);
  return test;
}

async function run(bench: Bench, test: Test): Promise<Find | undefined> {
  if ("case" in test) return await byCase(bench, test);
  const how = await bench.vector(test.vector);
  return how === undefined ? undefined : { test: test.vector.id, how };
}
