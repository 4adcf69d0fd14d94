/**
 * Runs luacheck on the given paths, with any further options, and ends with its exit status: the one on PATH,
 * or on Debian and Ubuntu the distribution's package, unpacked into `.cache/tools` without root.
 *
 *     npx tsx tools/luacheck.ts packages/lua-scripts/src
 */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Command, findOnPath, projectFolder, unpackDebianPackages } from "@sluice/test-server";

async function findLuacheck(): Promise<Command> {
  const file = await findOnPath("luacheck", process.env);
  if (file !== undefined) return { file, args: [] };
  const cacheFolder = join(projectFolder(), ".cache", "tools");
  const onProgress = (line: string) => process.stderr.write(`${line}\n`);
  const unpacked = await unpackDebianPackages(["lua-check"], { cacheFolder, onProgress });
  const command = await unpacked.command("luacheck");
  return { ...command, env: luaPaths(unpacked.folder) };
}

/** The places where Debian puts modules, below the folder instead of the root. */
function luaPaths(folder: string): Record<string, string> {
  const scripts: string[] = [];
  const libraries: string[] = [];
  for (const version of ["5.1", "5.2", "5.3", "5.4"]) {
    const place = join(folder, "usr/share/lua", version);
    scripts.push(join(place, "?.lua"), join(place, "?/init.lua"));
    for (const name of readdirSync(join(folder, "usr/lib"))) {
      if (name.includes("-linux-gnu")) libraries.push(join(folder, "usr/lib", name, "lua", version, "?.so"));
    }
  }
  return { LUA_PATH: scripts.join(";"), LUA_CPATH: libraries.join(";") };
}

const { file, args, env } = await findLuacheck();
const { status, error } = spawnSync(file, [...args, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, ...env },
});
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
