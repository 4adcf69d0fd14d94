/** The packages that are published, and what `npm pack` makes of them. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** Folders of the published packages, those that others need first. */
export const PUBLISHED = ["lua-scripts", "core", "client-node", "test-server"].map(
  (name) => `packages/${name}`,
);

/** The parts of a package.json that say what is published. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly main: string;
  readonly module: string;
  readonly types: string;
  readonly exports: Readonly<Record<string, unknown>>;
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
