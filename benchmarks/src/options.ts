/** What the command line says, read and checked before anything is done. */

import { resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError } from "commander";

/** What the user has to change: told in one line, without a stack, and the command ends with status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface BenchmarkOptions {
  /** Rounds that count. */
  readonly runs: number;
  readonly only: string;
  readonly quick: boolean;
  /** Absolute path. */
  readonly json: string | undefined;
  readonly record: boolean;
  readonly redis: string | undefined;
  /** Absolute path of a folder. */
  readonly profile: string | undefined;
}

/** Medians over more rounds are no better, and a run of this length takes hours. */
const MOST_RUNS = 100;
const DEFAULT_RUNS = 7;

const ABOUT = `Measures Sluice and its peers on one server, in rounds in which each takes its turn, and prints medians,
spread and ratios. Works under names of its own and removes what it made.`;

const EPILOGUE = `
Without --redis: the server that REDIS_URL names, else one that is started for
the run. A server that others use meanwhile gives figures that mean nothing.
Exit status: 0 everything was measured, 1 something failed, 2 wrong usage or a
server that does not answer, 130 interrupted.`;

/**
 * @param write where `--help` goes.
 * @returns undefined when help was asked for, and written.
 * @throws {UsageError} naming the option and what is wanted.
 */
export function parseOptions(
  args: readonly string[],
  write: (text: string) => void,
): BenchmarkOptions | undefined {
  const command = describeCommand(write);
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new UsageError(error.message.replace(/^error: /, ""));
  }
  return check(command.opts<RawOptions>());
}

/** As commander hands them over. */
interface RawOptions {
  readonly runs?: number;
  readonly only?: string;
  readonly quick?: true;
  readonly json?: string;
  readonly record?: true;
  readonly redis?: string;
  readonly profile?: string;
}

function describeCommand(write: (text: string) => void): Command {
  return new Command("bench")
    .description(ABOUT)
    .option("--runs <n>", `rounds that count, after one to warm up (default: ${DEFAULT_RUNS})`, parseRuns)
    .option(
      "--only <pattern>",
      'only contenders whose "workload: name" has this in it; * stands for anything',
    )
    .option("--quick", "tiny samples and one round: shows that everything works, and nothing else")
    .option("--json <file>", "write all samples there")
    .option(
      "--record",
      "write docs/internals/benchmarks.md, docs/internals/benchmarks.svg and docs/internals/benchmarks.json",
    )
    .option("--redis <url>", "the server: redis://[user:password@]host:port[/database], or rediss://")
    .option("--profile <folder>", "write a CPU profile of each contender's last sample there")
    .helpOption("--help", "show this")
    .addHelpText("after", EPILOGUE)
    .allowExcessArguments(false)
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .exitOverride();
}

function check(raw: RawOptions): BenchmarkOptions {
  const partial = ["quick", "only", "profile"] as const;
  const conflict = partial.find((name) => raw[name] !== undefined);
  if (raw.record && conflict)
    throw new UsageError(`--record with --${conflict}: wanted a full run, or no record`);
  if (raw.quick && raw.runs !== undefined) throw new UsageError("--quick with --runs: quick is one round");
  if (raw.redis !== undefined) checkUrl(raw.redis);
  return {
    runs: raw.runs ?? (raw.quick ? 1 : DEFAULT_RUNS),
    only: raw.only ?? "",
    quick: raw.quick ?? false,
    json: raw.json === undefined ? undefined : resolve(raw.json),
    record: raw.record ?? false,
    redis: raw.redis,
    profile: raw.profile === undefined ? undefined : resolve(raw.profile),
  };
}

function parseRuns(text: string): number {
  const wanted = Number(text);
  if (/^\d+$/.test(text) && wanted >= 1 && wanted <= MOST_RUNS) return wanted;
  throw new InvalidArgumentError(`Wanted a whole number from 1 to ${MOST_RUNS}.`);
}

function checkUrl(text: string): void {
  const { protocol, host } = URL.canParse(text) ? new URL(text) : { protocol: "", host: "" };
  if (host !== "" && (protocol === "redis:" || protocol === "rediss:")) return;
  // What may be a URL with a password in it is not repeated.
  const quoted = text.includes("@") ? "the URL given" : JSON.stringify(text);
  throw new UsageError(`--redis, ${quoted}: wanted redis://host:port or rediss://host:port`);
}
