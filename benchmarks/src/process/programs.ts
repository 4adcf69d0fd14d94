/**
 * The programs of the processes, as plain JavaScript: compiled once for a run, since a loader of TypeScript would take
 * each process half a second to start, and be in the way of what is measured.
 *
 * Packages stay as they are, and are loaded by name: ours as they were built, as users have them.
 */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

/** Within the package, so that its dependencies are found from there. */
const FOLDER = fileURLToPath(new URL("../../dist/", import.meta.url));
const CHILD = new URL("./child.ts", import.meta.url).href;

export class Programs implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly names: ReadonlyMap<string, string>,
  ) {}

  /** @param modules URLs of TypeScript files. */
  static async compile(modules: Iterable<string>): Promise<Programs> {
    await mkdir(FOLDER, { recursive: true });
    const folder = await mkdtemp(join(FOLDER, "run-"));
    const names = new Map(
      [...new Set([CHILD, ...modules])].map((module, at) => [module, `${at}-${stem(module)}`]),
    );
    await build({
      entryPoints: [...names].map(([module, out]) => ({ in: fileURLToPath(module), out })),
      outdir: folder,
      ...{ bundle: true, packages: "external", platform: "node", format: "esm", target: "node20" },
      // None: the repository's own names packages' sources, where packages are to be taken as they were built.
      tsconfigRaw: {},
      logLevel: "silent",
    });
    return new Programs(folder, names);
  }

  /** The program that every process runs, which loads the module of its contender. */
  get child(): string {
    return fileURLToPath(this.of(CHILD));
  }

  /** The URL of what a module was compiled to. */
  of(module: string): string {
    const name = this.names.get(module);
    if (name === undefined) throw new Error(`load ${module}: it was not compiled for this run`);
    return pathToFileURL(join(this.folder, `${name}.js`)).href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** `file:///…/publish/raw-xadd.ts` → `publish-raw-xadd`: profiles show it. */
function stem(module: string): string {
  return module.split("/").slice(-2).join("-").replace(/\.ts$/, "");
}
