/** Looks for a test for each generated mutant, in the order in which it costs least: vectors, then cases. */
import { loadCases, loadVectors } from "@sluice/conformance";
import type { Bench } from "./bench.js";
import { bundlesWith, bySha1, type Place, type Sources } from "./generate.js";
import { type Find, Hunter, learnCases, learnVectors, type Mutant, onBenches } from "./hunt.js";
import type { Progress } from "./progress.js";
import { telling } from "./reach.js";
import type { GeneratedVerdict } from "./report.js";

export interface Generated {
  readonly sources: Sources;
  readonly places: readonly Place[];
  /** Why each mutant that is held to be unseen is so, by its ID. */
  readonly survivors: ReadonlyMap<string, string>;
  readonly wanted: (place: Place) => boolean;
}

/** How one mutant is looked for on one bench. */
type Look = (bench: Bench, mutant: Mutant, hunter: Hunter) => Promise<Find | undefined>;

export async function huntGenerated(
  benches: readonly Bench[],
  generated: Generated,
  progress: Progress,
): Promise<readonly GeneratedVerdict[]> {
  const { sources, places, survivors, wanted } = generated;
  const [bench] = benches;
  if (bench === undefined) throw new Error("hunt mutants: there is no bench");
  const finds = new Map<number, Find>();
  const reached = new Set<number>();
  const speaking = { scripts: bySha1(sources, telling(sources, places)) };

  const vectors = loadVectors();
  progress.begin("what vectors get to", vectors.length);
  const vectorReach = await learnVectors(bench, vectors, speaking, () => progress.step());
  for (const numbers of vectorReach.values()) for (const number of numbers) reached.add(number);
  const all = [...places.keys()].filter((number) => wanted(placeAt(places, number)));
  progress.begin("generated mutants, by vectors", all.length);
  await eachByFile(benches, generated, all, finds, progress, (on, mutant, hunter) =>
    hunter.byVectors(on, mutant, vectors, vectorReach),
  );

  const left = all.filter((number) => !finds.has(number));
  if (left.length > 0) {
    // Mutants are of the scripts, which a worker calls as a consumer does.
    const cases = await loadCases();
    progress.begin("what cases get to", cases.length);
    const { reach, known } = await learnCases(benches, cases, speaking, () => progress.step());
    for (const numbers of reach.values()) for (const number of numbers) reached.add(number);
    progress.begin("generated mutants, by cases", left.length);
    await eachByFile(benches, generated, left, finds, progress, (on, mutant, hunter) =>
      hunter.byCases(on, mutant, known, reach),
    );
  }
  return all.map((number) => {
    const { id, file, line } = placeAt(places, number);
    return {
      id,
      file: `${file.name}.lua`,
      at: `packages/lua-scripts/${file.path}:${line}`,
      find: finds.get(number),
      reached: reached.has(number),
      reason: survivors.get(id),
    };
  });
}

/** File by file, the largest first; what finds one mutant of a file likely finds others, and each run the same. */
async function eachByFile(
  benches: readonly Bench[],
  { sources, places, survivors }: Generated,
  numbers: readonly number[],
  finds: Map<number, Find>,
  progress: Progress,
  look: Look,
): Promise<void> {
  const files = new Map<string, number[]>();
  for (const number of numbers) {
    const { path } = placeAt(places, number).file;
    files.set(path, [...(files.get(path) ?? []), number]);
  }
  const jobs = [...files.values()].toSorted((a, b) => b.length - a.length);
  await onBenches(benches, jobs, async (bench, ofFile) => {
    const hunter = new Hunter();
    for (const number of ofFile) {
      const place = placeAt(places, number);
      const scripts = bySha1(sources, bundlesWith(sources, place));
      const unseen = survivors.has(place.id);
      const find = await look(bench, { scripts, place: number, unseen }, hunter);
      if (find !== undefined) finds.set(number, find);
      progress.step();
    }
  });
}

function placeAt(places: readonly Place[], number: number): Place {
  const place = places[number];
  if (place === undefined) throw new Error(`hunt the mutant of place ${number}: there are ${places.length}`);
  return place;
}
