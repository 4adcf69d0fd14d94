/**
 * The root of every error that Sluice makes, and the brand that keeps `instanceof` true when an ESM and a CJS
 * copy of this package, or two versions of it, live in one process.
 */

/**
 * Where a prototype carries the name of its class. The number is raised if the meaning of the brand ever
 * changes.
 */
const BRAND = Symbol.for("sluice.error/1");

/**
 * Base of all errors of Sluice. Code branches on {@link code} or on the class, never on the text.
 *
 * - `code`: stable, one per class, e.g. `"VALIDATION"`.
 * - `retryable`: whether the same call, unchanged, may succeed later.
 * - `cause`: the error underneath, when there is one.
 */
export abstract class SluiceError extends Error {
  static {
    brand(SluiceError, "SluiceError");
  }

  /** Stable name of the kind of error. */
  abstract readonly code: string;
  /** Whether the same call, unchanged, may succeed later. */
  abstract readonly retryable: boolean;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    // `cause` becomes a property only when there is one, so that logs do not show `cause: undefined`.
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
  }

  /**
   * True for every object that carries the brand of this class, whichever copy of the package made it. A
   * class that users derive has no brand of its own and follows the prototype chain as usual.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: inherited by every subclass, and about that subclass
    const own = brandOf(this.prototype, "own");
    if (typeof value !== "object" || value === null) return false;
    try {
      // biome-ignore lint/complexity/noThisInStatic: as above
      if (own === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
      const found = brandOf(value, "inherited");
      return found !== undefined && (own === "SluiceError" || found === own);
    } catch {
      // A revoked proxy, or a getter that throws: handlers may throw those, and they are no error of ours.
      return false;
    }
  }
}

/**
 * Names a class of errors and its errors, and brands them. Bundlers rename classes (esbuild writes
 * `class _ConnectionError`), minifiers shorten names, and Node shows an error under the name of its class. Every
 * class calls it in a static block.
 */
export function brand(errorClass: { readonly prototype: SluiceError }, name: string): void {
  Object.defineProperty(errorClass, "name", { value: name, configurable: true });
  // Not enumerable, like the `name` of the built-in errors.
  Object.defineProperty(errorClass.prototype, "name", { value: name, writable: true, configurable: true });
  Object.defineProperty(errorClass.prototype, BRAND, { value: name });
}

/**
 * Whether the call that failed with this error may succeed when it is made again unchanged: true for an error
 * of Sluice that says so, false for anything else.
 */
export function isRetryable(error: unknown): boolean {
  return error instanceof SluiceError && error.retryable;
}

/**
 * Gives an error a field that holds a caller's value. It can be read, but neither `console` nor a JSON logger
 * writes it out: the value may be a URL with a password or an object of any size.
 */
export function hide(error: SluiceError, field: string, value: unknown): void {
  Object.defineProperty(error, field, { value, enumerable: false });
}

function brandOf(object: object, where: "own" | "inherited"): string | undefined {
  if (where === "own" && !Object.hasOwn(object, BRAND)) return undefined;
  const found: unknown = Reflect.get(object, BRAND);
  return typeof found === "string" ? found : undefined;
}
