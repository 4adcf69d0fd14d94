/**
 * What users write: handlers. This file says what a handler is and checks those that a consumer is given;
 * running them is the consumer's part, and what a handler may answer is in `results.ts`.
 */

import { MAX_TYPES } from "@sluice/lua-scripts";
import type {
  AnyEventCatalog,
  EventBySchemas,
  EventCatalog,
  EventSchemas,
  InputBySchemas,
} from "./catalog.js";
import { quote } from "./errors/describe.js";
import { InvalidOptionError, UnknownEventTypeError } from "./errors.js";
import type { EmitOptions, SluiceEvent } from "./event.js";
import type { Logger } from "./logger.js";
import type { Result } from "./results.js";

/** What a handler may return, at once or as a promise. Nothing is success. */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement has it, and must fit
export type HandlerResult = Result | void;

/** What a handler is given besides the event. */
export interface HandlerContext<C extends EventSchemas = EventSchemas> {
  /** The event's tenant; absent on a single-tenant bus. The handler runs in its context. */
  readonly tenantId?: string;
  /** Which attempt at this event this is, from 1. A process that died while handling it used one up. */
  readonly attempt: number;
  /** The event's idempotency key: pass it on to whatever outside of Redis must happen once. */
  readonly idempotencyKey: string;
  /**
   * Aborts when the lease is lost (`LeaseLostError`), and when the consumer stops and has waited for the
   * handler for `drainTimeoutMs` (`ConsumerStoppedError`).
   */
  readonly signal: AbortSignal;
  /** The bus's logger, with tenant, group, handler, event type, key and correlation ID on each line. */
  readonly logger: Logger;

  /**
   * Publishes an event to the same stream together with this event's acknowledgement: both or neither, and
   * only if the handler succeeds. Each attempt emits under the same keys, so that what is emitted is emitted
   * once.
   *
   * @throws {ValidationError} when the data does not match the schema of its type. With an asynchronous
   *   schema that
   *   is found after the handler has returned.
   * @throws {UnknownEventTypeError} when the catalog has no such type.
   * @throws {PayloadTooLargeError} when the data is longer than `maxPayloadBytes`.
   */
  emit<T extends keyof C & string>(type: T, data: InputBySchemas<C, T>, options?: EmitOptions): void;
}

/**
 * Handles the events of some types in one consumer group.
 *
 * - `eventTypes` declares the types; `event` is one of them, and `event.data` narrows by `event.type`.
 * - `canHandle` turns single events down. Those, like events of types that no handler declares, follow the
 *   consumer's option `unhandled`: by default they are acknowledged and counted. An event of a type that no handler
 *   declares is handed back instead if another consumer of the group declares it.
 * - `handle` does the work. Returning nothing, or `success()`, acknowledges the event.
 *   `retry({ delayMs, reason })` has it handled again, `failure({ reason })` makes it a dead letter at once.
 *   What it throws is caught, logged and retried with exponential backoff until the consumer's `maxAttempts`;
 *   a `NonRetryableError` is a failure.
 *
 * Within its group an event's success is recorded once. `handle` itself may run again after a crash, so what
 * it does outside of Redis should be safe to repeat; `context.idempotencyKey` and `context.attempt` are there
 * for that.
 *
 * The catalog gives a handler its types, in whichever form it is written:
 *
 * @example
 * // An object. `defineHandler(events, { … })` is the same.
 * const billing = events.handler({
 *   name: "billing",
 *   eventTypes: ["order.placed", "order.cancelled"],
 *   canHandle: (event) => event.data.amount > 0,
 *   async handle(event, context) {
 *     if (event.type === "order.cancelled") return refund(event.data.orderId);
 *     const answer = await charge(event.data, { key: context.idempotencyKey, signal: context.signal });
 *     if (answer.status === "busy") return retry({ delayMs: 5_000, reason: "the payment service is busy" });
 *     if (answer.status === "declined") return failure({ reason: "the card was declined" });
 *     context.emit("invoice.created", { orderId: event.data.orderId, invoiceId: answer.invoiceId });
 *     return success();
 *   },
 * });
 *
 * @example
 * // A class, for handlers with dependencies.
 * class Billing implements EventHandler<typeof events.schemas, "order.placed"> {
 *   readonly name = "billing";
 *   readonly eventTypes = ["order.placed"] as const;
 *   constructor(private readonly payments: Payments) {}
 *
 *   async handle(event: EventOf<typeof events.schemas, "order.placed">) {
 *     await this.payments.charge(event.data.orderId, event.data.amount);
 *   }
 * }
 *
 * @example
 * // Without a catalog at hand, `event.data` is unknown.
 * const audit = {
 *   name: "audit",
 *   eventTypes: ["order.placed"],
 *   async handle(event, context) {
 *     context.logger.info("seen", { eventId: event.id });
 *   },
 * } satisfies EventHandler;
 *
 * @typeParam C - the schemas of the catalog, `typeof events.schemas`.
 * @typeParam T - the types it handles, as a union.
 */
export interface EventHandler<
  C extends EventSchemas = EventSchemas,
  T extends keyof C & string = keyof C & string,
> {
  /** Name for logs and errors: not empty. */
  readonly name: string;
  /** The event types it handles, at least one. No two handlers of a consumer may have one in common. */
  readonly eventTypes: readonly T[];
  /**
   * Whether it handles this event, one of its types. Missing is yes to all; throwing is an error of the
   * attempt.
   */
  canHandle?(event: EventBySchemas<C, T>): boolean;
  /** Handles one event. May be called for several events at a time. */
  handle(event: EventBySchemas<C, T>, context: HandlerContext<C>): HandlerResult | Promise<HandlerResult>;
}

/**
 * A handler that was written without the catalog. The members are function properties, not methods, so that a
 * handler typed by another catalog does not fit by accident.
 */
export interface UntypedEventHandler {
  readonly name: string;
  readonly eventTypes: readonly string[];
  readonly canHandle?: (event: SluiceEvent) => boolean;
  readonly handle: (event: SluiceEvent, context: HandlerContext) => HandlerResult | Promise<HandlerResult>;
}

/** What a consumer of a catalog takes as a handler: one typed by that catalog, or an untyped one. */
export type AnyEventHandler<C extends EventSchemas = EventSchemas> = EventHandler<C> | UntypedEventHandler;

/**
 * Gives a handler its types: those of a catalog, or, without one, an `event.data` that is unknown. Returns
 * the handler itself.
 *
 * @throws {InvalidOptionError} when `name`, `eventTypes` or `handle` is missing or wrong.
 * @throws {UnknownEventTypeError} when `eventTypes` has a type that the catalog has not.
 */
export function defineHandler<C extends EventSchemas, const T extends keyof C & string>(
  events: EventCatalog<C>,
  handler: EventHandler<C, T>,
): EventHandler<C, T>;
export function defineHandler<const T extends string>(
  handler: EventHandler<EventSchemas, T>,
): EventHandler<EventSchemas, T>;
export function defineHandler(
  ...args: readonly [EventHandler] | readonly [EventCatalog, EventHandler]
): EventHandler {
  if (args.length === 2) return args[0].handler(args[1]);
  checkHandler(args[0], "handler");
  return args[0];
}

/**
 * Checks one handler by itself.
 *
 * @param option - how an error names it, e.g. `handlers[1]`.
 * @throws {InvalidOptionError} naming the field.
 * @throws {UnknownEventTypeError} when it declares a type that the catalog has not.
 */
export function checkHandler(handler: unknown, option: string, catalog?: AnyEventCatalog): void {
  if (typeof handler !== "object" || handler === null) {
    throw new InvalidOptionError({
      option,
      value: handler,
      wanted: "an object with name, eventTypes and handle",
    });
  }
  const { name, eventTypes, canHandle, handle }: { [K in keyof EventHandler]?: unknown } = handler;
  if (typeof name !== "string" || name.trim() === "") {
    throw new InvalidOptionError({
      option: `${option}.name`,
      value: name,
      wanted: "a string that is not blank",
    });
  }
  if (!Array.isArray(eventTypes) || eventTypes.length === 0 || !eventTypes.every(isString)) {
    const wanted = "a list of at least one event type";
    throw new InvalidOptionError({ option: `${option}.eventTypes`, value: eventTypes, wanted });
  }
  if (typeof handle !== "function") {
    throw new InvalidOptionError({ option: `${option}.handle`, value: handle, wanted: "a function" });
  }
  if (canHandle !== undefined && typeof canHandle !== "function") {
    throw new InvalidOptionError({ option: `${option}.canHandle`, value: canHandle, wanted: "a function" });
  }
  if (catalog === undefined) return;
  const unknown: string | undefined = eventTypes.find((type) => !catalog.has(type));
  if (unknown !== undefined) {
    throw new UnknownEventTypeError({ eventType: unknown, known: catalog.types, handler: name });
  }
}

/**
 * Checks the handlers of a consumer, together: each is complete, its types are in the catalog, and no type
 * has two.
 *
 * @returns the handler of each event type that has one.
 * @throws {InvalidOptionError} naming the field, or both handlers of one type, or more than 1,000 types.
 * @throws {UnknownEventTypeError} when a handler declares a type that the catalog has not.
 */
export function checkHandlers<H extends Pick<EventHandler, "name" | "eventTypes">>(
  handlers: readonly H[],
  catalog: AnyEventCatalog,
): ReadonlyMap<string, H> {
  if (!Array.isArray(handlers) || handlers.length === 0) {
    throw new InvalidOptionError({
      option: "handlers",
      value: handlers,
      wanted: "a list of at least one handler",
    });
  }
  const byType = new Map<string, H>();
  for (const [index, handler] of handlers.entries()) {
    const option = `handlers[${index}]`;
    checkHandler(handler, option, catalog);
    for (const type of handler.eventTypes) {
      const other = byType.get(type);
      if (other !== undefined && other !== handler) {
        throw new InvalidOptionError({
          option: `${option}.eventTypes`,
          value: type,
          wanted: `one handler for each event type; ${quote(other.name)} and ${quote(handler.name)} declare it`,
        });
      }
      byType.set(type, handler);
    }
  }
  if (byType.size > MAX_TYPES) {
    const wanted = `at most ${MAX_TYPES} event types in all`;
    throw new InvalidOptionError({ option: "handlers", value: `${byType.size} event types`, wanted });
  }
  return byType;
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}
