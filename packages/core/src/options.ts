/** Checks of options, so that a mistake is told by the option's name before anything is sent. */
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
      throw new InvalidOptionError({
        option: name,
        value: Reflect.get(options, name),
        wanted: `${what} to be one of ${names.join(", ")}`,
      });
    }
  }
}
