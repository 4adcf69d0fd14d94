/**
 * Mutants made by rule: each condition of the scripts and their includes negated, each write dropped, one at a
 * time. A place in an include is changed once, for all the scripts that have the include.
 */
import { createHash } from "node:crypto";
import { allScripts } from "@sluice/lua-scripts";
import { bundle } from "../../packages/lua-scripts/build/bundle.js";
import { lex } from "../../packages/lua-scripts/build/lexer.js";
import { readLuaFolder } from "../../packages/lua-scripts/build/outputs.js";
import type { LuaFile } from "../../packages/lua-scripts/build/source-error.js";
import { conditionsIn } from "./conditions.js";
import { parse } from "./lua/parse.js";
import type { Extent } from "./lua/syntax.js";
import { type ParsedFile, type Write, writersAmong, writesIn } from "./writes.js";

/** The Lua that mutants are made of. */
export interface Sources {
  readonly scripts: ReadonlyMap<string, LuaFile>;
  readonly includes: ReadonlyMap<string, LuaFile>;
}

/** A place in a file, and what is put there. */
export interface Place extends Extent {
  /**
   * `settle.lua negate: #released > 0`, with ` (2)` behind it for the second of that text: it stays while other
   * places of the file change.
   */
  readonly id: string;
  readonly rule: "negate" | "drop";
  readonly file: LuaFile;
  /** 1-based. */
  readonly line: number;
  readonly instead: string;
  /** Whether it is a statement of its own, not an expression. */
  readonly statement: boolean;
}

/** @param packageDir `packages/lua-scripts`, or a folder laid out like it */
export function readSources(packageDir: string): Sources {
  return {
    scripts: readLuaFolder(packageDir, "src/scripts"),
    includes: readLuaFolder(packageDir, "src/includes"),
  };
}

/** Every place where a mutant is made, file by file, in the order of the text. */
export function placesIn({ scripts, includes }: Sources): readonly Place[] {
  const parsed = [...scripts.values(), ...includes.values()].map((file) => ({ file, body: parse(file) }));
  const writers = writersAmong(parsed);
  return parsed.flatMap((file) => placesOf(file, writers));
}

function placesOf(parsed: ParsedFile, writers: ReadonlySet<string>): readonly Place[] {
  const { file, body } = parsed;
  const found = [
    ...conditionsIn(body).map((condition) => negation(file, condition)),
    ...writesIn(parsed, writers).map((write) => omission(file, write)),
  ];
  const seen = new Map<string, number>();
  return found
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .map((change) => {
      const name = `${file.name}.lua ${change.rule}: ${onOneLine(file, change)}`;
      const nth = (seen.get(name) ?? 0) + 1;
      seen.set(name, nth);
      const line = file.text.slice(0, change.start).split("\n").length;
      return { ...change, id: nth === 1 ? name : `${name} (${nth})`, file, line };
    });
}

type Change = Omit<Place, "id" | "file" | "line">;

function negation(file: LuaFile, { start, end }: Extent): Change {
  return { rule: "negate", start, end, statement: false, instead: `not (${file.text.slice(start, end)})` };
}

/** The call stays in the text: what it uses would else be unused, which the bundler refuses. */
function omission(file: LuaFile, { start, end, answer }: Write): Change {
  const call = file.text.slice(start, end);
  const statement = answer === undefined;
  const instead = statement ? `if false then ${call} end` : `(false and ${call} or ${answer})`;
  return { rule: "drop", start, end, statement, instead };
}

/** The code of an extent without comments and line breaks. */
function onOneLine(file: LuaFile, { start, end }: Extent): string {
  const tokens = lex(file.text, file.path).filter(
    (token) => token.kind !== "comment" && token.start >= start && token.end <= end,
  );
  let last = start;
  const parts = tokens.map((token, at) => {
    // A line break within parentheses is where the line was too long.
    const broken = file.text.slice(last, token.start).includes("\n");
    const tight = broken && (tokens[at - 1]?.text === "(" || token.text === ")");
    const gap = token.start > last && !tight ? " " : "";
    last = token.end;
    return gap + token.text;
  });
  return parts.join("");
}

/** The file with that place changed. */
export function changed({ file, start, end, instead }: Place): LuaFile {
  return { ...file, text: file.text.slice(0, start) + instead + file.text.slice(end) };
}

/** The names of the scripts whose bundle has something of the file: the file itself, or those that include it. */
export function scriptsWith(sources: Sources, file: LuaFile): readonly string[] {
  if (sources.scripts.get(file.name) === file) return [file.name];
  return [...sources.scripts.values()]
    .filter((script) => bundleOf(sources, script).includes.includes(file.name))
    .map((script) => script.name);
}

const bundles = new WeakMap<LuaFile, ReturnType<typeof bundle>>();

/** Of the sources as they are; kept, since each is asked for again for every mutant. */
function bundleOf({ includes }: Sources, script: LuaFile): ReturnType<typeof bundle> {
  const made = bundles.get(script) ?? bundle(script, (name) => includes.get(name));
  bundles.set(script, made);
  return made;
}

/**
 * The bundles in which the place is changed, by the script's name; of an include a script has only what it can get to.
 *
 * @param most how many of them to make; all unless given
 * @throws SourceError if the changed file cannot be bundled, which is a mistake of the generator
 */
export function bundlesWith(
  sources: Sources,
  place: Place,
  most = Number.POSITIVE_INFINITY,
): ReadonlyMap<string, string> {
  const file = changed(place);
  const include = (wanted: string) => (wanted === place.file.name ? file : sources.includes.get(wanted));
  const made = new Map<string, string>();
  for (const name of scriptsWith(sources, place.file)) {
    if (made.size === most) break;
    const script = sources.scripts.get(name);
    if (script === undefined) throw new Error(`bundle "${name}": there is no such script`);
    const { source } = bundle(script === place.file ? file : script, include);
    if (source !== bundleOf(sources, script).source) made.set(name, source);
  }
  return made;
}

/**
 * The same by the SHA-1 under which clients ask for the script.
 *
 * @throws Error if clients have other scripts than the sources make
 */
export function bySha1(sources: Sources, byName: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(
    [...byName].map(([name, source]) => {
      const script = sources.scripts.get(name);
      const known = allScripts.find((it) => it.name === name);
      const made = script && createHash("sha1").update(bundleOf(sources, script).source).digest("hex");
      if (known === undefined || known.sha1 !== made) {
        throw new Error(`mutate ${name}.lua: clients have another version of it: run npm run generate`);
      }
      return [known.sha1, source];
    }),
  );
}
