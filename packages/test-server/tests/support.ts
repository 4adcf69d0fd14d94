/** What several test files need: a PATH to choose from, and folders that go away. */

import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Environment } from "../src/index.js";
import { type Reply, type RespConnection, withConnection } from "../src/resp.js";
import { findProgram } from "../src/start-server.js";

/** An empty folder, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder for PATH that holds the server program of this machine under the given name and nothing else. */
export async function folderWith(name: "redis-server" | "valkey-server"): Promise<string> {
  const { command } = await findProgram({});
  const words = [command.file, ...command.args].map((word) => `'${word}'`).join(" ");
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(join(folder, name), 0o755);
  return folder;
}

/** This process's environment without any server in it: the apt tools stay, no Docker, no REDIS_URL. */
export async function environmentWithoutServers(changes: Environment = {}): Promise<Environment> {
  const folder = await temporaryFolder();
  const { REDIS_URL: _, ...env } = process.env;
  return { ...env, PATH: "/usr/bin:/bin", DOCKER_HOST: `unix://${folder}/docker.sock`, ...changes };
}

/** One command on a connection of its own. */
export async function command(url: string, ...args: readonly (string | number)[]): Promise<Reply> {
  return await withConnection(url, (connection: RespConnection) => connection.command(...args));
}
