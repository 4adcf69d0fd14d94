/**
 * A lexer for Lua 5.1, the dialect inside every Redis and Valkey.
 *
 * It follows `llex.c` of Lua 5.1 (as built for Redis, with LUA_COMPAT_LSTR = 1), so that what it accepts and
 * where a token ends is what the server will see. It knows nothing of grammar: that is the server's to judge.
 * Only ASCII letters make names, because the server runs in the C locale.
 */
import { SourceError } from "./source-error.js";

export type TokenKind = "name" | "keyword" | "number" | "string" | "operator" | "comment";

export interface Token {
  readonly kind: TokenKind;
  /** The token exactly as written, quotes and comment dashes included. */
  readonly text: string;
  /** Offset of the first character. */
  readonly start: number;
  /** Offset behind the last character. */
  readonly end: number;
  /** 1-based line of the first character. */
  readonly line: number;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "and break do else elseif end false for function if in local nil not or repeat " +
    "return then true until while"
  ).split(" "),
);

const SPACE = /[ \t\v\f\n]+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
/** What Lua reads as one numeral before it asks whether it is one: `3..2` is a single, bad, numeral. */
const NUMERAL = /(?:[0-9]|\.[0-9])[0-9.]*(?:[eE][+-]?)?[A-Za-z0-9_]*/y;
/** Less than `strtod` may take: hexadecimal fractions (`0x1p4`) depend on the server's C library. */
const VALID_NUMERAL = /^(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)$/;
/** Longest first: `...` before `..` before `.`. */
const OPERATOR = /\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}[\];:,.]/y;
const LONG_OPEN = /\[=*\[/y;

/** Line breaks as Lua counts them (`\r\n` and `\n\r` are one) made `\n`, as Lua itself does in a string. */
export function normaliseLineBreaks(text: string): string {
  return text.replace(/\r\n|\n\r|\r/g, "\n");
}

/**
 * Splits Lua 5.1 source into tokens, comments included, white space left out.
 *
 * @param text source with line breaks already normalised
 * @param path file named in errors
 * @throws SourceError where Lua itself would refuse the character, numeral, string or bracket
 */
export function lex(text: string, path: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const fail: Fail = (problem) => {
    throw new SourceError(path, line, problem);
  };
  if (text.startsWith("#!")) fail("a script has no shebang line: Redis before 7.0 does not compile it");
  while (at < text.length) {
    const space = matchAt(SPACE, text, at);
    if (space !== undefined) {
      line += countLineBreaks(space);
      at += space.length;
      continue;
    }
    const { kind, end } = tokenAt(text, at, fail);
    const token = { kind, text: text.slice(at, end), start: at, end, line };
    tokens.push(token);
    line += countLineBreaks(token.text);
    at = end;
  }
  return tokens;
}

type Fail = (problem: string) => never;

/** What the token at `at` is and where it ends. */
function tokenAt(text: string, at: number, fail: Fail): { kind: TokenKind; end: number } {
  if (text.startsWith("--", at)) {
    const lineEnd = text.indexOf("\n", at);
    const shortEnd = lineEnd < 0 ? text.length : lineEnd;
    return { kind: "comment", end: longBracketEnd(text, at + 2, "a comment", fail) ?? shortEnd };
  }
  const char = text.charAt(at);
  if (char === '"' || char === "'") return { kind: "string", end: quotedEnd(text, at, fail) };
  const long = longBracketEnd(text, at, "a string", fail);
  if (long !== undefined) return { kind: "string", end: long };
  if (text.startsWith("[=", at)) fail("[= opens neither a long string nor an index");

  const name = matchAt(NAME, text, at);
  if (name !== undefined) return { kind: KEYWORDS.has(name) ? "keyword" : "name", end: at + name.length };
  const numeral = matchAt(NUMERAL, text, at);
  if (numeral !== undefined) {
    if (!VALID_NUMERAL.test(numeral)) fail(`"${numeral}" is not a number`);
    return { kind: "number", end: at + numeral.length };
  }
  const operator = matchAt(OPERATOR, text, at);
  if (operator !== undefined) return { kind: "operator", end: at + operator.length };
  const codePoint = (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return fail(`unexpected character U+${codePoint}: it may only stand in a string or a comment`);
}

/** What a sticky pattern matches at exactly this place. */
function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** The offset behind the long bracket that opens at `start`, or undefined if none opens there. */
function longBracketEnd(text: string, start: number, what: string, fail: Fail): number | undefined {
  const open = matchAt(LONG_OPEN, text, start);
  if (open === undefined) return undefined;
  const close = open.replaceAll("[", "]");
  const body = start + open.length;
  const end = text.indexOf(close, body);
  if (end < 0) return fail(`${what} opened with ${open} is never closed by ${close}`);
  if (open === "[[" && text.slice(body, end).includes("[[")) {
    fail(`${what} opened with [[ holds another [[, which Lua 5.1 refuses: write [=[ … ]=]`);
  }
  return end + close.length;
}

/** The offset behind the quoted string that opens at `start`. */
function quotedEnd(text: string, start: number, fail: Fail): number {
  const quote = text.charAt(start);
  let at = start + 1;
  for (;;) {
    const char = text.charAt(at);
    if (char === quote) return at + 1;
    if (char === "" || char === "\n") fail("a string is not closed on its line");
    if (char !== "\\") {
      at += 1;
      continue;
    }
    const digits = /^[0-9]{1,3}/.exec(text.slice(at + 1, at + 4))?.[0];
    if (digits !== undefined && Number(digits) > 255) fail(`escape \\${digits} is above 255`);
    // A backslash takes any one character with it, a line break too; the end of the file is caught above.
    at += 1 + (digits?.length ?? (at + 1 < text.length ? 1 : 0));
  }
}

function countLineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
