/**
 * Reads Lua 5.1 into a tree, on the tokens of the bundler's lexer.
 *
 * It follows the grammar of the reference manual. What it refuses, a server would refuse too; the names of
 * locals and the parameters of functions are read past, since nobody here asks for them.
 */
import { lex, type Token } from "../../../packages/lua-scripts/build/lexer.js";
import { type LuaFile, SourceError } from "../../../packages/lua-scripts/build/source-error.js";
import type { Arm, Block, Call, Expression, Statement } from "./syntax.js";

/** How tightly an operator binds to what is left and right of it; less so on the right: `a .. b .. c` is `a .. (b .. c)`. */
const BINDING: ReadonlyMap<string, readonly [left: number, right: number]> = new Map([
  ["or", [1, 1]],
  ["and", [2, 2]],
  ...["<", ">", "<=", ">=", "~=", "=="].map((text): [string, [number, number]] => [text, [3, 3]]),
  ["..", [5, 4]],
  ...["+", "-"].map((text): [string, [number, number]] => [text, [6, 6]]),
  ...["*", "/", "%"].map((text): [string, [number, number]] => [text, [7, 7]]),
  ["^", [10, 9]],
]);
const UNARY: ReadonlySet<string> = new Set(["not", "-", "#"]);
const UNARY_BINDING = 8;
const BLOCK_END: ReadonlySet<string> = new Set(["end", "else", "elseif", "until"]);
const CONSTANTS: ReadonlySet<string> = new Set(["nil", "true", "false", "..."]);

/** @throws SourceError naming file and line, for what is no Lua 5.1 */
export function parse(file: LuaFile): Block {
  const parser = new Parser(file);
  return parser.file();
}

class Parser {
  readonly #file: LuaFile;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(file: LuaFile) {
    this.#file = file;
    this.#tokens = lex(file.text, file.path).filter((token) => token.kind !== "comment");
  }

  file(): Block {
    const body = this.#block();
    if (this.#at < this.#tokens.length) this.#refuse("the end of the file");
    return body;
  }

  #block(): Block {
    const statements: Statement[] = [];
    while (this.#at < this.#tokens.length && !BLOCK_END.has(this.#text())) {
      const statement = this.#statement();
      statements.push(statement);
      this.#skip(";");
      if (statement.kind === "return" || statement.kind === "break") break;
    }
    return statements;
  }

  #statement(): Statement {
    const start = this.#start();
    const body = this.#statementBody(start);
    return { ...body, start, end: this.#end() };
  }

  #statementBody(start: number): Statement {
    const extent = { start, end: start };
    const word = this.#tokens[this.#at]?.kind === "keyword" ? this.#text() : "";
    switch (word) {
      case "if":
        return { kind: "if", ...this.#arms(), ...extent };
      case "while": {
        this.#at += 1;
        const condition = this.#expression();
        this.#take("do");
        return { kind: "while", condition, body: this.#blockUntilEnd(), ...extent };
      }
      case "repeat": {
        this.#at += 1;
        const body = this.#block();
        this.#take("until");
        return { kind: "repeat", condition: this.#expression(), body, ...extent };
      }
      case "do":
        this.#at += 1;
        return { kind: "do", body: this.#blockUntilEnd(), ...extent };
      case "for":
        return { kind: "for", ...this.#loop(), ...extent };
      case "function":
        this.#at += 1;
        return { kind: "function", name: this.#functionName(), body: this.#functionBody(), ...extent };
      case "local":
        return this.#local(extent);
      case "return": {
        this.#at += 1;
        const bare = this.#at === this.#tokens.length || BLOCK_END.has(this.#text()) || this.#text() === ";";
        return { kind: "return", values: bare ? [] : this.#expressions(), ...extent };
      }
      case "break":
        this.#at += 1;
        return { kind: "break", ...extent };
      default:
        return this.#callOrAssignment(extent);
    }
  }

  #arms(): { arms: Arm[]; otherwise: Block } {
    const arms: Arm[] = [];
    while (arms.length === 0 || this.#text() === "elseif") {
      this.#at += 1;
      const condition = this.#expression();
      this.#take("then");
      arms.push({ condition, body: this.#block() });
    }
    const otherwise = this.#skip("else") ? this.#block() : [];
    this.#take("end");
    return { arms, otherwise };
  }

  #loop(): { bounds: Expression[]; body: Block } {
    this.#at += 1;
    this.#names();
    if (!this.#skip("=")) this.#take("in");
    const bounds = this.#expressions();
    this.#take("do");
    return { bounds, body: this.#blockUntilEnd() };
  }

  #local(extent: { start: number; end: number }): Statement {
    this.#at += 1;
    if (this.#skip("function")) {
      return { kind: "function", name: this.#functionName(), body: this.#functionBody(), ...extent };
    }
    this.#names();
    const parts = this.#skip("=") ? this.#expressions() : [];
    return { kind: "assign", parts, local: true, ...extent };
  }

  #callOrAssignment(extent: { start: number; end: number }): Statement {
    const first = this.#suffixed();
    if (first.kind === "call" && this.#text() !== "=" && this.#text() !== ",") {
      return { kind: "call", call: first, ...extent };
    }
    const targets = [first];
    while (this.#skip(",")) targets.push(this.#suffixed());
    this.#take("=");
    return { kind: "assign", parts: [...targets, ...this.#expressions()], local: false, ...extent };
  }

  #functionName(): string {
    let name = this.#takeName();
    while (this.#text() === "." || this.#text() === ":") {
      this.#at += 1;
      name += `.${this.#takeName()}`;
    }
    return name;
  }

  /** Parameters and what follows, up to and with `end`. */
  #functionBody(): Block {
    this.#take("(");
    if (this.#text() !== ")") this.#names();
    this.#take(")");
    return this.#blockUntilEnd();
  }

  #blockUntilEnd(): Block {
    const body = this.#block();
    this.#take("end");
    return body;
  }

  #names(): void {
    do {
      if (!this.#skip("...")) this.#takeName();
    } while (this.#skip(","));
  }

  #expressions(): Expression[] {
    const found = [this.#expression()];
    while (this.#skip(",")) found.push(this.#expression());
    return found;
  }

  /** An expression of operators that bind more tightly than `limit`. */
  #expression(limit = 0): Expression {
    const start = this.#start();
    let left: Expression;
    if (UNARY.has(this.#text())) {
      const operator = this.#next().text;
      const operand = this.#expression(UNARY_BINDING);
      left = { kind: "unary", operator, operand, start, end: this.#end() };
    } else {
      left = this.#simple();
    }
    for (;;) {
      const operator = this.#text();
      const binding = BINDING.get(operator);
      if (binding === undefined || binding[0] <= limit) return left;
      this.#at += 1;
      const right = this.#expression(binding[1]);
      left = { kind: "binary", operator, left, right, start, end: this.#end() };
    }
  }

  #simple(): Expression {
    const token = this.#tokens[this.#at];
    const literal = token?.kind === "string" || token?.kind === "number" || CONSTANTS.has(this.#text());
    if (token !== undefined && literal) {
      this.#at += 1;
      return { kind: "literal", text: token.text, start: token.start, end: token.end };
    }
    if (this.#text() === "{") return this.#table();
    if (this.#text() === "function") {
      const start = this.#start();
      this.#at += 1;
      const body = this.#functionBody();
      return { kind: "function", body, start, end: this.#end() };
    }
    return this.#suffixed();
  }

  /** A name or a group with whatever indexes and calls follow. */
  #suffixed(): Expression {
    const start = this.#start();
    let found: Expression;
    if (this.#skip("(")) {
      const inner = this.#expression();
      this.#take(")");
      found = { kind: "group", inner, start, end: this.#end() };
    } else {
      const text = this.#takeName();
      found = { kind: "name", text, start, end: this.#end() };
    }
    for (;;) {
      const next = this.#suffix(found, start);
      if (next === undefined) return found;
      found = next;
    }
  }

  #suffix(object: Expression, start: number): Expression | undefined {
    const text = this.#text();
    if (text === "." || text === ":") {
      this.#at += 1;
      const name = this.#start();
      const key: Expression = {
        kind: "literal",
        text: `"${this.#takeName()}"`,
        start: name,
        end: this.#end(),
      };
      return { kind: "index", object, key, start, end: this.#end() };
    }
    if (this.#skip("[")) {
      const key = this.#expression();
      this.#take("]");
      return { kind: "index", object, key, start, end: this.#end() };
    }
    return this.#call(object, start);
  }

  #call(callee: Expression, start: number): Call | undefined {
    let args: Expression[];
    if (this.#skip("(")) {
      args = this.#text() === ")" ? [] : this.#expressions();
      this.#take(")");
    } else if (this.#tokens[this.#at]?.kind === "string" || this.#text() === "{") {
      args = [this.#simple()];
    } else {
      return undefined;
    }
    return { kind: "call", callee, args, start, end: this.#end() };
  }

  #table(): Expression {
    const start = this.#start();
    this.#take("{");
    const parts: Expression[] = [];
    while (this.#text() !== "}") {
      if (this.#skip("[")) {
        parts.push(this.#expression());
        this.#take("]");
        this.#take("=");
      } else if (this.#tokens[this.#at]?.kind === "name" && this.#tokens[this.#at + 1]?.text === "=") {
        this.#at += 2;
      }
      parts.push(this.#expression());
      if (!this.#skip(",") && !this.#skip(";")) break;
    }
    this.#take("}");
    return { kind: "table", parts, start, end: this.#end() };
  }

  /** The token that is next, or nothing at the end. */
  #text(): string {
    return this.#tokens[this.#at]?.text ?? "";
  }

  #start(): number {
    return this.#tokens[this.#at]?.start ?? this.#file.text.length;
  }

  /** Where the token that was read last ends. */
  #end(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0;
  }

  #next(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) return this.#refuse("more");
    this.#at += 1;
    return token;
  }

  #skip(text: string): boolean {
    if (this.#text() !== text) return false;
    this.#at += 1;
    return true;
  }

  #take(text: string): void {
    if (!this.#skip(text)) this.#refuse(`"${text}"`);
  }

  #takeName(): string {
    if (this.#tokens[this.#at]?.kind !== "name") this.#refuse("a name");
    return this.#next().text;
  }

  #refuse(wanted: string): never {
    const token = this.#tokens[this.#at];
    const found = token === undefined ? "the file ends" : `found "${token.text}"`;
    const line = token?.line ?? this.#tokens.at(-1)?.line ?? 1;
    throw new SourceError(this.#file.path, line, `${found}: wanted ${wanted}`);
  }
}
