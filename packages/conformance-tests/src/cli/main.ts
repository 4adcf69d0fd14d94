/** What the command does, from its arguments to its exit status. */

import { access, constants, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { TestServerError } from "@sluice/test-server";
import { type Case, RUNTIMES } from "../case.js";
import { loadScenarios, type Scenario } from "../cluster/scenarios.js";
import { messageOf } from "../messages.js";
import { renderFacts } from "../report/facts.js";
import { renderReport } from "../report/formats.js";
import { renderVerdict } from "../report/table.js";
import { tally } from "../report/tally.js";
import { type Colors, colorsFor } from "../report/text.js";
import type { SuiteReport } from "../results.js";
import { killDrivers } from "../runner/driver-process.js";
import { loadCases } from "../runner/load.js";
import { runSuite } from "../runner/suite.js";
import { type FoundRuntimes, findRuntimes } from "../runtimes.js";
import type { Vector } from "../vectors/format.js";
import { loadVectors } from "../vectors/load.js";
import { UsageError } from "./errors.js";
import { watchInterruption } from "./interruption.js";
import { type CliOptions, parseOptions } from "./options.js";
import { showProgress } from "./progress.js";
import { openServer, type ServerInHand } from "./server.js";

/** Colours and progress are for a terminal alone. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What the command has of the world. */
export interface World {
  /** The report, help and the version. */
  readonly stdout: Output;
  /** Everything else: what the probe found, progress, notes, errors, the verdict beside a report that is no table. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What tells SIGINT and SIGTERM: the process. */
  readonly signals: NodeJS.EventEmitter;
  /** The package's own. */
  readonly version: string;
}

export const EXIT = { passed: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Cases whose drivers were killed end at once; this is for a server that does not answer. */
const CLEAN_UP_MS = 5_000;

/** @returns the exit status. */
export async function main(args: readonly string[], world: World): Promise<number> {
  try {
    const { version, env, stdout } = world;
    const options = parseOptions(args, { version, env, write: (text) => stdout.write(text) });
    if (options === undefined) return EXIT.passed;
    return await carryOut(options, world);
  } catch (error) {
    // Anything else is a bug of ours, and needs its stack.
    if (!(error instanceof UsageError || error instanceof TestServerError)) throw error;
    world.stderr.write(`error: ${error.message}\n`);
    return EXIT.usage;
  }
}

async function carryOut(options: CliOptions, world: World): Promise<number> {
  const { stdout, stderr } = world;
  const chosen = await chooseCases(options);
  if (options.list) {
    for (const { id, level, title } of [...chosen.cases, ...chosen.scenarios, ...chosen.vectors])
      stdout.write(`${id}  [${level}]  ${title}\n`);
    return EXIT.passed;
  }
  await checkOutput(options.output);
  const runtimes = await chooseRuntimes(options, world.env);
  const colors = (stream: Output) => colorsFor(stream.isTTY === true && !world.env.NO_COLOR);
  const note = (line: string) => stderr.write(`${line}\n`);
  await using server = await openServer(options, note);
  stderr.write(`${renderFacts(server.facts, runtimes.found, colors(stderr))}\n`);
  const report = await run({ options, chosen, runtimes, server, note }, world);
  if (report === undefined) return EXIT.interrupted;
  await deliver(report, options, stdout, colors(stdout));
  // The table on standard output ends with the verdict itself.
  if (options.report !== "table" || options.output !== undefined)
    stderr.write(`${renderVerdict(report, colors(stderr))}${writtenTo(options.output)}\n`);
  return tally(report.results).failed > 0 ? EXIT.failed : EXIT.passed;
}

interface Chosen {
  readonly cases: readonly Case[];
  readonly vectors: readonly Vector[];
  readonly scenarios: readonly Scenario[];
}

async function chooseCases({ pattern, levels }: CliOptions): Promise<Chosen> {
  const ofLevels = <T extends { readonly level: Case["level"] }>(all: readonly T[]) => {
    return all.filter(({ level }) => levels.includes(level));
  };
  const cases = ofLevels(await loadCases(pattern));
  const vectors = ofLevels(loadVectors(pattern));
  const scenarios = ofLevels(loadScenarios(pattern));
  if (cases.length + vectors.length + scenarios.length > 0) return { cases, vectors, scenarios };
  throw new UsageError(`--case "${pattern}": no case of ${levels.join(", ")} matches; --list shows all`);
}

/** Those asked for have to be there; of the others, those that are. */
async function chooseRuntimes({ runtimes }: CliOptions, env: World["env"]): Promise<FoundRuntimes> {
  const looked = await findRuntimes(runtimes ?? RUNTIMES, { env });
  if (runtimes === undefined) return looked;
  const [missing] = looked.missing;
  if (missing === undefined) return looked;
  throw new UsageError(`--runtime ${missing.name}: ${missing.reason}: wanted one that runs`);
}

/** Better known before a run than after it. */
async function checkOutput(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  await access(dirname(file), constants.W_OK).catch((cause: unknown) => {
    throw new UsageError(`--output "${file}": wanted a file in a folder that can be written to`, { cause });
  });
}

interface Run {
  readonly options: CliOptions;
  readonly chosen: Chosen;
  readonly runtimes: FoundRuntimes;
  readonly server: ServerInHand;
  readonly note: (line: string) => void;
}

/** @returns undefined when it was interrupted: then nothing of the run is left on the server. */
async function run({ options, chosen, runtimes, server, note }: Run, world: World) {
  const { cases, vectors, scenarios } = chosen;
  const expected = (cases.length + scenarios.length) * runtimes.found.length + vectors.length;
  using interruption = watchInterruption(world.signals, note);
  using progress = showProgress(expected, world.stderr);
  const ended = runSuite({
    ...{ server: server.underTest, facts: server.facts, runtimes, cases, vectors, scenarios },
    signal: interruption.signal,
    ...{ allowUsers: options.allowUsers, concurrency: options.concurrency, bail: options.bail },
    onResult: (result) => progress.onResult(result),
  });
  const report = await Promise.race([ended, interruption.over]).catch(async (error: unknown) => {
    await server.removeNames();
    throw new UsageError(`run the suite: ${messageOf(error)}`, { cause: error });
  });
  if (report !== undefined && !interruption.signal.aborted) return report;
  // A driver that still works would write keys behind the removal; without it, its case ends at once.
  await killDrivers();
  await Promise.race([ended, setTimeout(CLEAN_UP_MS, undefined, { ref: false })]).catch(() => {});
  await server.removeNames();
  note("interrupted: removed the keys and users of this run; there is no report");
  return undefined;
}

function writtenTo(output: string | undefined): string {
  return output === undefined ? "" : `; the report is in ${output}`;
}

async function deliver(
  report: SuiteReport,
  { report: format, output }: CliOptions,
  stdout: Output,
  colors: Colors,
): Promise<void> {
  if (output === undefined) stdout.write(renderReport(format, report, colors));
  else await writeFile(output, renderReport(format, report, colorsFor(false)));
}
