/**
 * Puts includes into the scope of the bundle: `ring.add` becomes a local `ring_add`.
 *
 *     local ring_add
 *     do
 *       local function bucket(self) … end
 *       function ring_add(self) … end
 *     end
 *
 * EVALSHA runs the whole bundle anew for every call. With a table for each include, and a function around it to make
 * it, a call of one entry took 8 to 12 % longer (`lease` 44 µs against 39 with warm caches) and left a third more
 * garbage behind.
 *
 * An include stays as it is, in a function of its own, if it is no library (`pieces.ts`), or if any file uses its table
 * for anything but the fields that it declares, or declares its name again. It works on tokens, without scopes.
 */
import type { Token } from "./lexer.js";
import { declaredNames, isVariable, type LuaModule } from "./module.js";
import { libraryOf } from "./pieces.js";
import { SourceError } from "./source-error.js";

/** An include as it is laid out: with the locals that it fills if it is flat, else in a function of its own. */
export interface Laid {
  readonly module: LuaModule;
  readonly locals: readonly string[] | undefined;
}

/**
 * @param script as inlined, with what it requires
 * @param includes what is left of those it requires, in their order
 * @throws SourceError naming the file that declares a local by the name of one that a field becomes
 */
export function flatten(
  script: LuaModule,
  includes: ReadonlyMap<string, LuaModule>,
): { readonly script: LuaModule; readonly includes: ReadonlyMap<string, Laid> } {
  const modules = [...includes.values(), script];
  const flat = new Map<string, readonly string[]>();
  for (const [name, module] of includes) {
    const { table, pieces } = libraryOf(module);
    const declared = pieces.flatMap(({ declares }) => declares.filter((one) => one.startsWith(".")));
    const fields = new Set(declared.map((field) => field.slice(1)));
    const usesFieldsOnly = (user: LuaModule) => {
      const alias = user === module ? table : aliasOf(user, name);
      const { tokens } = user === module ? withoutTable(user) : withoutBinding(user, name);
      return alias === undefined || takesOnly(tokens, alias, fields);
    };
    if (table === undefined || !modules.every(usesFieldsOnly)) continue;
    flat.set(
      name,
      [...fields].map((field) => localOf(name, field)),
    );
  }
  refuseHidden(modules, new Set([...flat.values()].flat()));

  const laid = [...includes].map(([name, module]): [string, Laid] => {
    const locals = flat.get(name);
    return [
      name,
      { module: renamed(locals === undefined ? module : withoutTable(module), flat, name), locals },
    ];
  });
  return { script: renamed(script, flat, undefined), includes: new Map(laid) };
}

function localOf(include: string, field: string): string {
  return `${include}_${field}`;
}

/** The name by which a file knows an include, if it does. */
function aliasOf(user: LuaModule, include: string): string | undefined {
  return user.requires.find(({ name }) => name === include)?.alias;
}

/** Whether a file does nothing with a table but to take these fields of it. */
function takesOnly(tokens: readonly Token[], table: string, fields: ReadonlySet<string>): boolean {
  if (declaredNames(tokens).has(table)) return false;
  return tokens.every((_, at) => {
    const [, dot, field] = tokens.slice(at, at + 3);
    return !isVariable(tokens, at, table) || (dot?.text === "." && fields.has(field?.text ?? ""));
  });
}

/** A library without the statements that make its table and return it. */
function withoutTable(module: LuaModule): LuaModule {
  const { pieces } = libraryOf(module);
  return { ...module, tokens: pieces.filter(({ when }) => when !== "table").flatMap(({ tokens }) => tokens) };
}

function withoutBinding(user: LuaModule, include: string): LuaModule {
  const binding = user.requires.find(({ name }) => name === include)?.binding ?? [];
  return { ...user, tokens: user.tokens.filter((token) => !binding.includes(token)) };
}

/** The file with the locals in the place of the fields. `own` is the include that it is itself. */
function renamed(
  module: LuaModule,
  flat: ReadonlyMap<string, readonly string[]>,
  own: string | undefined,
): LuaModule {
  const byAlias = new Map<string, string>();
  let bare = module;
  for (const include of flat.keys()) {
    const alias = include === own ? (libraryOf(module).table ?? own) : aliasOf(module, include);
    if (alias === undefined) continue;
    byAlias.set(alias, include);
    bare = withoutBinding(bare, include);
  }
  const { tokens } = bare;
  const out: Token[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const [token, , field] = tokens.slice(at, at + 3);
    if (token === undefined) break;
    const include = isVariable(tokens, at, token.text) ? byAlias.get(token.text) : undefined;
    if (include === undefined || field === undefined) {
      out.push(token);
      continue;
    }
    out.push({ ...token, text: localOf(include, field.text), end: field.end });
    at += 2;
  }
  return { ...bare, tokens: out };
}

function refuseHidden(modules: readonly LuaModule[], locals: ReadonlySet<string>): void {
  for (const { file, tokens } of modules) {
    const hiding = [...declaredNames(tokens)].find((name) => locals.has(name));
    if (hiding !== undefined) {
      throw new SourceError(
        file.path,
        1,
        `declares "${hiding}", which is what a field of an include becomes`,
      );
    }
  }
}
