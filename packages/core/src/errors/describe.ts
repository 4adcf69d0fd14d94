/**
 * How a value is shown in an error's text: quoted so that it cannot forge a line of a log, cut so that it
 * cannot flood one, and without the password of a URL. Objects are named by their kind only, because they may
 * hold payload data or credentials.
 */

/** Longest part of a string that a message shows, in UTF-16 code units. */
export const MAX_SHOWN_CHARS = 80;

/** Longest list of names that a message shows; the error's field has them all. */
const MAX_SHOWN_NAMES = 20;

// JSON.stringify escapes C0 controls and lone surrogates. DEL, C1 controls, line separators and the
// characters that change the direction of text pass it, and would let a value rearrange the line it is shown
// in.
const UNSAFE_IN_LINE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * The string in JSON quotes, cut at {@link MAX_SHOWN_CHARS}, with everything escaped that is not plain text.
 */
export function quote(text: string): string {
  const safe = withoutCredentials(text);
  const shown = safe.length > MAX_SHOWN_CHARS ? `${safe.slice(0, MAX_SHOWN_CHARS)}…` : safe;
  return escapeLine(JSON.stringify(shown));
}

/**
 * Any value as a message shows it: strings quoted, numbers and the like as they are, objects by their kind.
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return quoteless(`${value}n`);
    default:
      return kindOf(value);
  }
}

/**
 * What kind of value this is, without showing any of it: "a string", "an array", "an instance of Map". Never throws,
 * also not at a revoked proxy.
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  try {
    if (Array.isArray(value)) return "an array";
    const name = constructorName(value);
    return name === undefined || name === "Object" ? "an object" : `an instance of ${name}`;
  } catch {
    return "an object that cannot be read";
  }
}

/** Names as a list of quoted strings, at most 20 of them: `"a", "b" and 3 more`. */
export function quoteList(names: readonly string[]): string {
  const shown = names.slice(0, MAX_SHOWN_NAMES).map(quote).join(", ");
  const left = names.length - MAX_SHOWN_NAMES;
  return left > 0 ? `${shown} and ${left} more` : shown;
}

/** Text of others (a schema's issue, a server's reply) on one line, cut at `maxChars`. */
export function oneLine(text: string, maxChars: number): string {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
  // Through JSON and without the quotes around it: controls are escaped, quotation marks stay readable.
  return escapeLine(JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"'));
}

/** A count with its noun: `1 byte`, `2 bytes`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

/**
 * A value that nobody asked for, such as that of an option that does not exist: a text is not shown, since it may be a
 * password under a misspelt name.
 */
export function describeUnasked(value: unknown): string {
  return typeof value === "string" ? "a text" : describe(value);
}

/** A name that a caller made up (of an option, a field), as it is if it is an identifier, else {@link quote}d. */
export function describeName(name: string): string {
  return /^[A-Za-z_$][\w$]{0,79}$/.test(name) ? name : quote(name);
}

/**
 * The text without the user and password of URLs in it. All between the first `://` and the last `@` is taken out:
 * where a password that is not percent-encoded ends cannot be told.
 */
export function withoutCredentials(text: string): string {
  const from = text.indexOf("://");
  const to = text.lastIndexOf("@");
  return from < 0 || to < from ? text : `${text.slice(0, from + 3)}***${text.slice(to)}`;
}

function quoteless(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}

function escapeLine(text: string): string {
  return text.replace(UNSAFE_IN_LINE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function constructorName(value: object): string | undefined {
  const made: unknown = Reflect.get(value, "constructor");
  return typeof made === "function" && /^\w{1,80}$/.test(made.name) ? made.name : undefined;
}
