/**
 * An include cut into its top-level statements, of which a bundle may need some and not others.
 *
 * The form that is understood is that of a library:
 *
 *     local ring = {}
 *     local COUNT, LIVE = 5, 4
 *     local function bucket(self) … end
 *     ring.MOST = 10
 *     function ring.add(self) … end
 *     return ring
 *
 * An include with any other statement at its top level is one piece, which is always there.
 */
import type { Token } from "./lexer.js";
import { blockDepths, type LuaModule } from "./module.js";

export interface Piece {
  readonly tokens: readonly Token[];
  /** What it declares: a local by its name, a field of the table as `.name`. */
  readonly declares: readonly string[];
  /**
   * When it is in the bundle: together with the table (its making and its return), if what it declares is used,
   * or always, since it may do more than declare.
   */
  readonly when: "table" | "used" | "always";
}

export interface Library {
  /** The local that is returned; undefined if the form is another one. */
  readonly table: string | undefined;
  /** In the order of the file. */
  readonly pieces: readonly Piece[];
}

export function libraryOf(module: LuaModule): Library {
  const statements = statementsOf(module.tokens);
  const [returns, table, ...rest] = statements.at(-1) ?? [];
  if (returns?.text === "return" && table?.kind === "name" && rest.length === 0) {
    const pieces = statements.map((statement) => pieceOf(statement, table.text));
    const understood = pieces.filter((piece) => piece !== undefined);
    // One statement makes the table, one returns it.
    const made = understood.filter(({ when }) => when === "table").length === 2;
    if (made && understood.length === pieces.length) return { table: table.text, pieces: understood };
  }
  return { table: undefined, pieces: [{ tokens: module.tokens, declares: [], when: "always" }] };
}

const STATEMENT_START: ReadonlySet<string> = new Set(
  "; local function return break do for if repeat while".split(" "),
);

function statementsOf(code: readonly Token[]): Token[][] {
  const depths = blockDepths(code);
  const statements: Token[][] = [];
  let brackets = 0;
  for (const [at, token] of code.entries()) {
    const outside = depths[at] === 0 && brackets === 0;
    if (outside && startsStatement(token, code[at - 1], code[at + 1])) statements.push([]);
    if (["(", "[", "{"].includes(token.text)) brackets += 1;
    if ([")", "]", "}"].includes(token.text)) brackets -= 1;
    statements.at(-1)?.push(token);
  }
  return statements;
}

function startsStatement(token: Token, before: Token | undefined, next: Token | undefined): boolean {
  if (before === undefined) return true;
  // A function with a name; `local function` has begun, and one without is a value.
  if (token.text === "function") return before.text !== "local" && next?.kind === "name";
  return STATEMENT_START.has(token.text) || (token.kind === "name" && endsValue(before));
}

/** Whether a value can end with the token, so that no name can go on with it. */
function endsValue({ kind, text }: Token): boolean {
  const literal = kind === "name" || kind === "number" || kind === "string";
  return literal || [")", "]", "}", "end", "nil", "true", "false", "..."].includes(text);
}

/** Undefined for a statement that no library has. */
function pieceOf(tokens: readonly Token[], table: string): Piece | undefined {
  const texts = tokens.map(({ text }) => text);
  const [first, second = "", third = "", fourth = "", fifth] = texts;
  const declaring = (names: readonly string[], value: readonly Token[] = []): Piece => {
    return { tokens, declares: names, when: calls(value) ? "always" : "used" };
  };

  const whole = texts.join(" ");
  if (whole === `local ${table} = { }` || whole === `return ${table}`)
    return { tokens, declares: [], when: "table" };
  if (first === "function" && second === table && third === "." && fifth === "(")
    return declaring([`.${fourth}`]);
  if (first === table && second === "." && fourth === "=") return declaring([`.${third}`], tokens.slice(4));
  if (first !== "local") return undefined;
  if (second === "function") return third === table ? undefined : declaring([third]);
  const equals = texts.indexOf("=");
  const names = tokens.slice(1, equals < 0 ? undefined : equals).filter(({ kind }) => kind === "name");
  const declared = names.map(({ text }) => text);
  return declared.includes(table)
    ? undefined
    : declaring(declared, equals < 0 ? [] : tokens.slice(equals + 1));
}

/** Whether a call stands in the value: all else only gives one, and so does `tostring`. */
function calls(value: readonly Token[]): boolean {
  return value.some(({ kind, text }, at) => {
    const before = value[at - 1];
    const callee =
      (before?.kind === "name" && before.text !== "tostring") ||
      before?.kind === "string" ||
      [")", "]", "}"].includes(before?.text ?? "");
    return callee && (kind === "string" || text === "(" || text === "{");
  });
}
