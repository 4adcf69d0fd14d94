/**
 * Makes one self-contained script of a Lua file and the includes it requires.
 *
 * Every include is evaluated once per bundle, at the top, in a block of its own, so that its locals stay its own; what
 * it gives are locals of the bundle (`flatten.ts`):
 *
 *     local ring_add
 *     do
 *       …
 *       function ring_add(…) … end
 *     end
 *
 * What is not there costs nothing to run: registries are written out as their values (`inline.ts`), and what nothing
 * uses is left out (`reach.ts`).
 *
 * Comments and blank lines go; what stood on one line stays on one line, with its indentation, so that the
 * line number in a Redis error leads to the right line of the snapshot and, from there, of the source.
 */
import { flatten } from "./flatten.js";
import { inlineLiterals, type Literals, literalsOf } from "./inline.js";
import type { Token } from "./lexer.js";
import { isUsed, type LuaModule, parseModule, type Require, returnsValue, strayUse } from "./module.js";
import { reachableFrom } from "./reach.js";
import { type LuaFile, SourceError } from "./source-error.js";

export interface Bundle {
  /** Lua 5.1, ending in a line break. */
  readonly source: string;
  /** Names of the includes of which anything is in it; each stands after those it requires. */
  readonly includes: readonly string[];
}

/** An include of one of these names would hide what every other file of the bundle expects under it. */
const GLOBALS: ReadonlySet<string> = new Set(
  (
    "ARGV KEYS _G _VERSION assert bit cjson cmsgpack collectgarbage coroutine debug dofile error getfenv " +
    "getmetatable io ipairs load loadfile loadstring math module next os package pairs pcall print " +
    "rawequal rawget rawset redis require select server setfenv setmetatable string struct table " +
    "tonumber tostring type unpack xpcall"
  ).split(" "),
);

/**
 * @param script the file to bundle
 * @param findInclude gives the include of that name, or undefined if there is none
 * @throws SourceError naming file and line: a require in an unknown form, of an unknown include, in a cycle,
 *   without use, or forgotten; an include that returns nothing or is named like a global; a registry's entry that
 *   does not exist, or its table used for anything but its entries
 */
export function bundle(script: LuaFile, findInclude: (name: string) => LuaFile | undefined): Bundle {
  const written = parseModule(script);
  const all = collectIncludes(written, findInclude);
  for (const module of [...all.values(), written]) checkUses(module, all);
  const { body, libraries } = inlined(written, all);
  const { script: flat, includes } = flatten(body, reachableFrom(body, libraries));

  // Shown by MONITOR and SLOWLOG when a server gets the script by EVAL, and at the top of the snapshot.
  const lines = [`-- sluice ${script.name}: generated from ${script.path}, do not edit`];
  for (const [name, { module, locals }] of includes) {
    const code = layOut(module.file.text, module.tokens, "  ");
    if (locals === undefined) lines.push(`local ${name} = (function()`, code, "end)()");
    else lines.push(locals.length > 0 ? `local ${locals.join(", ")}` : "", "do", code, "end");
  }
  // Without the semicolon, Lua would take a parenthesis on the next line for a call of the include's value.
  if (includes.size > 0 && flat.tokens[0]?.text === "(") lines.push(";");
  lines.push(layOut(script.text, flat.tokens, ""));
  return { source: `${lines.filter((line) => line !== "").join("\n")}\n`, includes: [...includes.keys()] };
}

/** All includes that the script needs, directly or not, each behind those it needs itself. */
function collectIncludes(
  script: LuaModule,
  findInclude: (name: string) => LuaFile | undefined,
): Map<string, LuaModule> {
  const done = new Map<string, LuaModule>();
  const visit = (from: LuaModule, wanted: Require, trail: readonly string[]): void => {
    const fail = (problem: string): never => {
      throw new SourceError(from.file.path, wanted.line, problem);
    };
    const { name } = wanted;
    if (trail.includes(name)) {
      fail(
        `includes require each other in a cycle: ${[...trail.slice(trail.indexOf(name)), name].join(" -> ")}`,
      );
    }
    if (done.has(name)) return;
    if (GLOBALS.has(name))
      fail(`an include named "${name}" would hide Lua's own ${name}: choose another name`);
    const file = findInclude(name);
    if (file === undefined) {
      throw new SourceError(
        from.file.path,
        wanted.line,
        `there is no include "${name}" (src/includes/${name}.lua)`,
      );
    }
    const module = parseModule(file);
    if (!returnsValue(module))
      fail(`include "${name}" returns nothing: end it with a return at the top level`);
    for (const next of module.requires) visit(module, next, [...trail, name]);
    done.set(name, module);
  };
  for (const wanted of script.requires) visit(script, wanted, []);
  return done;
}

/** A file must require what it uses, or it works in some bundles only; and use what it requires. */
function checkUses(module: LuaModule, includes: ReadonlyMap<string, LuaModule>): void {
  for (const name of includes.keys()) {
    const required = module.requires.find((wanted) => wanted.name === name);
    if (required === undefined) {
      const stray = strayUse(module, name);
      if (stray !== undefined)
        throw new SourceError(module.file.path, stray.line, `uses "${name}" without requiring it`);
    } else if (!isUsed(module, required)) {
      throw new SourceError(module.file.path, required.line, `requires "${name}" and does not use it`);
    }
  }
}

/** Script and includes with the literals of registries in them, and without the registries. */
function inlined(
  script: LuaModule,
  includes: ReadonlyMap<string, LuaModule>,
): { readonly body: LuaModule; readonly libraries: ReadonlyMap<string, LuaModule> } {
  const registries = new Map<string, Literals>();
  for (const [name, module] of includes) {
    const literals = literalsOf(module);
    if (literals !== undefined) registries.set(name, literals);
  }
  const others = [...includes].filter(([name]) => !registries.has(name));
  return {
    body: inlineLiterals(script, registries),
    libraries: new Map(others.map(([name, module]) => [name, inlineLiterals(module, registries)])),
  };
}

/**
 * The tokens again as text: as they stood, less whatever was between them that is not a token of the list.
 *
 * A comment (or a dropped statement) between two tokens leaves a line break if it held one, else a space, so
 * tokens never run together, and never end up on another line than before: Lua 5.1 refuses a call whose
 * parenthesis opens on the next line, so a line break more or less could change what is accepted.
 */
export function layOut(text: string, tokens: readonly Token[], indent: string): string {
  let out = "";
  let end = 0;
  for (const token of tokens) {
    const gap = text.slice(end, token.start);
    const margin = indent + (/[ \t]*$/.exec(gap)?.[0] ?? "");
    if (out === "") out = margin + token.text;
    else if (gap.includes("\n")) out += `\n${margin}${token.text}`;
    else out += (/^\s*$/.test(gap) ? gap : " ") + token.text;
    end = token.end;
  }
  return out;
}
