/**
 * One Lua file taken apart for bundling: its code tokens, and the includes it asks for.
 *
 * There is one way to ask, `local NAME = require("NAME")` at the top level, because the bundle has every
 * include in a local of its own name at the top: a computed name or a require under a condition could not
 * mean the same there. A file that needs the name for something else says `local OTHER = require("NAME")`,
 * and gets `local OTHER = NAME`.
 */
import { lex, type Token } from "./lexer.js";
import { type LuaFile, SourceError } from "./source-error.js";

export interface Require {
  /** The include asked for. */
  readonly name: string;
  /** The local it is bound to; mostly the same. */
  readonly alias: string;
  /** What is left of its statement among the tokens: `local OTHER = NAME`, or nothing if the names are the same. */
  readonly binding: readonly Token[];
  readonly line: number;
}

export interface LuaModule {
  readonly file: LuaFile;
  /** Without comments and require statements; of one under another name, `local OTHER = NAME` stays. */
  readonly tokens: readonly Token[];
  /** In the order they are written; no name twice. */
  readonly requires: readonly Require[];
}

const REQUIRE_FORM = `only \`local NAME = require("NAME")\` is understood`;
const QUOTED_NAME = /^(["'])([A-Za-z_][A-Za-z0-9_]*)\1$/;
/** What can follow a whole statement; all else would go on with the expression, as in `require("a").b`. */
const STATEMENT_START: ReadonlySet<string> = new Set(
  "; break do for function if local repeat return while".split(" "),
);

/** @throws SourceError for what the lexer refuses, and for any `require` in another form */
export function parseModule(file: LuaFile): LuaModule {
  const code = lex(file.text, file.path).filter((token) => token.kind !== "comment");
  const depths = blockDepths(code);
  const requires: Require[] = [];
  const replaced = new Map<Token, Token | undefined>();

  for (const [at, token] of code.entries()) {
    if (token.kind !== "name" || token.text !== "require") continue;
    const fail = (problem: string): never => {
      throw new SourceError(file.path, token.line, problem);
    };
    const [local, bound, equals, open, argument, close] = [-3, -2, -1, 1, 2, 3].map(
      (step) => code[at + step],
    );
    const name = QUOTED_NAME.exec(argument?.text ?? "")?.[2];
    const formed =
      local?.text === "local" && equals?.text === "=" && open?.text === "(" && close?.text === ")";
    if (!formed || name === undefined || bound?.kind !== "name") return fail(REQUIRE_FORM);
    if (depths[at] !== 0) fail(`"${name}" is required inside a block: require it at the top level`);
    if (requires.some((earlier) => earlier.name === name)) fail(`"${name}" is required twice`);
    const next = code[at + 4];
    if (next !== undefined && next.kind !== "name" && !STATEMENT_START.has(next.text)) {
      fail(`${REQUIRE_FORM}: nothing may follow it in its statement, found ${next.text}`);
    }
    const alias = bound.text;
    const value: Token = { kind: "name", text: name, start: token.start, end: close.end, line: token.line };
    const binding = alias === name ? [] : [local, bound, equals, value];
    requires.push({ name, alias, binding, line: token.line });
    const statement = code.slice(at - 3, next?.text === ";" ? at + 5 : at + 4);
    for (const part of alias === name ? statement : statement.slice(3)) replaced.set(part, undefined);
    if (alias === name) continue;
    if (declaredNames(code.slice(0, at)).has(name))
      fail(`require "${name}" above the local of that name, which hides it`);
    replaced.set(token, value);
  }
  const tokens = code.map((token) => (replaced.has(token) ? replaced.get(token) : token));
  return { file, tokens: tokens.filter((token) => token !== undefined), requires };
}

/** Whether the file hands a value to whoever requires it, with a `return` outside every block. */
export function returnsValue(module: LuaModule): boolean {
  const depths = blockDepths(module.tokens);
  return module.tokens.some((token, at) => token.text === "return" && depths[at] === 0);
}

/** How many blocks are open at each token. `while` and `for` open theirs with `do`, `elseif` opens none. */
export function blockDepths(code: readonly Token[]): number[] {
  let depth = 0;
  return code.map((token) => {
    if (token.kind !== "keyword") return depth;
    if (token.text === "end" || token.text === "until") depth -= 1;
    const here = depth;
    if (["function", "do", "if", "repeat"].includes(token.text)) depth += 1;
    return here;
  });
}

/**
 * Where a name is used as a variable that this file does not declare, or undefined.
 *
 * It works on tokens, without scopes: a name declared local anywhere in the file counts as declared
 * everywhere in it. That is enough to tell a forgotten require (never declared) from a variable that happens
 * to share its name.
 */
export function strayUse(module: LuaModule, name: string): Token | undefined {
  const use = module.tokens.find((_, at) => isVariable(module.tokens, at, name));
  return use !== undefined && declaredNames(module.tokens).has(name) ? undefined : use;
}

/** Whether a required include is used at all. */
export function isUsed(module: LuaModule, { name, alias }: Require): boolean {
  const uses = module.tokens.filter((_, at) => isVariable(module.tokens, at, alias)).length;
  // Of a require under another name, its own `local OTHER` is still there.
  return uses > (alias === name ? 0 : 1);
}

/** Whether the token at `at` is the variable `name`: not a field (`x.name`), not a key (`{ name = 1 }`). */
export function isVariable(tokens: readonly Token[], at: number, name: string): boolean {
  const token = tokens[at];
  if (token?.kind !== "name" || token.text !== name) return false;
  const before = tokens[at - 1]?.text ?? "";
  if (before === "." || before === ":") return false;
  return !(tokens[at + 1]?.text === "=" && ["{", ",", ";"].includes(before));
}

/** Every name that a `local`, a parameter list or a `for` of the file declares. */
export function declaredNames(tokens: readonly Token[]): Set<string> {
  const names = new Set<string>();
  /** Takes `a, b, c` from `from` on. */
  const takeList = (from: number): void => {
    for (let at = from; tokens[at]?.kind === "name"; at += 2) {
      names.add(tokens[at]?.text ?? "");
      if (tokens[at + 1]?.text !== ",") return;
    }
  };
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== "keyword") continue;
    if (token.text === "for") takeList(at + 1);
    if (token.text === "local") takeList(tokens[at + 1]?.text === "function" ? at + 2 : at + 1);
    if (token.text === "function") {
      // Behind `function` come the parts of its name, if it has one, and the parenthesis.
      let open = at + 1;
      while (open < tokens.length && tokens[open]?.text !== "(") open += 1;
      takeList(open + 1);
    }
  }
  return names;
}
