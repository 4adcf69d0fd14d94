/**
 * Breaks the scripts on purpose, and names for each mutant the test that finds it.
 *
 *     npm run mutants                      all; writes docs/internals/mutants.md if it is as it should be
 *     npm run mutants -- --listed          the listed ones only
 *     npm run mutants -- --only PATTERN    those whose name or ID contains it, with `*` for anything
 *
 * Exit status 0 if every mutant was found or is known to change nothing, 1 if not.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findRuntimes } from "@sluice/conformance";
import { toExpression } from "../../packages/conformance-tests/src/runner/load.js";
import { Bench } from "./bench.js";
import { type Place, placesIn, readSources } from "./generate.js";
import { huntGenerated } from "./hunt-generated.js";
import { LISTED } from "./listed.js";
import { Progress } from "./progress.js";
import { pageOf, problemsOf, tableOf } from "./report.js";
import { readSurvivors } from "./survivors.js";
import { tryListed } from "./try-listed.js";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = join(REPOSITORY, "docs/internals/mutants.md");
/** One per core of the smallest machine that runs this: a server, and clients that mostly wait. */
const BENCHES = 2;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: "string" }, listed: { type: "boolean" } } });
  const wanted = toExpression(values.only ?? "");
  const whole = values.only === undefined && values.listed !== true;
  const sources = readSources(join(REPOSITORY, "packages/lua-scripts"));
  const places = placesIn(sources);
  const survivors = readSurvivors();
  for (const id of survivors.keys()) {
    if (!places.some((place) => place.id === id))
      throw new Error(`read survivors.yaml: there is no mutant "${id}"`);
  }
  const progress = new Progress();
  const benches = await startBenches();
  try {
    const listed = await tryListed(
      benches,
      LISTED.filter(({ name }) => wanted.test(name)),
      progress,
    );
    const generated = { sources, places, survivors, wanted: ({ id }: Place) => wanted.test(id) };
    const outcome = {
      listed,
      generated: values.listed ? [] : await huntGenerated(benches, generated, progress),
    };
    progress.end();
    console.log(tableOf(outcome));
    const problems = problemsOf(outcome);
    for (const problem of problems) console.log(problem);
    if (problems.length === 0 && whole)
      writeFileSync(PAGE, pageOf(outcome, benches[0]?.product ?? "no server"));
    return problems.length === 0 ? 0 : 1;
  } finally {
    progress.end();
    await Promise.all(benches.map((bench) => bench[Symbol.asyncDispose]()));
  }
}

async function startBenches(): Promise<readonly Bench[]> {
  const runtimes = await findRuntimes(["node"]);
  const started = await Promise.allSettled(Array.from({ length: BENCHES }, () => Bench.start(runtimes)));
  const benches = started.flatMap((it) => (it.status === "fulfilled" ? [it.value] : []));
  const failed = started.find((it) => it.status === "rejected");
  if (failed === undefined) return benches;
  await Promise.all(benches.map((bench) => bench[Symbol.asyncDispose]()));
  throw failed.reason;
}

process.exitCode = await main();
