/**
 * A server program on this machine: how it is run, and which product and version it is.
 */

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { messageOf, TestServerError } from "./errors.js";

const run = promisify(execFile);

/**
 * How to run a program: its file, what comes before the program's own arguments, and additions to the
 * environment.
 */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A server program and where it was found. */
export interface ServerProgram {
  readonly command: Command;
  /** For people: `/usr/bin/redis-server`, `Debian package unpacked in .cache/servers`. */
  readonly origin: string;
}

/** The environment that decides what is found: `PATH`, `REDIS_URL`, `DOCKER_HOST` and the like. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The full path of an executable on `PATH`; only absolute entries are looked at. */
export async function findOnPath(name: string, env: Environment): Promise<string | undefined> {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    if (!folder.startsWith("/")) continue;
    const file = join(folder, name);
    const executable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return file;
  }
  return undefined;
}

/** `redis 7.0.15` or `valkey 8.1.1`, from the program's own `--version`. */
export async function productOfProgram({ file, args, env }: Command): Promise<string> {
  let output: string;
  try {
    const options = { env: { ...process.env, ...env }, timeout: 10_000 };
    output = (await run(file, [...args, "--version"], options)).stdout;
  } catch (error) {
    throw new TestServerError("START_FAILED", `run "${file} --version": ${messageOf(error)}`, {
      cause: error,
    });
  }
  const found = /^(redis|valkey) server v=([\w.]+)/i.exec(output);
  if (found === null) {
    throw new TestServerError(
      "START_FAILED",
      `run "${file} --version": ${JSON.stringify(output)} names no version`,
    );
  }
  return `${found[1]?.toLowerCase()} ${found[2]}`;
}
