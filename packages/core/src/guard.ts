/**
 * The border to what users write. Handlers, schemas, `canHandle`, `decode`, listeners and loggers may throw, return,
 * reject with or resolve to any value, and none of it may end the process or hold a slot. What they throw is
 * described in `thrown.ts`; what their answers mean is up to whoever called them.
 */

/** A function whose arguments and result are unknown. */
export type AnyFunction = (...args: readonly unknown[]) => unknown;

/**
 * Calls a function that nothing waits for, on `self`. What it throws, and what the promise that it may return rejects
 * with, goes to `onThrown`. Never throws, and leaves no rejection unhandled.
 */
export function callGuarded(
  fn: AnyFunction,
  self: unknown,
  args: readonly unknown[],
  onThrown: (thrown: unknown) => void,
): void {
  try {
    const returned = fn.apply(self, [...args]);
    // Most return nothing: no more than this is asked of them.
    if (returned !== undefined) catchRejection(returned, onThrown);
  } catch (thrown) {
    report(onThrown, thrown);
  }
}

/** Whether the value is a promise, or is one to `await`: anything with a method `then`. Never throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  try {
    return typeof Reflect.get(value, "then") === "function";
  } catch {
    // A getter that throws, or a revoked proxy: `await` throws at it, so it has to be watched as well.
    return true;
  }
}

/**
 * The thenable as a promise of this runtime's. `Promise.resolve` would give a promise back as it is, with whatever
 * `then` or `catch` a user has put on it.
 */
export function toPromise<T>(thenable: PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => resolve(thenable));
}

/** Has `onRejected` called with what the value rejects with, if it is a promise. Never throws. */
export function catchRejection(value: unknown, onRejected: (reason: unknown) => void): void {
  if (isThenable(value)) toPromise(value).catch((reason: unknown) => report(onRejected, reason));
}

/** Nothing is left to tell when telling fails. */
function report(onThrown: (thrown: unknown) => void, thrown: unknown): void {
  try {
    onThrown(thrown);
  } catch {
    // A logger of the user's, most likely.
  }
}
