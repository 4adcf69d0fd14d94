/**
 * Everything the build makes of the Lua, as text by path. It reads the sources and writes nothing, so that
 * writing and checking (`generate.ts`) cannot differ in what they want.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Bundle, bundle } from "./bundle.js";
import { parseHeader } from "./header.js";
import { checkKeysUsed } from "./keys-used.js";
import { normaliseLineBreaks } from "./lexer.js";
import { checkStatusWords, parseRegistry, type Registry } from "./registry.js";
import { renderReference } from "./render-reference.js";
import {
  type BuiltScript,
  renderConstants,
  renderIndex,
  renderScript,
  renderStatus,
} from "./render-typescript.js";
import { type LuaFile, SourceError } from "./source-error.js";

/** The package's folder, and the reference page, relative to the root of the repository. */
const PACKAGE = "packages/lua-scripts";
const REFERENCE = "docs/internals/scripts.md";

/** Folders of generated files alone, relative to the root: any other file in them is a leftover. */
export const GENERATED_FOLDERS = [`${PACKAGE}/src/generated`, `${PACKAGE}/tests/snapshots`] as const;

/** These would overwrite another generated module. */
const TAKEN_NAMES: readonly string[] = ["constants", "index", "status"];

/**
 * @param root path of the repository
 * @returns the content of every generated file by its path relative to `root`
 * @throws SourceError for a mistake in the Lua, with a path relative to the package
 */
export function collectOutputs(root: string): Map<string, string> {
  const packageDir = join(root, PACKAGE);
  const includes = readLuaFolder(packageDir, "src/includes");
  const scripts = readLuaFolder(packageDir, "src/scripts");
  const status = readRegistry(includes, "status");
  const constants = readRegistry(includes, "constants");
  checkStatusWords(includes.get("status") ?? missing("status"), status.entries);
  const built = [...scripts.values()].map((file) => buildScript(file, includes));
  const headers = built.map((script) => script.header);

  const outputs = new Map<string, string>();
  const put = (path: string, content: string): unknown => outputs.set(`${PACKAGE}/${path}`, content);
  for (const script of built) {
    const { name } = script.header;
    put(`src/generated/${name}.ts`, renderScript(script, `src/scripts/${name}.lua`));
    put(`tests/snapshots/${name}.lua`, script.bundle.source);
  }
  put("src/generated/index.ts", renderIndex(headers.map((header) => header.name)));
  put("src/generated/status.ts", renderStatus(status, "src/includes/status.lua"));
  put("src/generated/constants.ts", renderConstants(constants, "src/includes/constants.lua"));
  outputs.set(REFERENCE, renderReference(headers, status, constants));
  return outputs;
}

/** Checks one script and bundles it. */
export function buildScript(file: LuaFile, includes: ReadonlyMap<string, LuaFile>): BuiltScript {
  if (TAKEN_NAMES.includes(file.name))
    throw new SourceError(file.path, 1, `a script may not be named "${file.name}"`);
  const header = parseHeader(file);
  checkKeysUsed(file, header);
  const made: Bundle = bundle(file, (name) => includes.get(name));
  return { header, bundle: made, sha1: createHash("sha1").update(made.source, "utf8").digest("hex") };
}

/** The Lua files of a folder by name, in alphabetical order; none if there is no such folder. */
export function readLuaFolder(packageDir: string, folder: string): Map<string, LuaFile> {
  const absolute = join(packageDir, folder);
  if (!existsSync(absolute)) return new Map();
  const names = readdirSync(absolute).filter((name) => name.endsWith(".lua"));
  // Sorted by code unit: the order must not depend on the machine's locale.
  return new Map(
    names.sort().map((fileName) => {
      const name = basename(fileName, ".lua");
      const bytes = readFileSync(join(absolute, fileName));
      return [name, { name, path: `${folder}/${fileName}`, text: decode(bytes, `${folder}/${fileName}`) }];
    }),
  );
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return normaliseLineBreaks(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new SourceError(path, 1, "the file is not UTF-8");
  }
}

function readRegistry(includes: ReadonlyMap<string, LuaFile>, name: string): Registry {
  return parseRegistry(includes.get(name) ?? missing(name));
}

function missing(name: string): never {
  throw new SourceError(`src/includes/${name}.lua`, 1, "the file is missing");
}
