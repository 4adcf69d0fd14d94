/** What the tests of the build share: Lua files made on the spot, and the fixtures. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readLuaFolder } from "../../build/outputs.js";
import type { LuaFile } from "../../build/source-error.js";

export const REPOSITORY = fileURLToPath(new URL("../../../..", import.meta.url));

/** A small repository of its own: two scripts, and includes of which two require a third. */
export const PROJECT = fileURLToPath(new URL("fixtures/project", import.meta.url));

/** Every construct that is easily misread, in one script without keys that replies with a list of strings. */
export const NASTY: LuaFile = {
  name: "nasty",
  path: "fixtures/nasty.lua",
  text: readFileSync(new URL("fixtures/nasty.lua", import.meta.url), "utf8"),
};

export function script(text: string, name = "sample"): LuaFile {
  return { name, path: `src/scripts/${name}.lua`, text };
}

/** Finds includes among the given texts by name. */
export function includes(texts: Readonly<Record<string, string>>): (name: string) => LuaFile | undefined {
  return (name) => {
    const text = texts[name];
    return text === undefined ? undefined : { name, path: `src/includes/${name}.lua`, text };
  };
}

export function projectIncludes(): Map<string, LuaFile> {
  return readLuaFolder(`${PROJECT}/packages/lua-scripts`, "src/includes");
}

export function projectScripts(): Map<string, LuaFile> {
  return readLuaFolder(`${PROJECT}/packages/lua-scripts`, "src/scripts");
}
