/** Checks of options, so that a mistake is told by the option's name before anything is sent. */
import { describeName, describeUnasked } from "./errors/describe.js";
import { InvalidOptionError } from "./errors.js";

/** Ten years in milliseconds: the longest span of time that a setting takes. */
export const MAX_SPAN_MS = 315_360_000_000;

/** An integer option, or its default where it is left out. */
export function integerOption(
  option: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw new InvalidOptionError({ option, value, wanted: `an integer from ${min} to ${max}` });
  }
  return value as number; // isSafeInteger has seen a number
}

/** One of a few words, or the default where it is left out. */
export function wordOption<W extends string>(
  option: string,
  value: unknown,
  fallback: W,
  words: readonly W[],
): W {
  if (value === undefined) return fallback;
  const found = words.find((word) => word === value);
  if (found === undefined) {
    throw new InvalidOptionError({ option, value, wanted: words.map((word) => `"${word}"`).join(" or ") });
  }
  return found;
}

/** A text option of 1 to `max` characters, or undefined where it is left out. */
export function textOption(option: string, value: unknown, max: number): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.length === 0 || value.length > max) {
    throw new InvalidOptionError({ option, value, wanted: `a text of 1 to ${max} characters` });
  }
  return value;
}

/** Refuses options that do not exist: a misspelt one would do nothing. */
export function knownOptions(what: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError({ option: what, value: options, wanted: "an object" });
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      const wanted = `${what} to be one of ${names.join(", ")}${didYouMean(name, names)}`;
      throw unknownOption(describeName(name), Reflect.get(options, name), wanted);
    }
  }
}

/**
 * The error for an option that does not exist.
 *
 * @param option - its path, with names of the caller's shown by {@link describeName}.
 */
export function unknownOption(option: string, value: unknown, wanted: string): InvalidOptionError {
  const shown = typeof value === "string" ? describeUnasked(value) : undefined;
  return new InvalidOptionError({ option, value, shown, wanted });
}

/** `; did you mean leaseMs?`, if one of the names is like the one given; else nothing. */
export function didYouMean(name: string, names: readonly string[]): string {
  const found = nearest(name, names);
  return found === undefined ? "" : `; did you mean ${found}?`;
}

/** The name that takes the fewest edits to get to, if these are few beside its letters or it only adds some. */
function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length > 64) return undefined;
  const asked = name.toLowerCase();
  let best: { readonly known: string; readonly edits: number } | undefined;
  for (const known of names) {
    const wanted = known.toLowerCase();
    const isPart = asked.length > 3 && (wanted.startsWith(asked) || asked.startsWith(wanted));
    const edits = isPart ? 1 : editsBetween(asked, wanted);
    if (edits <= Math.max(1, wanted.length / 3) && edits < (best?.edits ?? Number.POSITIVE_INFINITY))
      best = { known, edits };
  }
  return best?.known;
}

/** Letters to put in, take out, change or swap with their neighbour (Damerau 1964, each letter in one edit at most). */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const [here, there] = [a[i - 1], b[j - 1]];
      const changed = (row[j - 1] ?? 0) + (here === there ? 0 : 1);
      const areSwapped = i > 1 && j > 1 && here === b[j - 2] && a[i - 2] === there;
      const swapped = areSwapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
