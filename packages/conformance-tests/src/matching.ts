/**
 * What a case expects of a value: a scalar matches the equal scalar, a list a list item by item, a map an object
 * that has at least these members; a map of `$` operators says anything else. All operators of a map must hold.
 */

type Operator = (wanted: unknown, actual: unknown, path: string) => string | undefined;

/**
 * What keeps a value from matching, or undefined if it matches.
 *
 * @param path where the value is, for the message: `reply.items.0`
 * @throws {TypeError} for an operator that there is not, or one with the wrong kind of operand.
 */
export function mismatch(expected: unknown, actual: unknown, path = "it"): string | undefined {
  if (Array.isArray(expected)) return listMismatch(expected, actual, path);
  if (isObject(expected)) {
    return isOperators(expected)
      ? operatorsMismatch(expected, actual, path)
      : objectMismatch(expected, actual, path);
  }
  return Object.is(expected, actual) ? undefined : differs(path, expected, actual);
}

/** A value in a message: JSON, cut where it is long. */
export function show(value: unknown): string {
  const text =
    value === undefined
      ? "nothing"
      : (JSON.stringify(value, (_, member) =>
          typeof member === "bigint" ? String(member) : member === undefined ? null : member,
        ) ?? String(value));
  return text.length > 600 ? `${text.slice(0, 600)}… (${text.length} characters)` : text;
}

function listMismatch(expected: readonly unknown[], actual: unknown, path: string): string | undefined {
  if (!Array.isArray(actual)) return differs(path, expected, actual);
  if (actual.length !== expected.length) {
    return `${path} has ${actual.length} items, wanted ${expected.length}: ${show(actual)}`;
  }
  return first(expected.map((item, index) => () => mismatch(item, actual[index], `${path}.${index}`)));
}

function objectMismatch(
  expected: Readonly<Record<string, unknown>>,
  actual: unknown,
  path: string,
): string | undefined {
  if (!isObject(actual)) return differs(path, expected, actual);
  return first(
    Object.entries(expected).map(
      ([name, wanted]) =>
        () =>
          mismatch(wanted, Object.hasOwn(actual, name) ? actual[name] : undefined, `${path}.${name}`),
    ),
  );
}

function operatorsMismatch(
  operators: Readonly<Record<string, unknown>>,
  actual: unknown,
  path: string,
): string | undefined {
  return first(
    Object.entries(operators).map(([name, wanted]) => () => {
      const operator = OPERATORS[name];
      if (operator === undefined) {
        throw new TypeError(
          `match with "${name}": there is no such operator, known are ${Object.keys(OPERATORS).join(" ")}`,
        );
      }
      return operator(wanted, actual, path);
    }),
  );
}

const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === "boolean",
  object: isObject,
  array: Array.isArray,
  null: (value) => value === null,
};

const OPERATORS: Readonly<Record<string, Operator>> = {
  $any: (_, actual, path) => (actual === undefined ? `${path} is not there` : undefined),
  $absent: (wanted, actual, path) =>
    wanted === (actual === undefined || actual === null)
      ? undefined
      : `${path} is ${wanted ? show(actual) : "not there"}`,
  $matches: (wanted, actual, path) =>
    typeof actual === "string" && new RegExp(textOf(wanted, "$matches"), "su").test(actual)
      ? undefined
      : `${path} is ${show(actual)}, wanted a text like ${show(wanted)}`,
  $type: (wanted, actual, path) => {
    const kind = KINDS[textOf(wanted, "$type")];
    if (kind === undefined) throw new TypeError(`match with $type: ${show(wanted)} is no kind of value`);
    return kind(actual) ? undefined : `${path} is ${show(actual)}, wanted a value of kind ${show(wanted)}`;
  },
  $min: (wanted, actual, path) =>
    numberOf(actual) >= numberOf(wanted)
      ? undefined
      : `${path} is ${show(actual)}, wanted at least ${show(wanted)}`,
  $max: (wanted, actual, path) =>
    numberOf(actual) <= numberOf(wanted)
      ? undefined
      : `${path} is ${show(actual)}, wanted at most ${show(wanted)}`,
  $near: (wanted, actual, path) => {
    if (!isObject(wanted)) throw new TypeError("match with $near: wanted { of, by }");
    const distance = Math.abs(numberOf(actual) - numberOf(wanted.of));
    return distance <= numberOf(wanted.by)
      ? undefined
      : `${path} is ${show(actual)}, wanted ${show(wanted.of)} within ${show(wanted.by)}`;
  },
  $length: (wanted, actual, path) =>
    typeof actual === "string" || Array.isArray(actual)
      ? mismatch(wanted, actual.length, `the length of ${path}`)
      : `${path} is ${show(actual)}, which has no length`,
  $contains: (wanted, actual, path) => {
    if (typeof actual === "string" && typeof wanted === "string" && actual.includes(wanted)) return undefined;
    if (Array.isArray(actual) && actual.some((item) => mismatch(wanted, item) === undefined))
      return undefined;
    return `${path} is ${show(actual)}, wanted ${show(wanted)} in it`;
  },
  $some: (wanted, actual, path) => OPERATORS.$contains?.(wanted, listOf(actual), path),
  $every: (wanted, actual, path) =>
    Array.isArray(actual)
      ? first(actual.map((item, index) => () => mismatch(wanted, item, `${path}.${index}`)))
      : differs(path, "a list", actual),
  $unordered: (wanted, actual, path) => unorderedMismatch(listOf(wanted), actual, path),
  $unique: (_, actual, path) => {
    const texts = listOf(actual).map((item) => JSON.stringify(item));
    return new Set(texts).size === texts.length ? undefined : `${path} has a member twice: ${show(actual)}`;
  },
  $exactly: (wanted, actual, path) => {
    if (!isObject(wanted) || !isObject(actual)) return differs(path, wanted, actual);
    const further = Object.keys(actual).filter(
      (name) => actual[name] !== undefined && !Object.hasOwn(wanted, name),
    );
    return further.length > 0
      ? `${path} has members that are not wanted: ${further.join(", ")}`
      : objectMismatch(wanted, actual, path);
  },
  $at: (wanted, actual, path) => {
    if (!isObject(wanted)) throw new TypeError("match with $at: wanted a map of positions");
    const items = listOf(actual);
    return first(
      Object.entries(wanted).map(
        ([index, item]) =>
          () =>
            mismatch(item, items[Number(index)], `${path}.${index}`),
      ),
    );
  },
  $pairs: (wanted, actual, path) => {
    const items = listOf(actual);
    const pairs = Array.from({ length: Math.ceil(items.length / 2) }, (_, n) => [
      String(items[2 * n]),
      items[2 * n + 1],
    ]);
    return mismatch(wanted, Object.fromEntries(pairs), path);
  },
  $json: (wanted, actual, path) => {
    if (typeof actual !== "string") return differs(path, "JSON text", actual);
    try {
      return mismatch(wanted, JSON.parse(actual), path);
    } catch {
      return `${path} is ${show(actual)}, which is not JSON`;
    }
  },
  $not: (wanted, actual, path) =>
    mismatch(wanted, actual) === undefined
      ? `${path} is ${show(actual)}, and must not match ${show(wanted)}`
      : undefined,
  $oneOf: (wanted, actual, path) =>
    listOf(wanted).some((one) => mismatch(one, actual) === undefined)
      ? undefined
      : `${path} is ${show(actual)}, wanted one of ${show(wanted)}`,
};

/** Each wanted member takes one of its own; with few members the obvious search will do. */
function unorderedMismatch(wanted: readonly unknown[], actual: unknown, path: string): string | undefined {
  if (!Array.isArray(actual) || actual.length !== wanted.length) {
    return `${path} is ${show(actual)}, wanted ${wanted.length} members in any order: ${show(wanted)}`;
  }
  const left = [...actual];
  for (const item of wanted) {
    const at = left.findIndex((candidate) => mismatch(item, candidate) === undefined);
    if (at < 0) return `${path} has no member like ${show(item)}: ${show(actual)}`;
    left.splice(at, 1);
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOperators(value: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => name.startsWith("$"));
}

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

function differs(path: string, expected: unknown, actual: unknown): string {
  return actual === undefined
    ? `${path} is not there, wanted ${show(expected)}`
    : `${path} is ${show(actual)}, wanted ${show(expected)}`;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Redis answers many of its numbers as text. What is no number is below and above every bound. */
function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
}

function textOf(value: unknown, operator: string): string {
  if (typeof value !== "string") throw new TypeError(`match with ${operator}: wanted a text`);
  return value;
}
