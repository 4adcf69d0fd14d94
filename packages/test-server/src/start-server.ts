/**
 * Starting a server of our own: from `PATH`, in Docker, or out of a Debian package, one of them by name or
 * the first that can be had.
 */

import { debianServer } from "./debian/server.js";
import { startContainer } from "./docker/container.js";
import { messageOf, TestServerError } from "./errors.js";
import { freePort } from "./ports.js";
import { type Environment, findOnPath, productOfProgram, type ServerProgram } from "./program.js";
import type { TestServer } from "./server.js";
import { startServerProcess } from "./server-process.js";
import { checkVersion, imageOf, isOfVersion, type ServerVersion } from "./versions.js";

/**
 * Where a server comes from. `docker:IMAGE` names the image; any whose entry point takes redis.conf options
 * will do.
 */
export type ServerSource = "auto" | "path" | "debian" | "docker" | `docker:${string}`;

export interface StartOptions {
  /** `auto` (default): `path`, `docker`, `debian`, in this order; the first that can be had. */
  readonly server?: ServerSource | undefined;
  /** Any version by default. */
  readonly version?: ServerVersion | undefined;
  /** Options of redis.conf as the command line takes them: `["--maxmemory", "3mb"]`. They win over ours. */
  readonly args?: readonly string[] | undefined;
  /** Keep acknowledged writes over a restart, also over a crash; false by default. */
  readonly persistence?: boolean | undefined;
  /**
   * Where unpacked packages are kept; `SLUICE_SERVER_CACHE` or `.cache/servers` in the project by default.
   */
  readonly cacheFolder?: string | undefined;
  /**
   * Instead of the process's own environment: `PATH`, `DOCKER_HOST`, `SLUICE_SERVER_CACHE` are read from it.
   */
  readonly env?: Environment | undefined;
  /**
   * Called with a line for people before something slow, and when one way fails and the next one is tried.
   */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** One way to get something, and its name in the error that lists them all. */
export interface Way<T> {
  readonly name: string;
  get(): Promise<T>;
}

/**
 * Starts a server on a free port of 127.0.0.1, with an empty data set and no persistence unless asked for. It
 * ends with `stop()`, and with this process in whatever way that ends.
 *
 * @throws TestServerError NO_SERVER listing every way tried; UNAVAILABLE when the one that `server` names
 *   cannot be had; START_FAILED, with the end of the server's log, when it does not come up.
 */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  checkVersion(options.version);
  const source = options.server ?? "auto";
  if (source === "path") return await startFromPath(options);
  if (source === "debian") return await startFromDebian(options);
  if (source === "docker" || source.startsWith("docker:")) return await startInDocker(options);
  if (source !== "auto") {
    const known = "auto, path, debian, docker, docker:IMAGE";
    throw new TestServerError("INVALID_OPTION", `start a server from "${source}": known are ${known}`);
  }
  return await firstOf(`start ${wanted(options)}`, ownWays(options), options.onProgress);
}

/** The three ways to a server of our own, in their order. */
export function ownWays(options: StartOptions): readonly Way<TestServer>[] {
  return [
    { name: "redis-server or valkey-server on PATH", get: () => startFromPath(options) },
    { name: "Docker", get: () => startInDocker(options) },
    { name: "a package of Debian or Ubuntu, unpacked without root", get: () => startFromDebian(options) },
  ];
}

/** A server program on this machine, for what needs processes: from PATH, else out of a Debian package. */
export async function findProgram(options: StartOptions): Promise<ServerProgram> {
  checkVersion(options.version);
  const ways = {
    path: { name: "redis-server or valkey-server on PATH", get: () => programOnPath(options) },
    debian: {
      name: "a package of Debian or Ubuntu, unpacked without root",
      get: () => debianServer(options.version, options),
    },
  };
  if (options.server === "path") return await ways.path.get();
  if (options.server === "debian") return await ways.debian.get();
  if (options.server !== undefined && options.server !== "auto") {
    throw new TestServerError(
      "INVALID_OPTION",
      `start several servers from "${options.server}": they need a program`,
    );
  }
  return await firstOf(
    `find the program of ${wanted(options)}`,
    [ways.path, ways.debian],
    options.onProgress,
  );
}

/**
 * The first way that is not UNAVAILABLE.
 *
 * @throws TestServerError NO_SERVER with one numbered line per way; whatever else a way throws, at once.
 */
export async function firstOf<T>(
  what: string,
  ways: readonly Way<T>[],
  onProgress?: (line: string) => void,
): Promise<T> {
  const reasons: string[] = [];
  for (const { name, get } of ways) {
    try {
      return await get();
    } catch (error) {
      if (!(error instanceof TestServerError) || error.code !== "UNAVAILABLE") throw error;
      reasons.push(`\n  ${reasons.length + 1}. ${name}: ${messageOf(error)}`);
      // A way that was there and failed is worth a line even when a later one works.
      if (error.cause !== undefined) onProgress?.(`${name}: ${messageOf(error)}`);
    }
  }
  throw new TestServerError(
    "NO_SERVER",
    `${what}: none of the ${countWord(ways.length)} ways works${reasons.join("")}`,
  );
}

function countWord(count: number): string {
  return ["no", "one", "two", "three", "four"][count] ?? String(count);
}

function wanted({ version }: StartOptions): string {
  return version === undefined ? "a Redis or Valkey server" : `a server of version ${version}`;
}

async function startFromPath(options: StartOptions): Promise<TestServer> {
  return await startProgram(await programOnPath(options), options);
}

async function startFromDebian(options: StartOptions): Promise<TestServer> {
  return await startProgram(await debianServer(options.version, options), options);
}

async function startProgram(
  program: ServerProgram,
  { args, persistence }: StartOptions,
): Promise<TestServer> {
  return await startServerProcess({
    program,
    choosePort: freePort,
    args: args ?? [],
    persistence: persistence ?? false,
  });
}

async function startInDocker(options: StartOptions): Promise<TestServer> {
  const image = options.server?.startsWith("docker:") ? options.server.slice("docker:".length) : undefined;
  return await startContainer({
    image: image ?? imageOf(options.version),
    args: options.args ?? [],
    persistence: options.persistence ?? false,
    env: options.env ?? process.env,
    onProgress: options.onProgress,
  });
}

async function programOnPath({ version, env = process.env }: StartOptions): Promise<ServerProgram> {
  const found: string[] = [];
  for (const name of ["redis-server", "valkey-server"]) {
    const file = await findOnPath(name, env);
    if (file === undefined) continue;
    const command = { file, args: [] };
    if (version === undefined) return { command, origin: file };
    const product = await productOfProgram(command);
    if (isOfVersion(product, version)) return { command, origin: file };
    found.push(`"${file}" is ${product}`);
  }
  const reason = found.length === 0 ? "neither is there" : `wanted ${version}, ${found.join(", ")}`;
  throw new TestServerError("UNAVAILABLE", reason);
}
