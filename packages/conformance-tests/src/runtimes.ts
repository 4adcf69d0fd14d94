/**
 * Which runtimes this machine has, and how a driver is started on each with no more permissions than it needs.
 * What a driver then says and hears is in `runner/`.
 */

import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findOnPath } from "@sluice/test-server";
import type { RuntimeName } from "./case.js";
import type { RuntimeFacts } from "./results.js";

const run = promisify(execFile);

/** How long a runtime may take to say its version: a first start on a cold cache is one of seconds. */
const ANSWER_DEADLINE_MS = 20_000;

export interface Runtime extends RuntimeFacts {
  /** The runtime's own executable. */
  readonly file: string;
  /**
   * How a driver is started.
   *
   * @param driver absolute path of the file
   * @param allowedAddresses `HOST:PORT` of every server that the driver may talk to; IPv6 in brackets. Deno
   *   holds it to them, the others have no such limits.
   */
  command(driver: string, allowedAddresses: readonly string[]): RuntimeCommand;
}

export interface RuntimeCommand {
  readonly file: string;
  readonly args: readonly string[];
}

export interface MissingRuntime {
  readonly name: RuntimeName;
  /** For people: where it was looked for, or what is wrong with what was found. */
  readonly reason: string;
}

export interface FoundRuntimes {
  /** In the order asked for. */
  readonly found: readonly Runtime[];
  readonly missing: readonly MissingRuntime[];
}

export interface FindRuntimesOptions {
  /** `PATH` is read from it; the process's own by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where npm packages that bring a runtime are looked for; the working folder by default. */
  readonly folder?: string;
}

interface RuntimeKind {
  /** The oldest major version that has what drivers and `command` need. */
  readonly oldestMajor: number;
  /** The arguments that make it run a line of JavaScript. */
  readonly evaluate: readonly string[];
  /** JavaScript for its version, and for the path of its executable. */
  readonly version: string;
  readonly file: string;
  command(driver: string, allowedAddresses: readonly string[]): readonly string[];
}

const KINDS: Readonly<Record<RuntimeName, RuntimeKind>> = {
  node: {
    oldestMajor: 20,
    evaluate: ["-e"],
    version: "process.versions.node",
    file: "process.execPath",
    command: (driver) => [driver],
  },
  deno: {
    // The first that takes --node-modules-dir=manual.
    oldestMajor: 2,
    evaluate: ["eval", "--no-config", "--no-lock"],
    version: "Deno.version.deno",
    file: "Deno.execPath()",
    command: (driver, allowedAddresses) => [
      // A deno.json of the folder that this is installed in is not about the driver.
      ...["run", "--no-prompt", "--no-config", "--no-lock", "--node-modules-dir=manual"],
      // Without a list the flag would allow every address.
      ...(allowedAddresses.length === 0 ? [] : [`--allow-net=${allowedAddresses.join(",")}`]),
      ...["--allow-env", driver],
    ],
  },
  bun: {
    oldestMajor: 1,
    evaluate: ["-e"],
    version: "Bun.version",
    file: "process.execPath",
    command: (driver) => [driver],
  },
};

/**
 * Looks for each runtime in this order: the one that runs this very code, `PATH`, the npm package of its name
 * in `folder` or beside this package. The first that answers and is new enough is taken.
 */
export async function findRuntimes(
  names: readonly RuntimeName[],
  { env = process.env, folder = process.cwd() }: FindRuntimesOptions = {},
): Promise<FoundRuntimes> {
  const looked = await Promise.all(names.map((name) => findRuntime(name, env, folder)));
  return {
    found: looked.filter((it) => "command" in it),
    missing: looked.filter((it) => "reason" in it),
  };
}

async function findRuntime(
  name: RuntimeName,
  env: NonNullable<FindRuntimesOptions["env"]>,
  folder: string,
): Promise<Runtime | MissingRuntime> {
  const unusable: string[] = [];
  for await (const program of candidates(name, env, folder)) {
    const found = await askRuntime(name, program, env);
    if ("command" in found) return found;
    unusable.push(found.reason);
  }
  const nowhere = `neither on PATH nor installed as the npm package "${name}"`;
  return { name, reason: unusable.length === 0 ? nowhere : unusable.join("; ") };
}

/** The programs that may be it, the likeliest first. */
async function* candidates(
  name: RuntimeName,
  env: NonNullable<FindRuntimesOptions["env"]>,
  folder: string,
): AsyncGenerator<string> {
  // Under Bun and Deno this path is theirs.
  const self = process.versions.bun ?? process.versions.deno;
  if (name === "node" && self === undefined) yield process.execPath;
  const onPath = await findOnPath(name, env);
  if (onPath !== undefined) yield onPath;
  for (const place of [join(resolve(folder), "package.json"), import.meta.url]) {
    const program = await programOfPackage(name, place);
    if (program !== undefined) yield program;
  }
}

/** The program of the npm package `name`, if code at `place` could import it. */
async function programOfPackage(name: RuntimeName, place: string): Promise<string | undefined> {
  try {
    const manifest = createRequire(place).resolve(`${name}/package.json`);
    const { bin }: { bin?: unknown } = JSON.parse(await readFile(manifest, "utf8"));
    // Deno's install script puts the executable beside the starter that `bin` names. A starter is a process
    // of its own: a signal for the driver would end at it.
    const own = typeof bin === "string" ? bin : Object(bin)[name];
    for (const file of [join(dirname(manifest), name), join(dirname(manifest), String(own))]) {
      if (
        await access(file).then(
          () => true,
          () => false,
        )
      )
        return file;
    }
  } catch {
    // Not installed there.
  }
  return undefined;
}

/**
 * What a program says it is. Its own path counts, since what was found may be a starter or a version manager's
 * stand-in, and signals have to reach the driver itself.
 */
async function askRuntime(
  name: RuntimeName,
  program: string,
  env: NonNullable<FindRuntimesOptions["env"]>,
): Promise<Runtime | MissingRuntime> {
  const kind = KINDS[name];
  const ask = `console.log(JSON.stringify([${kind.version}, ${kind.file}]))`;
  try {
    const { stdout } = await run(program, [...kind.evaluate, ask], {
      timeout: ANSWER_DEADLINE_MS,
      env: { ...env },
    });
    const [version, file]: unknown[] = JSON.parse(stdout);
    const major = Number(/^(\d+)\./.exec(String(version))?.[1]);
    if (!(major >= kind.oldestMajor)) {
      return { name, reason: `"${program}" is ${name} ${version}: wanted ${kind.oldestMajor} or later` };
    }
    const executable = String(file);
    return {
      name,
      version: `v${version}`,
      file: executable,
      command: (driver, allowed) => ({ file: executable, args: kind.command(driver, allowed) }),
    };
  } catch (error) {
    const [firstLine] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { name, reason: `"${program}" did not say its version: ${firstLine}` };
  }
}
