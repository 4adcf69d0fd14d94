/**
 * Which handler the running code belongs to, so that `stop`, `close` and `idle` called in it do not wait for the very
 * attempt that waits for them.
 *
 * An AsyncLocalStorage knows, where one costs nothing more: in runtimes whose contexts are values, and for tenants, whose
 * handlers run in one already. Before Node 24 the first use of one makes every promise of the process costlier, a tenth of
 * what an event costs. There the stack tells, which is looked at only when one of the three is called: handlers are called
 * by an async function with a name of its consumer's own, and V8 lists what a call is awaited by. That tells the consumer
 * and not the attempt, and misses what a handler calls in a timer's or an emitter's callback.
 *
 * Both hang on `globalThis`, as the tenant's storage does (`context.ts`): a handler of an ESM copy may close the bus of a
 * CJS copy. The number in the name is that of the shape of what is there.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { hasContextFrames } from "../async-context.js";
import { sleep } from "../timing.js";

/** An attempt, or all attempts of a consumer whose handlers only the stack tells, as far as copies know each other's. */
export interface Caller {
  /** Calls of `stop`, `close` or `idle` that handlers wait in. */
  waits: number;
  /** The attempt has ended or was given up: nobody waits for it any more, so it may wait for anybody. */
  readonly over: boolean;
}

interface Shared {
  readonly storage: AsyncLocalStorage<Caller | undefined>;
  /** By number: consumers whose handlers only the stack tells. */
  readonly named: Map<number, Caller>;
  last: number;
}

const SHARED = Symbol.for("sluice.attempt/1");
/** How often a caller in a handler looks whether what is left waits for callers only, in milliseconds. */
const LOOK_MS = 5;
/** Frames of a stack that are looked through. */
const MAX_FRAMES = 500;
const NAME = "sluice handler ";

function shared(): Shared {
  const found: unknown = Reflect.get(globalThis, SHARED);
  // The symbol is ours, and only this function puts a value there.
  if (found !== undefined) return found as Shared;
  const made: Shared = { storage: new AsyncLocalStorage(), named: new Map(), last: 0 };
  Object.defineProperty(globalThis, SHARED, { value: made });
  return made;
}

/** How the handlers of one consumer are called, so that what they call is known to be theirs. */
export class Handling {
  /** All of the consumer's attempts that only the stack tells. */
  readonly unnamed: Caller = { waits: 0, over: false };
  /** Handlers are called by {@link run}; otherwise to call what is {@link named} is enough. */
  readonly isStored: boolean;
  private readonly number: number;

  /** @param isTenantBound - handlers run in the context of a tenant, and so in an AsyncLocalStorage already. */
  constructor(isTenantBound: boolean) {
    this.isStored = isTenantBound || hasContextFrames();
    const all = shared();
    all.last += 1;
    this.number = all.last;
  }

  /** Calls `fn` for an attempt; `fn` is {@link named}. */
  run<A extends unknown[], R>(caller: Caller, fn: (...args: A) => R, ...args: A): R {
    return shared().storage.run(caller, fn, ...args);
  }

  /** Gives a function that calls a handler, or an async one that awaits it, a name that is found in the handler's stack. */
  named<F extends (...args: never[]) => unknown>(fn: F): F {
    return Object.defineProperty(fn, "name", { value: `${NAME}${this.number}` });
  }

  /** From now on, until `end`, the stack is looked through for it. */
  begin(): void {
    if (!this.isStored) shared().named.set(this.number, this.unnamed);
  }

  end(): void {
    shared().named.delete(this.number);
  }
}

/** What handler is calling; undefined outside of handlers. */
function currentCaller(): Caller | undefined {
  const { storage, named } = shared();
  const stored = storage.getStore();
  if (stored !== undefined) return stored.over ? undefined : stored;
  return named.size === 0 ? undefined : callerInStack(named);
}

function callerInStack(named: ReadonlyMap<number, Caller>): Caller | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MAX_FRAMES;
  const stack = String(new Error().stack);
  Error.stackTraceLimit = limit;
  const at = stack.indexOf(NAME);
  return at === -1 ? undefined : named.get(Number.parseInt(stack.slice(at + NAME.length), 10));
}

/** Runs `fn` as code of no attempt: what a handler starts and others wait for is not the handler's own. */
export function outsideAttempts<R>(fn: () => R): R {
  const { storage } = shared();
  // Where there is nothing to leave, nothing is used for the first time either.
  return storage.getStore() === undefined ? fn() : storage.run(undefined, fn);
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
