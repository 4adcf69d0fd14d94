/**
 * The one error of the build: a mistake in a Lua file, told with its place so that an editor can jump to it.
 */

/** A Lua source file as the build sees it: read once, line breaks normalised to `\n`. */
export interface LuaFile {
  /** The file's name without `.lua`, e.g. `settle`. */
  readonly name: string;
  /** Path shown in errors and in the generated files, relative to the package: `src/scripts/settle.lua`. */
  readonly path: string;
  readonly text: string;
}

/** A mistake in a source file. Its message reads `src/scripts/settle.lua:12: what is wrong`. */
export class SourceError extends Error {
  readonly path: string;
  /** 1-based line within `path`. */
  readonly line: number;

  constructor(path: string, line: number, problem: string) {
    super(`${path}:${line}: ${problem}`);
    this.name = "SourceError";
    this.path = path;
    this.line = line;
  }
}
