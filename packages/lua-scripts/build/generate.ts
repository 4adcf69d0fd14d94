/**
 * Writes what is generated from the Lua: bindings, snapshots of the bundles, the reference page.
 *
 *     npx tsx packages/lua-scripts/build/generate.ts            writes what differs, removes leftovers
 *     npx tsx packages/lua-scripts/build/generate.ts --check    writes nothing; exit 1 naming what differs
 *
 * `--root PATH` works on another copy of the repository (default: the one this file is in). Exit code 2: a
 * mistake in the Lua or in the options.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { collectOutputs, GENERATED_FOLDERS } from "./outputs.js";
import { SourceError } from "./source-error.js";

/** What must happen on disk so that it holds the outputs: paths relative to the root, sorted. */
export interface Differences {
  readonly changed: readonly string[];
  readonly leftover: readonly string[];
}

export function findDifferences(root: string, outputs: ReadonlyMap<string, string>): Differences {
  const changed = [...outputs].filter(([path, content]) => {
    const absolute = join(root, path);
    return !existsSync(absolute) || readFileSync(absolute, "utf8") !== content;
  });
  const leftover = GENERATED_FOLDERS.flatMap((folder) => {
    const names = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
    return names.map((name) => `${folder}/${name}`).filter((path) => !outputs.has(path));
  });
  return { changed: changed.map(([path]) => path).sort(), leftover: leftover.sort() };
}

/** @returns the exit code */
function main(args: readonly string[]): number {
  const here = fileURLToPath(new URL("../../..", import.meta.url));
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { check: { type: "boolean", default: false }, root: { type: "string", default: here } },
    });
    const outputs = collectOutputs(values.root);
    const { changed, leftover } = findDifferences(values.root, outputs);
    if (values.check) {
      for (const path of changed) console.error(`${path}: differs from what the Lua gives`);
      for (const path of leftover) console.error(`${path}: nothing generates this file`);
      if (changed.length + leftover.length > 0) console.error("run `npm run generate` and commit the result");
      return changed.length + leftover.length > 0 ? 1 : 0;
    }
    for (const path of changed) {
      mkdirSync(dirname(join(values.root, path)), { recursive: true });
      writeFileSync(join(values.root, path), outputs.get(path) ?? "");
      console.log(`wrote ${path}`);
    }
    for (const path of leftover) {
      rmSync(join(values.root, path));
      console.log(`removed ${path}`);
    }
    if (changed.length + leftover.length === 0) console.log(`${outputs.size} generated files are up to date`);
    return 0;
  } catch (error) {
    const known = error instanceof SourceError || (error instanceof TypeError && "code" in error);
    if (!known) throw error;
    console.error(error.message);
    return 2;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
