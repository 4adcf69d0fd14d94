/**
 * `${…}` in the data of a case or a vector. What a name stands for is the caller's; here is how text refers to it:
 * a text that is one reference becomes the value, of whatever type; in longer text it is inserted as text. A reference may
 * hold another one: `${tenant:t${i}}`.
 */

/** What a reference stands for, or undefined if there is no such thing. */
export type Lookup = (reference: string) => unknown;

const REFERENCE = /\$\{((?:\$\{[^}]+\}|[^}])+)\}/g;
const WHOLE = new RegExp(`^${REFERENCE.source}$`);
const ARITHMETIC = /^(.*[^+-])([+-])(\d+)$/;
const REPEATED = /^repeat:(.*)\*(\d+)$/s;

/**
 * The same data with every reference filled in, also in the names of members.
 *
 * @throws {ReferenceError} naming a reference that stands for nothing.
 */
export function fill(value: unknown, lookup: Lookup): unknown {
  if (typeof value === "string") return fillText(value, lookup);
  if (Array.isArray(value)) return value.map((item) => fill(item, lookup));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [String(fill(name, lookup)), fill(member, lookup)]),
  );
}

function fillText(text: string, lookup: Lookup): unknown {
  const whole = WHOLE.exec(text);
  if (whole?.[1] !== undefined) return resolve(whole[1], lookup);
  return text.replaceAll(REFERENCE, (_, reference: string) => {
    const value = resolve(reference, lookup);
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

function resolve(outer: string, lookup: Lookup): unknown {
  const reference = outer.includes("${") ? String(fillText(outer, lookup)) : outer;
  const repeated = REPEATED.exec(reference);
  if (repeated) return (repeated[1] ?? "").repeat(Number(repeated[2]));
  const found = lookup(reference);
  if (found !== undefined) return found;
  const sum = ARITHMETIC.exec(reference);
  const base = sum?.[1] === undefined ? undefined : lookup(sum[1]);
  if (sum && base !== undefined) return Number(base) + Number(`${sum[2]}${sum[3]}`);
  throw new ReferenceError(`fill in "\${${reference}}": there is no such value`);
}

/** What a dotted path leads to in a value: `items.0.id`. */
export function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name]; // an object, whose member may be missing
  }
  return found;
}
