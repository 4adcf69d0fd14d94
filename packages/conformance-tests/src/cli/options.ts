/** What the command line says, read and checked before anything is done. */

import { resolve } from "node:path";
import { type ServerVersion, serverVersions } from "@sluice/test-server";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { LEVELS, type Level, RUNTIMES, type RuntimeName } from "../case.js";
import { REPORT_FORMATS, type ReportFormat } from "../report/formats.js";
import { UsageError } from "./errors.js";

/** More at a time only makes the machine slow. */
const MOST_CONCURRENCY = 64;

/** A server of the user's, and the name under which it was given. */
export interface GivenServer {
  readonly url: string;
  readonly from: "--redis" | "REDIS_URL";
  /** The name that Sentinels know the master by; then `url` is that of a Sentinel. */
  readonly sentinel?: string | undefined;
}

/** A server to start for the run. */
export interface WantedServer {
  readonly source: "auto" | "path" | "debian" | "docker" | `docker:${string}`;
  readonly version?: ServerVersion | undefined;
}

export interface CliOptions {
  readonly server: { readonly given: GivenServer } | { readonly wanted: WantedServer };
  readonly cluster: boolean;
  /** Those asked for by name, which have to be there; otherwise all that are found are used. */
  readonly runtimes: readonly RuntimeName[] | undefined;
  readonly pattern: string;
  readonly levels: readonly Level[];
  readonly report: ReportFormat;
  /** Absolute path; standard output if there is none. */
  readonly output: string | undefined;
  readonly allowUsers: boolean;
  readonly list: boolean;
  readonly bail: boolean;
  readonly concurrency: number | undefined;
}

export interface ParseContext {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `--help` and `--version` go. */
  readonly write: (text: string) => void;
}

/**
 * @returns undefined when help or the version was asked for, and written.
 * @throws {UsageError} naming the option and what is wanted.
 */
export function parseOptions(args: readonly string[], context: ParseContext): CliOptions | undefined {
  const command = describeCommand(context);
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new UsageError(error.message.replace(/^error: /, ""));
  }
  return check(command.opts<RawOptions>(), context.env);
}

/** As commander hands them over: the parsers below have run. */
interface RawOptions {
  readonly redis?: string;
  readonly cluster?: true;
  readonly sentinel?: string;
  readonly server?: WantedServer;
  readonly runtime?: readonly RuntimeName[];
  readonly case?: string;
  readonly level?: readonly Level[];
  readonly report: ReportFormat;
  readonly output?: string;
  readonly allowUsers?: true;
  readonly list?: true;
  readonly bail?: true;
  readonly concurrency?: number;
}

const ABOUT = `Checks Sluice's clients, and the Redis or Valkey they are to run on, against the same promises.
Works under names of its own, changes no setting of a server that it did not start, and removes what it made.`;

const EPILOGUE = `
Without --redis and --server: the server that REDIS_URL names, else one that is
started for the run.
Exit status: 0 nothing failed, 1 something failed, 2 wrong usage, a runtime that
is missing or a server that does not answer, 130 interrupted.`;

function describeCommand({ version, write }: ParseContext): Command {
  const versions = serverVersions.join(", ");
  return new Command("sluice-conformance")
    .description(ABOUT)
    .option("--redis <url>", "the server: redis://[user:password@]host:port[/database], or rediss://")
    .option("--cluster", "the server is a Cluster; without a server: start one")
    .option("--sentinel <name>", "the URL is of a Sentinel; the name of its master")
    .option(
      "--server <which>",
      `start one: auto, path, debian, docker, docker:IMAGE, ${versions}`,
      parseServer,
    )
    .option("--runtime <names>", `of ${RUNTIMES.join(",")}; default: those found`, listOf(RUNTIMES))
    .option("--case <pattern>", "only cases whose ID contains this; * stands for anything")
    .option("--level <names>", `only of ${LEVELS.join(",")}`, listOf(LEVELS))
    .addOption(new Option("--report <form>", "form of the report").choices(REPORT_FORMATS).default("table"))
    .option("--output <file>", "where the report is written; default: standard output")
    .option("--allow-users", "let cases create users on the server, and delete them")
    .option("--list", "list the cases and end")
    .option("--bail", "start no further case after the first failure")
    .option("--concurrency <n>", "cases that run at the same time", parseConcurrency)
    .version(version, "--version")
    .addHelpText("after", EPILOGUE)
    .helpOption("--help", "show this")
    .allowExcessArguments(false)
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .exitOverride();
}

function check(raw: RawOptions, env: ParseContext["env"]): CliOptions {
  if (raw.redis !== undefined && raw.server !== undefined) {
    throw new UsageError("--redis and --server: wanted one of them, a server that is there or one to start");
  }
  const url = raw.redis ?? (raw.server === undefined ? env.REDIS_URL : undefined);
  const from = raw.redis === undefined ? "REDIS_URL" : "--redis";
  if (raw.sentinel !== undefined && (!url || raw.cluster)) {
    throw new UsageError("--sentinel: wanted with --redis and the URL of a Sentinel, and without --cluster");
  }
  if (url) checkUrl(url, from);
  if (raw.cluster && raw.server?.source.startsWith("docker")) {
    throw new UsageError("--server docker with --cluster: a Cluster is started from auto, path or debian");
  }
  return {
    server: url
      ? { given: { url, from, sentinel: raw.sentinel } }
      : { wanted: raw.server ?? { source: "auto" } },
    cluster: raw.cluster ?? false,
    runtimes: raw.runtime,
    pattern: raw.case ?? "",
    levels: raw.level ?? LEVELS,
    report: raw.report,
    output: raw.output === undefined ? undefined : resolve(raw.output),
    allowUsers: raw.allowUsers ?? false,
    list: raw.list ?? false,
    bail: raw.bail ?? false,
    concurrency: raw.concurrency,
  };
}

function checkUrl(text: string, from: string): void {
  const { protocol, host } = URL.canParse(text) ? new URL(text) : { protocol: "", host: "" };
  if (host !== "" && (protocol === "redis:" || protocol === "rediss:")) return;
  // What may be a URL with a password in it is not repeated.
  const quoted = text.includes("@") ? "the URL given" : JSON.stringify(text);
  throw new UsageError(`${from}, ${quoted}: wanted redis://host:port or rediss://host:port`);
}

function parseServer(text: string): WantedServer {
  const version = serverVersions.find((one) => one === text);
  if (version !== undefined) return { source: "auto", version };
  if (text === "auto" || text === "path" || text === "debian" || text === "docker") return { source: text };
  const [kind, ...image] = text.split(":");
  if (kind === "docker" && image.join(":") !== "") return { source: `docker:${image.join(":")}` };
  const known = ["auto", "path", "debian", "docker", "docker:IMAGE", ...serverVersions];
  throw new InvalidArgumentError(`Wanted one of ${known.join(", ")}.`);
}

/** Some of `known`, separated by commas, in the order of `known`. */
function listOf<T extends string>(known: readonly T[]): (text: string) => readonly T[] {
  return (text) => {
    const asked = text.split(",").map((name) => name.trim());
    const unknown = asked.find((name) => !known.some((one) => one === name));
    if (unknown !== undefined) {
      throw new InvalidArgumentError(`"${unknown}" is none of ${known.join(", ")}, separated by commas.`);
    }
    return known.filter((one) => asked.includes(one));
  };
}

function parseConcurrency(text: string): number {
  const wanted = Number(text);
  if (/^\d+$/.test(text) && wanted >= 1 && wanted <= MOST_CONCURRENCY) return wanted;
  throw new InvalidArgumentError(`Wanted a whole number from 1 to ${MOST_CONCURRENCY}.`);
}
