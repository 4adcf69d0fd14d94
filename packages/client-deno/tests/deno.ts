/**
 * Starts programs under the Deno of this repository, with the permissions they are given and no others.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { sharedServerUrl } from "@sluice/test-server";
import { onTestFinished } from "vitest";
import { denoExecutable } from "../../../tools/deno.js";

export const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const DENO = denoExecutable();

/** `host:port` of the shared server, as Deno's flags have it. */
export function sharedAddress(): string {
  const { hostname, port } = new URL(sharedServerUrl());
  return `${hostname}:${port || 6379}`;
}

/** The least that a program needs. */
export function leastPermissions(): string[] {
  return [`--allow-net=${sharedAddress()}`, "--allow-env"];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  /** What it printed. */
  readonly lines: readonly string[];
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when the process has printed this line. */
  said(line: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** A program of `tests/programs`; nobody is asked for permissions. */
export function startProgram(
  name: string,
  { permissions, args }: { readonly permissions: readonly string[]; readonly args: readonly string[] },
): Running {
  return start(["run", "--no-prompt", ...permissions, `tests/programs/${name}.ts`, ...args]);
}

/** Any command of Deno's, in the folder of the package. */
export function start(args: readonly string[]): Running {
  const env = { ...process.env, NO_COLOR: "1" };
  const child = spawn(DENO, args, { cwd: PACKAGE, env, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let stdout = "";
  let stderr = "";
  const waiting = new Map<string, () => void>();
  child.stdout.on("data", (data) => {
    stdout += data;
    for (const [line, resolve] of waiting) if (stdout.includes(`${line}\n`)) resolve();
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const ended = once(child, "close").then(([code, signal]): Ended => {
    return { code, signal, lines: stdout.split("\n").filter((line) => line !== ""), stderr };
  });
  const said = async (line: string) => {
    const printed = new Promise<true>((resolve) => {
      waiting.set(line, () => resolve(true));
      if (stdout.includes(`${line}\n`)) resolve(true);
    });
    if ((await Promise.race([printed, ended])) === true) return;
    throw new Error(`wait until the program says "${line}": it ended; it said ${stdout}${stderr}`);
  };
  return { child, said, ended };
}
