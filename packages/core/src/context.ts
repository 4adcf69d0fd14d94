/**
 * The tenant of the code that is running: what `withTenant` sets and everything awaited inside it sees.
 *
 * The storage hangs on `globalThis`, so that an ESM and a CJS copy of this package in one process share it: a
 * tenant that one copy sets and the other does not see would be a missing tenant at best. With the attempt
 * (`consumer/inside.ts`), listeners for signals (`process-signals.ts`) and outages (`outages.ts`) it is an
 * exception to "no module state". The number in its name is that of what it holds: a tenant's name as a
 * string.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { checkTenant } from "./names.js";

const STORAGE = Symbol.for("sluice.tenant/1");

/**
 * Runs `fn` in the context of a tenant. Everything that `fn` calls and awaits sees it: promises, timers,
 * callbacks. A call inside another one replaces the tenant for its own `fn` only.
 *
 * @returns what `fn` returns.
 * @throws {InvalidNameError} when the tenant's name is not of the documented form; `fn` is not called then.
 * @example
 * await withTenant("acme", () => bus.publish("order.placed", { orderId: "o1", amount: 1299 }));
 */
export function withTenant<R>(tenant: string, fn: () => R): R {
  return storage().run(checkTenant(tenant), fn);
}

/** The tenant of the code that is running, or undefined outside of every {@link withTenant}. */
export function currentTenant(): string | undefined {
  return storage().getStore();
}

function storage(): AsyncLocalStorage<string> {
  const found: unknown = Reflect.get(globalThis, STORAGE);
  // No instanceof: the other copy may have made it from a polyfill or another realm's class. The symbol is
  // ours, and only this function puts a value there.
  if (found !== undefined) return found as AsyncLocalStorage<string>;
  const made = new AsyncLocalStorage<string>();
  // Neither writable nor configurable: nothing can take the tenants of running code away.
  Object.defineProperty(globalThis, STORAGE, { value: made });
  return made;
}
