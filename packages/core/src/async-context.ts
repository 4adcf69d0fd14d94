/**
 * The async context of a moment: what every AsyncLocalStorage of the process held when it was made. Attempts and
 * listeners are run in that of `start()`, whatever the code that happens to call them runs in, and whatever others
 * of them did to theirs with `enterWith`.
 */
import { AsyncResource } from "node:async_hooks";

export class AsyncContext {
  private readonly origin = new AsyncResource("sluice.consumer");

  /** Calls `fn`, which is code of ours, in this context: what it runs {@link apart} has a copy of it. */
  enter(fn: () => void): void {
    this.origin.runInAsyncScope(fn);
  }

  /** Calls `fn` in this context, and in one of its own as to what it changes. */
  run<A, R>(fn: (arg: A) => R, arg: A): R {
    return this.origin.runInAsyncScope(apart<A, R>, undefined, fn, arg);
  }
}

/**
 * Calls `fn` in a copy of the context that runs. Before Node 24, `enterWith` writes into the resource that runs, for
 * whoever runs in it later: no user code may run in a context that others share. A resource of its own costs 0.07 µs.
 */
export function apart<A, R>(fn: (arg: A) => R, arg: A): R {
  return new AsyncResource("sluice.attempt").runInAsyncScope(fn, undefined, arg);
}

/**
 * Whether contexts are values, as in Node from 24 on, Deno and Bun. Otherwise they are kept in resources, one for each
 * promise as soon as an AsyncLocalStorage is used: told by the version, because trying it out has that price already.
 */
export function hasContextFrames(): boolean {
  const process: unknown = Reflect.get(globalThis, "process");
  const versions: unknown = Object(process).versions;
  const { node, deno, bun }: Readonly<Record<string, unknown>> = Object(versions);
  return deno !== undefined || bun !== undefined || Number.parseInt(String(node), 10) >= 24;
}
