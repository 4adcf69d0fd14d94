/**
 * Where this package may write: one cache folder inside the project it is used in.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Environment } from "./program.js";

/**
 * The repository or workspace around `from`: up to `.git` or a package.json with workspaces, else the next
 * package.
 */
export function projectFolder(from = process.cwd()): string {
  let nearest: string | undefined;
  for (let folder = from; ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(join(folder, ".git"))) return folder;
    if (existsSync(manifest)) {
      if (/"workspaces"\s*:/.test(readFileSync(manifest, "utf8"))) return folder;
      nearest ??= folder;
    }
    if (dirname(folder) === folder) return nearest ?? from;
  }
}

/** `SLUICE_SERVER_CACHE`, or `.cache/servers` in the project. */
export function defaultCacheFolder(env: Environment): string {
  return env.SLUICE_SERVER_CACHE || join(projectFolder(), ".cache", "servers");
}

/** A folder as people want to read it: relative to the project if it lies inside. */
export function shownFolder(folder: string): string {
  const shown = relative(projectFolder(), folder);
  return shown === "" || shown.startsWith("..") ? folder : shown;
}
