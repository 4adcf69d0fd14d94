/**
 * Reads the includes that clients share with the scripts: the status words and the constants.
 *
 * Each is one table of documented, literal values, so that it can be given to TypeScript without running Lua:
 *
 *     local status = {
 *       --- The attempt was committed.
 *       OK = "OK",
 *     }
 *     return status
 */
import { lex, type Token } from "./lexer.js";
import { type LuaFile, SourceError } from "./source-error.js";

export interface Entry {
  readonly name: string;
  readonly value: string | number;
  /** One sentence or more, on one line. */
  readonly doc: string;
}

export interface Registry {
  /** What the include says about itself, as Markdown; empty if it says nothing. */
  readonly doc: string;
  readonly entries: readonly Entry[];
}

/** @throws SourceError where the file has another form than the one above, or an entry has no `---` line */
export function parseRegistry(file: LuaFile): Registry {
  const tokens = lex(file.text, file.path);
  const code = tokens.filter((token) => token.kind !== "comment");
  const fail = (token: Token | undefined, problem: string): never => {
    throw new SourceError(file.path, token?.line ?? 1, problem);
  };
  let at = 0;
  const expect = (...texts: readonly string[]): void => {
    for (const text of texts) {
      const token = code[at];
      if (token?.text !== text)
        fail(token ?? code.at(-1), `expected ${text}, found ${token?.text ?? "the end"}`);
      at += 1;
    }
  };

  const entries: Entry[] = [];
  expect("local", file.name, "=", "{");
  while (code[at] !== undefined && code[at]?.text !== "}") {
    const name = code[at];
    if (name?.kind !== "name" || !/^[A-Z][A-Z0-9_]*$/.test(name.text)) {
      return fail(name, `names here are in UPPER_CASE, found ${name?.text}`);
    }
    if (entries.some((earlier) => earlier.name === name.text)) fail(name, `${name.text} is there twice`);
    at += 1;
    expect("=");
    const { value, length } = literal(code, at, fail);
    at += length;
    entries.push({
      name: name.text,
      value,
      doc: docAbove(tokens, name) ?? fail(name, `${name.text} has no --- line`),
    });
    if (code[at]?.text !== "}") expect(",");
  }
  expect("}", "return", file.name);
  if (code[at] !== undefined) fail(code[at], `expected the end, found ${code[at]?.text}`);
  return { doc: leadingComment(file), entries };
}

/** A status is the same word on both sides of `=`, so that Lua, TypeScript and the wire cannot disagree. */
export function checkStatusWords(file: LuaFile, entries: readonly Entry[]): void {
  const odd = entries.find((entry) => entry.value !== entry.name);
  if (odd !== undefined) {
    const line = file.text.split("\n").findIndex((text) => new RegExp(`^\\s*${odd.name}\\b`).test(text)) + 1;
    throw new SourceError(
      file.path,
      line,
      `status ${odd.name} must be the word "${odd.name}", found ${odd.value}`,
    );
  }
}

function literal(
  code: readonly Token[],
  at: number,
  fail: (token: Token | undefined, problem: string) => never,
): { value: string | number; length: number } {
  const negative = code[at]?.text === "-";
  const token = code[negative ? at + 1 : at];
  if (token?.kind === "number") {
    const value = Number(token.text) * (negative ? -1 : 1);
    if (!Number.isSafeInteger(value)) fail(token, `${token.text} is not an integer that every side can hold`);
    return { value, length: negative ? 2 : 1 };
  }
  if (token?.kind === "string" && !negative) {
    const text = /^(["'])([^\\]*)\1$/.exec(token.text)?.[2];
    if (text !== undefined) return { value: text, length: 1 };
  }
  return fail(
    token ?? code[at],
    `expected an integer or a string without escapes, found ${token?.text ?? "the end"}`,
  );
}

/** The comment lines that end directly above a token, from their first that begins with three dashes. */
function docAbove(tokens: readonly Token[], token: Token): string | undefined {
  const lines: string[] = [];
  let below = token;
  for (let at = tokens.indexOf(token) - 1; at >= 0; at -= 1) {
    const above = tokens[at];
    if (above?.kind !== "comment" || above.line !== below.line - 1) break;
    lines.unshift(above.text);
    below = above;
  }
  const first = lines.findIndex((text) => text.startsWith("---"));
  if (first < 0) return undefined;
  return textOf(lines.slice(first)).replaceAll("\n", " ") || undefined;
}

/** What the comment at the top of an include says, as Markdown; empty if there is none. */
function leadingComment(file: LuaFile): string {
  const lines = file.text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("--"));
  return textOf(lines.slice(0, end < 0 ? lines.length : end));
}

function textOf(comments: readonly string[]): string {
  return comments
    .map((comment) => comment.replace(/^--+ ?/, "").trimEnd())
    .join("\n")
    .trim();
}
