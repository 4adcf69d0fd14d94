/**
 * Which attempt the running code belongs to, so that `stop`, `close` and `idle` called in a handler do not wait for the
 * very attempt that waits for them.
 *
 * The storage hangs on `globalThis`, as the tenant's does (`context.ts`): a handler of an ESM copy may close the bus of a
 * CJS copy. The number in its name is that of the shape of what it holds.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { sleep } from "../timing.js";

/** An attempt, as far as copies of this package know each other's. */
export interface Caller {
  /** Calls of `stop`, `close` or `idle` that this attempt's handler waits in. */
  waits: number;
  /** The attempt has ended or was given up: nobody waits for it any more, so it may wait for anybody. */
  over: boolean;
}

export type CallerStorage = Pick<AsyncLocalStorage<Caller | undefined>, "run" | "getStore">;

const STORAGE = Symbol.for("sluice.attempt/1");
/** How often a caller in a handler looks whether what is left waits for callers only, in milliseconds. */
const LOOK_MS = 5;

/** Where an attempt is found by the code that it runs. */
export function callerStorage(): CallerStorage {
  const found: unknown = Reflect.get(globalThis, STORAGE);
  // The symbol is ours, and only this function puts a value there.
  if (found !== undefined) return found as CallerStorage;
  const made = new AsyncLocalStorage<Caller | undefined>();
  Object.defineProperty(globalThis, STORAGE, { value: made });
  return made;
}

/** The attempt whose handler is calling; undefined outside of handlers. */
export function currentCaller(): Caller | undefined {
  const caller = callerStorage().getStore();
  return caller?.over === false ? caller : undefined;
}

/** Runs `fn` as code of no attempt: what a handler starts and others wait for is not the handler's own. */
export function outsideAttempts<R>(fn: () => R): R {
  return callerStorage().run(undefined, fn);
}

/** Runs `wait` while the handler that calls, if it is one, counts as waiting. */
export async function asCaller<R>(wait: (caller: Caller | undefined) => Promise<R>): Promise<R> {
  const caller = currentCaller();
  if (caller === undefined) return wait(undefined);
  caller.waits += 1;
  try {
    return await wait(caller);
  } finally {
    caller.waits -= 1;
  }
}

/**
 * Waits for `done`; called in a handler, only until nothing is left of it but attempts that wait in such a call
 * themselves. That covers the caller's own attempt, and any circle of handlers that wait for each other.
 *
 * @param waitsForCallers - whether nothing else is left.
 */
export function unlessForCallers(done: Promise<void>, waitsForCallers: () => boolean): Promise<void> {
  return asCaller(async (caller) => {
    if (caller === undefined) return done;
    let settled = false;
    const ended = done.finally(() => {
      settled = true;
    });
    // Nobody may be waiting for it by the time that it fails.
    ended.catch(() => {});
    while (!settled && !waitsForCallers()) await Promise.race([ended, sleep(LOOK_MS)]);
    if (settled) await done;
  });
}
