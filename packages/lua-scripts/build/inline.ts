/**
 * Writes the values of registries where their names stood.
 *
 * An include that is nothing but a table of literals, as `status` and `constants` are, is not in a bundle:
 * `status.LOST` is `"LOST"` there. EVALSHA runs the whole bundle anew for every call, and to fill those two tables
 * took 1.4 to 3 µs of each (of 38 for a `settle` of one attempt, 21 for an `extend`).
 *
 * Whatever else could be done with such a table (to pass it on, to index it by a computed name, to assign to it) is
 * refused. To keep the table where a bundle asks for it would let one line bring the cost back unseen, and no script
 * has a reason to ask.
 */
import type { Token } from "./lexer.js";
import { declaredNames, isVariable, type LuaModule, type Require } from "./module.js";
import { SourceError } from "./source-error.js";

/** The literals of a registry, as Lua, by name. */
export type Literals = ReadonlyMap<string, string>;

/** The literals of `local x = { A = 1, B = "B" } return x`, or undefined for an include that is anything else. */
export function literalsOf({ file, tokens }: LuaModule): Literals | undefined {
  const head = joined(tokens.slice(0, 4));
  const tail = joined(tokens.slice(-3));
  if (head !== `local ${file.name} = {` || tail !== `} return ${file.name}`) return undefined;
  const literals = new Map<string, string>();
  for (const [name, equals, ...value] of fieldsOf(tokens.slice(4, -3))) {
    const named = name?.kind === "name" && /^[A-Z][A-Z0-9_]*$/.test(name.text) && equals?.text === "=";
    if (!named || !isLiteral(value)) return undefined;
    literals.set(name.text, value.map((token) => token.text).join(""));
  }
  return literals.size > 0 ? literals : undefined;
}

function joined(tokens: readonly Token[]): string {
  return tokens.map((token) => token.text).join(" ");
}

/** The tokens of a table constructor, field by field; none behind the last separator. */
function fieldsOf(tokens: readonly Token[]): Token[][] {
  const fields: Token[][] = [[]];
  for (const token of tokens) {
    if (token.text === "," || token.text === ";") fields.push([]);
    else fields.at(-1)?.push(token);
  }
  return fields.at(-1)?.length === 0 ? fields.slice(0, -1) : fields;
}

function isLiteral(tokens: readonly Token[]): boolean {
  const [first, second, ...rest] = tokens;
  if (rest.length > 0) return false;
  if (second === undefined) return first?.kind === "number" || first?.kind === "string";
  return first?.text === "-" && second.kind === "number";
}

/**
 * The module with literals in the place of `NAME.ENTRY`, and without the requires of registries.
 *
 * @param registries the literals of each, by the name of its include
 * @throws SourceError naming file and line, where an entry does not exist (Lua reads nil, and nil ends a reply
 *   early), or the table is used in another way
 */
export function inlineLiterals(module: LuaModule, registries: ReadonlyMap<string, Literals>): LuaModule {
  let tokens = module.tokens;
  for (const required of module.requires) {
    const literals = registries.get(required.name);
    if (literals !== undefined) tokens = withLiterals({ ...module, tokens }, required, literals);
  }
  return { ...module, tokens, requires: module.requires.filter(({ name }) => !registries.has(name)) };
}

function withLiterals({ file, tokens }: LuaModule, required: Require, literals: Literals): Token[] {
  const { name, alias, binding, line } = required;
  const fail = (at: number, problem: string): never => {
    throw new SourceError(file.path, at, problem);
  };
  const code = tokens.filter((token) => !binding.includes(token));
  if (declaredNames(code).has(alias))
    fail(line, `"${alias}" is declared a second time, which hides the include`);

  const inlined: Token[] = [];
  for (let at = 0; at < code.length; at += 1) {
    const [token, dot, field, next] = code.slice(at, at + 4);
    if (token === undefined) break;
    if (!isVariable(code, at, alias)) {
      inlined.push(token);
      continue;
    }
    if (dot?.text !== "." || field?.kind !== "name" || goesOn(next)) {
      return fail(
        token.line,
        `only the value of \`${alias}.NAME\` can be used: the table is not in the bundle`,
      );
    }
    const literal =
      literals.get(field.text) ??
      fail(token.line, `there is no ${name}.${field.text} in src/includes/${name}.lua`);
    const kind = /^["'[]/.test(literal) ? "string" : "number";
    // `1..x` would be a bad number, and `a--1` half a comment.
    const apart = literal.startsWith("-") || (next?.text === ".." && next.start === field.end);
    const text = apart ? `(${literal})` : literal;
    inlined.push({ kind, text, start: token.start, end: field.end, line: token.line });
    at += 2;
  }
  return inlined;
}

/** Whether a token behind a value makes it a target, an indexed or a called one. */
function goesOn(next: Token | undefined): boolean {
  return next?.kind === "string" || ["=", ".", ":", "[", "(", "{"].includes(next?.text ?? "");
}
