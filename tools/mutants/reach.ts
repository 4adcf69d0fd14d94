/**
 * Which places of the scripts a test gets to: a mutant can only be found by a test that runs the place where it
 * differs, so only those are tried on it.
 *
 * Scripts tell by `redis.log`, which needs no key, no permission and no memory, and is no write: they do what
 * they would do without it, on a full server too.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { bundle } from "../../packages/lua-scripts/build/bundle.js";
import type { LuaFile } from "../../packages/lua-scripts/build/source-error.js";
import type { Place, Sources } from "./generate.js";

/** In front of the number of a place in the server's log. */
const MARK = "reached place ";

/** Says each place once per call of the script; as a value it is true. */
const SAY = `local __reached = (function()
  local said = {}
  return function(place)
    if not said[place] then
      said[place] = true
      redis.log(redis.LOG_WARNING, "${MARK}" .. place)
    end
    return true
  end
end)()
`;

/** All scripts, by name, as they are but for saying which of the places they get to, by its position in the list. */
export function telling(sources: Sources, places: readonly Place[]): ReadonlyMap<string, string> {
  const include = new Map([...sources.includes].map(([name, file]) => [name, marked(file, places)]));
  return new Map(
    [...sources.scripts].map(([name, file]) => {
      return [name, SAY + bundle(marked(file, places), (wanted) => include.get(wanted)).source];
    }),
  );
}

/** The file with each place's number said before the place is run. */
function marked(file: LuaFile, places: readonly Place[]): LuaFile {
  const insertions = places
    .flatMap((place, number) => (place.file === file ? marksOf(place, number) : []))
    .sort((a, b) => a.at - b.at);
  let text = "";
  let done = 0;
  for (const { at, text: inserted } of insertions) {
    text += file.text.slice(done, at) + inserted;
    done = at;
  }
  return { ...file, text: text + file.text.slice(done) };
}

/** Where one place is within another, what they begin and end with may change places: it is the same. */
function marksOf(
  { start, end, statement }: Place,
  number: number,
): readonly { readonly at: number; readonly text: string }[] {
  if (statement) return [{ at: start, text: `__reached(${number}) ` }];
  return [
    { at: start, text: `(__reached(${number}) and (` },
    { at: end, text: "))" },
  ];
}

/** Reads a server's log as it grows. */
export class ReachLog {
  readonly #path: string;
  #read = 0;

  /** @param path of a file that a server's `logfile` names; it need not be there yet */
  constructor(path: string) {
    this.#path = path;
  }

  /** The numbers of the places that were reached since this was asked last. */
  reached(): ReadonlySet<number> {
    const lines = this.#added().split("\n");
    const numbers = lines.flatMap((line) => {
      const at = line.lastIndexOf(MARK);
      return at < 0 ? [] : [Number(line.slice(at + MARK.length))];
    });
    return new Set(numbers);
  }

  #added(): string {
    const file = openSync(this.#path, "r");
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#read);
      this.#read += readSync(file, bytes, 0, bytes.length, this.#read);
      return bytes.toString("latin1");
    } finally {
      closeSync(file);
    }
  }
}
