/** What several test files need: a PATH to choose from, and folders that go away. */

import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
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

const SERVERS: readonly string[] = ["redis-server", "valkey-server"];

/**
 * This process's environment without any server in it: the apt tools and everything else on PATH stay; a
 * server program, REDIS_URL, a Docker daemon and testcontainers' settings do not, whatever this machine has.
 */
export async function environmentWithoutServers(changes: Environment = {}): Promise<Environment> {
  const { REDIS_URL: _, ...env } = process.env;
  const home = await temporaryFolder();
  return {
    ...env,
    HOME: home,
    PATH: await programsWithoutServers(env.PATH ?? ""),
    DOCKER_HOST: `unix://${home}/docker.sock`,
    ...changes,
  };
}

/** A folder with a link to every program that PATH leads to, but for the servers. */
async function programsWithoutServers(path: string): Promise<string> {
  const programs = new Map<string, string>();
  for (const folder of path.split(delimiter).filter((entry) => entry.startsWith("/"))) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!SERVERS.includes(name) && !programs.has(name)) programs.set(name, join(folder, name));
    }
  }
  const links = await temporaryFolder();
  await Promise.all([...programs].map(([name, program]) => symlink(program, join(links, name))));
  return links;
}

/** One command on a connection of its own. */
export async function command(url: string, ...args: readonly (string | number)[]): Promise<Reply> {
  return await withConnection(url, (connection: RespConnection) => connection.command(...args));
}
