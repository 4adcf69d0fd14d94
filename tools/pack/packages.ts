/** The packages that are published, and what `npm pack` makes of them. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** Folders of the published packages, those that others need first. */
export const PUBLISHED = [
  ...["lua-scripts", "core", "client-node", "client-deno", "test-server", "conformance-tests"],
].map((name) => `packages/${name}`);

/** The parts of a package.json that say what is published. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly main: string;
  /** Absent where there is nothing but ES modules. */
  readonly module?: string;
  readonly types: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  /** What goes into the tarball besides what npm adds. */
  readonly files: readonly string[];
  readonly typesVersions?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface Packed {
  readonly name: string;
  /** Absolute path of the package's folder. */
  readonly folder: string;
  /** Absolute path of the `.tgz`. */
  readonly tarball: string;
  /** The paths in it, relative to the package, sorted. */
  readonly files: readonly string[];
  readonly manifest: Manifest;
}

/** Whether there is no CommonJS: Deno has none, and a command needs none. */
export function isEsmOnly({ module }: Manifest): boolean {
  return module === undefined;
}

/** Builds the packages, those that changed. @returns what turbo printed. */
export async function buildPackages(): Promise<string> {
  const turbo = join(REPOSITORY, "node_modules/.bin/turbo");
  const options = ["run", "build", "--filter=./packages/*", "--output-logs=errors-only"];
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", NO_COLOR: "1" };
  const { stdout } = await run(turbo, options, { cwd: REPOSITORY, env });
  return stdout;
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(REPOSITORY, folder, "package.json"), "utf8"));
}

/** Packs a package as publishing would. Nothing is built: what stands in `dist` is what goes in. */
export async function pack(folder: string, into: string): Promise<Packed> {
  const cwd = join(REPOSITORY, folder);
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", into], { cwd });
  const [report]: { filename: string; files: { path: string }[] }[] = JSON.parse(stdout);
  if (report === undefined) throw new Error(`pack ${folder}: npm reported no tarball`);
  const manifest = manifestOf(folder);
  return {
    name: manifest.name,
    folder: cwd,
    tarball: join(into, report.filename),
    files: report.files.map(({ path }) => path).sort(),
    manifest,
  };
}
