/**
 * Packages of Debian and Ubuntu, unpacked into a cache folder and run from there: no root, nothing installed.
 *
 * They come with everything they depend on, the C library included, and run through their own loader. So one
 * mechanism serves a fresh machine that lacks some library and a suite newer than the machine, and what runs
 * does not change under a test when the machine is upgraded.
 */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { messageOf, TestServerError } from "../errors.js";
import { type Command, type Environment, findOnPath } from "../program.js";
import { defaultCacheFolder } from "../project.js";
import { downloadPackages } from "./apt.js";
import { debianSystem } from "./system.js";

const run = promisify(execFile);
const workPrefix = ".unpacking-";
/** A work folder older than this was left behind by a process that was killed. */
const abandonedMs = 3_600_000;

export interface UnpackOptions {
  /** A suite of Debian (`trixie`, `sid`, `bookworm-backports`); the machine's own distribution by default. */
  readonly suite?: string | undefined;
  /**
   * Where unpacked packages are kept; `SLUICE_SERVER_CACHE` or `.cache/servers` in the project by default.
   */
  readonly cacheFolder?: string | undefined;
  readonly env?: Environment | undefined;
  /** Called with a line for people before something slow: a download of some ten megabytes. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface UnpackedPackages {
  /** The root they were unpacked under: `usr/bin`, `usr/share`, … */
  readonly folder: string;
  /** `Debian`, or `Debian trixie` when a suite was asked for. */
  readonly origin: string;
  /** How to run one of their programs. Rejects with UNAVAILABLE when they have none of this name. */
  command(program: string): Promise<Command>;
}

/**
 * Packages by name, from the cache or, the first time, from the machine's mirror (some seconds). Processes
 * that come at the same time do not disturb each other: each unpacks for itself, and the first one's result
 * is used. To fetch newer versions, remove the cache folder.
 *
 * @throws TestServerError UNAVAILABLE off Debian and Ubuntu, or when the mirror does not have them.
 */
export async function unpackDebianPackages(
  names: readonly string[],
  { suite, env = process.env, cacheFolder = defaultCacheFolder(env), onProgress }: UnpackOptions = {},
): Promise<UnpackedPackages> {
  for (const name of [...names, suite ?? "none"]) {
    if (/^[a-z0-9][a-z0-9.+-]*$/.test(name)) continue;
    throw new TestServerError(
      "INVALID_OPTION",
      `unpack packages: ${JSON.stringify(name)} is not a Debian name`,
    );
  }
  const system = await debianSystem();
  const isOwn = suite === undefined || (system.id === "debian" && suite === system.codename);
  const place = `${system.id}-${suite ?? system.codename}-${process.arch}`;
  const folder = join(cacheFolder, place, names.join("+"));
  if (!existsSync(folder)) {
    const what = suite === undefined ? system.name : `Debian's ${suite}`;
    onProgress?.(`unpacking ${names.join(" ")} of ${what} into ${folder}`);
    const workFolder = join(cacheFolder, `${workPrefix}${process.pid}-${randomBytes(4).toString("hex")}`);
    try {
      await mkdir(workFolder, { recursive: true });
      const files = await downloadPackages({
        names,
        suite: isOwn ? undefined : suite,
        system,
        workFolder,
        env,
      });
      await unpack(files, join(workFolder, "root"), env);
      await publish(join(workFolder, "root"), folder);
    } finally {
      await rm(workFolder, { recursive: true, force: true });
      await sweep(cacheFolder);
    }
  }
  return {
    folder,
    origin: suite === undefined ? system.name : `Debian ${suite}`,
    command: (program) => commandFor(program, folder),
  };
}

async function unpack(files: readonly string[], root: string, env: Environment): Promise<void> {
  const dpkg = await findOnPath("dpkg", env);
  if (dpkg === undefined) throw new TestServerError("UNAVAILABLE", "unpack packages: dpkg is not on PATH");
  await mkdir(root);
  for (const file of files) {
    try {
      await run(dpkg, ["-x", file, root], { env: { ...env } });
    } catch (error) {
      throw new TestServerError("UNAVAILABLE", `unpack "${basename(file)}": ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  for (const name of ["doc", "info", "locale", "man"]) {
    await rm(join(root, "usr", "share", name), { recursive: true, force: true });
  }
}

/** Gives a complete tree its final name in one step, unless another process was faster. */
async function publish(root: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  try {
    await rename(root, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

async function sweep(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    if (!name.startsWith(workPrefix)) continue;
    const path = join(cacheFolder, name);
    const changed = await stat(path).catch(() => undefined);
    if (changed !== undefined && Date.now() - changed.mtimeMs > abandonedMs) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function commandFor(program: string, folder: string): Promise<Command> {
  const file = ["usr/bin", "bin", "usr/sbin", "sbin"]
    .map((place) => join(folder, place, program))
    .find((path) => existsSync(path));
  if (file === undefined)
    throw new TestServerError("UNAVAILABLE", `run "${program}": ${folder} does not have it`);

  const interpreter = await interpreterOf(file);
  if (interpreter !== undefined) {
    const command = await commandFor(interpreter, folder);
    return { file: command.file, args: [...command.args, file] };
  }
  const libraries = await libraryFolders(folder);
  const loader = await loaderIn(libraries);
  return loader === undefined
    ? { file, args: [] }
    : { file: loader, args: ["--library-path", libraries.join(":"), file] };
}

/** The name of the program that a script's first line asks for. */
async function interpreterOf(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    const shebang = /^#!\s*(\S+)(?:[ \t]+(\S+))?/.exec(buffer.toString("latin1", 0, bytesRead));
    const [, path = "", argument = ""] = shebang ?? [];
    if (shebang === null) return undefined;
    return basename(path) === "env" ? argument : basename(path);
  } finally {
    await handle.close();
  }
}

/** Where shared libraries lie, by architecture: `lib/x86_64-linux-gnu`, and under `usr` in newer suites. */
async function libraryFolders(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const place of ["lib", "usr/lib"]) {
    const entries = await readdir(join(folder, place), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (entry.isDirectory() && entry.name.includes("-linux-gnu"))
        found.push(join(folder, place, entry.name));
    }
  }
  return found;
}

async function loaderIn(libraries: readonly string[]): Promise<string | undefined> {
  for (const library of libraries) {
    // In /lib64 the package has an absolute link, which would name the machine's own loader.
    const name = (await readdir(library)).find((entry) => /^ld-linux.*\.so\.\d+$/.test(entry));
    if (name !== undefined) return join(library, name);
  }
  return undefined;
}
