/** What a package is for, followed to the last file: what has to be in its tarball, and nothing besides. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";
import type { Packed } from "./packages.js";

/** Files that npm adds by itself, and that every package of ours has. */
const ALWAYS = ["LICENSE", "README.md", "package.json"];

/** Programs that a package starts by their file, and nothing imports. */
const STARTED: Readonly<Record<string, readonly string[]>> = {
  "@sluice/conformance": ["node", "deno", "bun"].map((runtime) => `dist/drivers/${runtime}.js`),
};

/**
 * The files that the entry points of the package lead to: what `exports`, `main`, `module`, `types`, `bin` and
 * `typesVersions` name, programs that it starts, what these files import by a relative path, and their source
 * maps; and all that `files` names besides `dist`, which is data. Sorted.
 */
export function exportedFiles({ folder, name, manifest }: Packed): string[] {
  const { main, module, types, bin, exports, typesVersions } = manifest;
  const found = new Set(ALWAYS);
  const follow = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    for (const next of leadsTo(folder, file)) follow(next);
  };
  for (const target of targetsIn([main, module, types, bin, exports, typesVersions, STARTED[name]]))
    follow(posix.normalize(target));
  for (const entry of manifest.files) {
    if (entry !== "dist") for (const file of filesUnder(folder, entry)) found.add(file);
  }
  return [...found].sort();
}

function filesUnder(folder: string, entry: string): string[] {
  if (!statSync(join(folder, entry)).isDirectory()) return [entry];
  const found = readdirSync(join(folder, entry), { recursive: true, withFileTypes: true });
  return found
    .filter((one) => one.isFile())
    .map((one) => posix.join(posix.relative(folder, one.parentPath), one.name));
}

/** The specifiers in a built file that name another package or a module of the runtime. */
export function importsOf(folder: string, file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(folder, file), "utf8"), true, true);
  return importedFiles.map(({ fileName }) => fileName).filter((name) => !name.startsWith("."));
}

function leadsTo(folder: string, file: string): string[] {
  const text = readFileSync(join(folder, file), "utf8");
  if (!/\.[cm]?[jt]s$/.test(file)) return [];
  const beside = (path: string) => posix.join(posix.dirname(file), path);
  const { importedFiles } = ts.preProcessFile(text, true, true);
  const imported = importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith("."))
    .map((name) => builtFile(folder, beside(name), /\.d\.[cm]?ts$/.test(file)));
  const map = /^\/\/# sourceMappingURL=(.+)$/m.exec(text)?.[1];
  return map === undefined ? imported : [...imported, beside(map)];
}

/** Declarations import each other by the name of the JavaScript that they describe. */
function builtFile(folder: string, path: string, fromDeclarations: boolean): string {
  const declarations = path.replace(/\.([cm]?)js$/, ".d.$1ts");
  return fromDeclarations && existsSync(join(folder, declarations)) ? declarations : path;
}

/** Every path in a tree of conditions. */
function targetsIn(tree: unknown): string[] {
  if (typeof tree === "string") return [tree];
  return typeof tree === "object" && tree !== null ? Object.values(tree).flatMap(targetsIn) : [];
}
