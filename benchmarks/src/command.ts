/** What the command does, from its arguments to its exit status. */

import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TestServerError } from "@sluice/test-server";
import { describeMachine, versionsOf } from "./machine.js";
import { measureWorkload, turnsOf } from "./measure/workload.js";
import { type BenchmarkOptions, parseOptions, UsageError } from "./options.js";
import type { Workload } from "./plan/contender-plan.js";
import { planOf } from "./plan/plan.js";
import { fileNameOf } from "./process/profile.js";
import { Programs } from "./process/programs.js";
import { showProgress } from "./progress.js";
import { renderTable } from "./report/table.js";
import type { Measurement, Results } from "./results.js";
import { BenchmarkServer } from "./server/benchmark-server.js";

/** Colours and a progress bar are for a terminal alone. */
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What the command has of the world. */
export interface World {
  /** The report, and help. */
  readonly stdout: Output;
  /** Everything else: the server, progress, failures. */
  readonly stderr: Output;
  /** Aborted by Ctrl-C: ends everything at once. */
  readonly signal: AbortSignal;
}

export const EXIT = { measured: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** @returns the exit status. */
export async function main(args: readonly string[], world: World): Promise<number> {
  try {
    const options = parseOptions(args, (text) => world.stdout.write(text));
    return options === undefined ? EXIT.measured : await carryOut(options, world);
  } catch (error) {
    if (world.signal.aborted) {
      world.stderr.write("interrupted: what the run had made was removed; there is no report\n");
      return EXIT.interrupted;
    }
    // Anything else is a bug of ours, and needs its stack.
    if (!(error instanceof UsageError || error instanceof TestServerError)) throw error;
    world.stderr.write(`error: ${error.message}\n`);
    return EXIT.usage;
  }
}

async function carryOut(options: BenchmarkOptions, world: World): Promise<number> {
  const workloads = planOf(options.only, options.quick);
  if (workloads.length === 0) {
    throw new UsageError(`--only "${options.only}": no contender is like that; names.ts has their names`);
  }
  await checkOutput(options);
  const { results, failures } = await measure(workloads, options, world);
  const colors = world.stdout.isTTY === true && !process.env.NO_COLOR;
  world.stdout.write(renderTable(results, { colors, claims: !options.quick }));
  for (const failure of failures) world.stderr.write(`failed: ${failure}\n`);
  await deliver(results, failures, options, world);
  return failures.length > 0 ? EXIT.failed : EXIT.measured;
}

/** Better known before a run than after it. */
async function checkOutput({ json }: BenchmarkOptions): Promise<void> {
  if (json === undefined) return;
  await access(dirname(json), constants.W_OK).catch((cause: unknown) => {
    throw new UsageError(`--json "${json}": wanted a file in a folder that can be written to`, { cause });
  });
}

async function deliver(
  results: Results,
  failures: readonly string[],
  options: BenchmarkOptions,
  { stderr }: World,
): Promise<void> {
  if (options.json === undefined && !options.record) return;
  // Loaded when it is wanted: what draws the chart takes a second to load.
  const { record, renderSamples } = await import("./report/record.js");
  if (options.json !== undefined) await writeFile(options.json, renderSamples(results));
  if (!options.record) return;
  if (failures.length === 0) await record(results);
  else stderr.write("not recorded: something failed\n");
}

async function measure(workloads: readonly Workload[], options: BenchmarkOptions, { stderr, signal }: World) {
  const { runs } = options;
  // A quick run shows that everything works; its figures mean nothing either way.
  const warmUp = !options.quick;
  const plans = workloads.flatMap(({ contenders }) => contenders);
  await using programs = await Programs.compile(plans.map(({ program }) => program.module));
  await using server = await BenchmarkServer.open(options.redis, (line) => stderr.write(`${line}\n`));
  stderr.write(`server: ${server.description}\n`);
  const total = workloads.reduce((turns, workload) => turns + turnsOf(workload, { runs, warmUp }), 0);
  using progress = showProgress(total, stderr);
  const measurements: Measurement[] = [];
  const failures: string[] = [];
  for (const workload of workloads) {
    const startedAt = performance.now();
    const onTurn = (contender: string) => progress.turn(workload.name, contender);
    const result = await measureWorkload(workload, {
      ...{ server, programs, runs, warmUp, signal, onTurn },
      profileFolder: await profileFolder(options, workload),
    });
    measurements.push(...result.measurements);
    failures.push(...result.failures);
    progress.finished(workload.name, performance.now() - startedAt);
  }
  const results: Results = {
    recordedAt: new Date().toISOString(),
    machine: describeMachine(),
    versions: versionsOf(server.description),
    runs,
    measurements,
  };
  return { results, failures };
}

/** Contenders have one name in several workloads. */
async function profileFolder({ profile }: BenchmarkOptions, { name }: Workload): Promise<string | undefined> {
  if (profile === undefined) return undefined;
  const folder = join(profile, fileNameOf(name));
  await mkdir(folder, { recursive: true });
  return folder;
}
