/**
 * What running code is about: its tenant, which `withTenant` sets, and the event that a handler is called with.
 * Everything that is called and awaited inside sees it.
 *
 * What carries it hangs on `globalThis`, so that an ESM and a CJS copy of this package in one process share it: a
 * tenant that one copy sets and the other does not see would be a missing tenant at best. With attempts
 * (`consumer/inside.ts`), the suspects' slot (`consumer/suspects.ts`), listeners for signals (`process-signals.ts`) and
 * outages (`outages.ts`) it is an exception to "no module state". The number in its name is that of what it holds: a
 * {@link Carrier}.
 *
 * Before Node 24 the first use of an AsyncLocalStorage makes each promise of the process costlier, which is 1 to 2.5 µs
 * for each event. There, handlers of single-tenant consumers are run without one until something is published while
 * one of them runs: processes that only consume do not pay for what they do not use.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { hasContextFrames } from "./async-context.js";
import { type EventAttributes, MAX_ATTRIBUTE_CHARS, type PublishOptions } from "./event.js";
import { checkTenant } from "./names.js";

const CARRIER = Symbol.for("sluice.context/1");

/** What running code is about. */
interface Running {
  readonly tenantId: string | undefined;
  /** What the handler that runs was called with. */
  readonly event: EventAttributes | undefined;
}

interface Carrier {
  readonly storage: AsyncLocalStorage<Running>;
  /** Whether handlers of single-tenant consumers are run in the storage too. */
  always: boolean;
  /** Attempts under way that are not. */
  without: number;
  /** The event of the one of them whose handler has not yet waited for anything. */
  handling: EventAttributes | undefined;
}

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
  const { storage, handling } = carrier();
  return storage.run({ tenantId: checkTenant(tenant), event: storage.getStore()?.event ?? handling }, fn);
}

/** The tenant of the code that is running, or undefined outside of every {@link withTenant}. */
export function currentTenant(): string | undefined {
  return carrier().storage.getStore()?.tenantId;
}

/** Whether a handler of this consumer is to be run {@link whileHandling} or {@link whileHandlingUncarried}. */
export function carriesEvents(tenantId: string | undefined): boolean {
  return tenantId !== undefined || carrier().always;
}

/**
 * Runs `fn` as what handles an event: in the context of the consumer's tenant, if it has one, and as the origin of
 * what is published meanwhile.
 */
export function whileHandling<A, R>(
  tenantId: string | undefined,
  event: EventAttributes,
  fn: (arg: A) => R,
  arg: A,
): R {
  const { storage } = carrier();
  const inTenant = tenantId ?? storage.getStore()?.tenantId;
  return storage.run({ tenantId: inTenant, event }, fn, arg);
}

/** The same until `fn` returns. What is published after that inherits nothing. {@link handlingEnded} has to follow. */
export function whileHandlingUncarried<A, R>(event: EventAttributes, fn: (arg: A) => R, arg: A): R {
  const shared = carrier();
  shared.without += 1;
  shared.handling = event;
  try {
    return fn(arg);
  } finally {
    shared.handling = undefined;
  }
}

export function handlingEnded(): void {
  carrier().without -= 1;
}

/** What an event tells those that follow from it. */
export type Lineage = Required<Pick<PublishOptions, "correlationId" | "causationId" | "traceparent">>;

/** What an event that follows from this one inherits. */
export function lineageOf(event: EventAttributes): Lineage {
  return {
    correlationId: storyOf(event),
    causationId: event.idempotencyKey,
    traceparent: isInheritable(event.traceparent) ? event.traceparent : undefined,
  };
}

/** The correlation ID of an event's story: the key of the event that began it, unless it was given one. */
export function storyOf(event: EventAttributes): string {
  return isInheritable(event.correlationId) ? event.correlationId : event.idempotencyKey;
}

/** Other producers may write what we would refuse to: empty text, or a very long one. */
function isInheritable(attribute: string | undefined): attribute is string {
  return attribute !== undefined && attribute !== "" && attribute.length <= MAX_ATTRIBUTE_CHARS;
}

/**
 * What an event that is published now, for a tenant, inherits of the event that is being handled. Nothing of another
 * tenant's: IDs and keys of one tenant are not for another to see.
 *
 * @param onUnknown - called, once in a process, when a handler may be running that cannot be told: from now on they can.
 */
export function currentLineage(tenantId: string | undefined, onUnknown: () => void): Lineage | undefined {
  const shared = carrier();
  const event = shared.storage.getStore()?.event ?? shared.handling;
  if (event === undefined) {
    if (shared.without > 0 && !shared.always) {
      shared.always = true;
      onUnknown();
    }
    return undefined;
  }
  if (shared.handling !== undefined) shared.always = true;
  const foreign = event.tenantId !== undefined && tenantId !== undefined && event.tenantId !== tenantId;
  return foreign ? undefined : lineageOf(event);
}

/** The options of what is published, which win over what it inherits. */
export function inheriting(
  lineage: Lineage | undefined,
  options: PublishOptions | undefined,
): PublishOptions | undefined {
  return lineage === undefined ? options : { ...lineage, ...options };
}

/** What {@link carrier} found: it never changes, and to ask `globalThis` for each event takes a fiftieth of it. */
let known: Carrier | undefined;

function carrier(): Carrier {
  known ??= sharedCarrier();
  return known;
}

function sharedCarrier(): Carrier {
  const found: unknown = Reflect.get(globalThis, CARRIER);
  // No instanceof: the other copy may have made it from a polyfill or another realm's class. The symbol is
  // ours, and only this function puts a value there.
  if (found !== undefined) return found as Carrier;
  const made: Carrier = {
    storage: new AsyncLocalStorage<Running>(),
    always: hasContextFrames(),
    without: 0,
    handling: undefined,
  };
  // Neither writable nor configurable: nothing can take the tenants of running code away.
  Object.defineProperty(globalThis, CARRIER, { value: made });
  return made;
}
