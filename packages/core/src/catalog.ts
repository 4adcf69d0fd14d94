/**
 * The catalog: which event types there are, and what the data of each is. Everything typed in Sluice follows
 * from it. It knows nothing of Redis; the bus asks it when publishing, the consumer when delivering.
 */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonInputSchemas } from "./catalog/json-input.js";
import { checkJsonInput } from "./catalog/json-schema.js";
import { kindOf, quote } from "./errors/describe.js";
import { InvalidOptionError, type Issue, UnknownEventTypeError } from "./errors.js";
import type { PublishOptions, SluiceEvent } from "./event.js";
import { toPromise } from "./guard.js";
import { checkHandler, type EventHandler } from "./handler.js";
import { checkEventType } from "./names.js";

/** The schemas of a catalog: event type to any schema of Standard Schema v1 (zod, valibot, arktype, …). */
export interface EventSchemas {
  readonly [type: string]: StandardSchemaV1;
}

/** A catalog or its schemas: what the types below take, so that `EventOf<typeof events, "order.placed">` is one. */
export type Events = EventSchemas | AnyEventCatalog;

/** The schemas of {@link Events}. */
export type SchemasOf<E extends Events> = E extends {
  readonly types: readonly string[];
  readonly schemas: infer C extends EventSchemas;
}
  ? C
  : E extends EventSchemas
    ? E
    : never;

/** The event types of a catalog, as a union of string literals. */
export type EventType<E extends Events> = keyof SchemasOf<E> & string;

/**
 * The data that may be published under event type `T`: what the schema takes in. If `T` is a union, the data
 * that suits each of its types, because which one it is shows at run time only.
 */
export type EventInput<E extends Events, T extends EventType<E>> = InputBySchemas<SchemasOf<E>, T>;

/**
 * The data that a handler gets for event type `T`: what the schema gives out, after its defaults and
 * transforms.
 */
export type EventOutput<E extends Events, T extends EventType<E>> = StandardSchemaV1.InferOutput<
  SchemasOf<E>[T]
>;

/** An event of the catalog. For a union of types, a union that narrows by `event.type`. */
export type EventOf<E extends Events, T extends EventType<E> = EventType<E>> = EventBySchemas<
  SchemasOf<E>,
  T
>;

/** One event of a batch to publish. For a union of types, each type with the data of its own only. */
export type PublishEntry<E extends Events, T extends EventType<E> = EventType<E>> = EntryBySchemas<
  SchemasOf<E>,
  T
>;

// The same by schemas alone, for declarations that are generic in them: through the conditional type above the compiler
// does not see that handlers of two catalogs differ.

export type InputBySchemas<C extends EventSchemas, T extends keyof C & string> = (
  T extends unknown
    ? (data: StandardSchemaV1.InferInput<C[T]>) => void
    : never
) extends (data: infer Input) => void
  ? Input
  : never;

export type EventBySchemas<C extends EventSchemas, T extends keyof C & string> = T extends unknown
  ? SluiceEvent<T, StandardSchemaV1.InferOutput<C[T]>>
  : never;

export type EntryBySchemas<
  C extends EventSchemas,
  T extends keyof C & string = keyof C & string,
> = T extends unknown ? { readonly type: T; readonly data: InputBySchemas<C, T> } & PublishOptions : never;

/** What validating came to: the schema's output, or every issue it found. */
export type ValidationOutcome =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/** A catalog of whatever events: what code that serves every catalog needs of one. */
export interface AnyEventCatalog {
  /** The event types, in the order of definition. */
  readonly types: readonly string[];
  /** The schemas as they were given. */
  readonly schemas: EventSchemas;

  /** Whether the catalog has this event type. */
  has(type: string): boolean;

  /**
   * Validates data against the schema of its type. The outcome comes at once if the schema is synchronous, as
   * a promise if it is not. What a schema throws (a fault in a user's refinement) is thrown on.
   *
   * @throws {InvalidOptionError} when the schema answers with what is no result of Standard Schema.
   * @param index - position in a list of events, for the error.
   * @throws {UnknownEventTypeError} at once, when the catalog has no such type.
   */
  validate(type: string, data: unknown, index?: number): ValidationOutcome | Promise<ValidationOutcome>;
}

/** A catalog of events, made by {@link defineEvents}. `typeof events.schemas` is its `C`. */
export interface EventCatalog<C extends EventSchemas = EventSchemas> extends AnyEventCatalog {
  readonly types: readonly EventType<C>[];
  readonly schemas: C;

  has(type: string): type is EventType<C>;

  /**
   * Gives a handler the types of this catalog: `event` in `canHandle` and `handle` is one of `eventTypes`, with
   * its data, and `context.emit` knows the catalog. Returns the handler itself.
   *
   * @throws {InvalidOptionError} when `name`, `eventTypes` or `handle` is missing or wrong.
   * @throws {UnknownEventTypeError} when `eventTypes` has a type that the catalog has not.
   */
  handler<const T extends keyof C & string>(handler: EventHandler<C, T>): EventHandler<C, T>;
}

/**
 * Defines the events of a stream: their types, and a schema for the data of each. A type is
 * `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
 *
 * What is stored is the schema's input, so it must be JSON: a `Date`, bigint, Map, Set, function, symbol,
 * class instance or required `undefined` anywhere in it is a compile error, and, with a schema that can
 * describe itself as JSON Schema (zod from 4.2 on), an error here. Describe the data as it is stored and
 * transform it from there: `z.iso.datetime().pipe(z.coerce.date())` takes text and gives handlers a `Date`.
 * Data that JSON changes all the same (`toJSON`, members that are undefined) is validated as it is stored, and
 * data that JSON cannot hold (`Infinity`, `NaN`, a Map or Set, undefined in an array) is refused: `publish`
 * accepts what consumers accept.
 *
 * @example
 * const events = defineEvents({
 *   "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }),
 *   "order.shipped": z.object({ orderId: z.string() }),
 * });
 *
 * @throws {InvalidNameError} when an event type is not of the documented form.
 * @throws {InvalidOptionError} when there is no event, a value is no Standard Schema, or its input is not
 *   JSON.
 */
export function defineEvents<C extends EventSchemas>(schemas: C & JsonInputSchemas<C>): EventCatalog<C> {
  const byType = readSchemas(schemas);
  const types = Object.freeze([...byType.keys()]);
  const catalog: EventCatalog<C> = {
    // The keys of `schemas`, which the compiler types as plain strings.
    types: types as readonly EventType<C>[],
    schemas: Object.freeze({ ...schemas }),
    has: (type): type is EventType<C> => byType.has(type),
    handler(handler) {
      checkHandler(handler, "handler", catalog);
      return handler;
    },
    validate(type, data, index) {
      const schema = byType.get(type);
      if (schema === undefined) throw new UnknownEventTypeError({ eventType: type, known: types, index });
      const result: unknown = schema["~standard"].validate(data);
      if (typeof result !== "object" || result === null) throw noAnswer(type, result);
      return "then" in result
        ? toPromise(result as PromiseLike<unknown>).then((settled) => outcomeOf(type, settled))
        : outcomeOf(type, result);
    },
  };
  return Object.freeze(catalog);
}

/**
 * Looked up in a Map, so that an event may be of type `constructor` and an unknown one is never found on a
 * prototype.
 */
function readSchemas(schemas: unknown): ReadonlyMap<string, StandardSchemaV1> {
  if (!isPlainObject(schemas)) {
    throw new InvalidOptionError({
      option: "events",
      value: schemas,
      wanted: "a plain object with an event type for each key and a schema for each value",
    });
  }
  const byType = new Map<string, StandardSchemaV1>();
  for (const [type, schema] of Object.entries(schemas)) {
    checkEventType(type);
    if (!isStandardSchema(schema)) {
      const wanted = "a schema of Standard Schema v1, such as one of zod, valibot or arktype";
      throw new InvalidOptionError({ option: `events[${quote(type)}]`, value: schema, wanted });
    }
    checkJsonInput(type, schema);
    byType.set(type, schema);
  }
  if (byType.size === 0) {
    throw new InvalidOptionError({ option: "events", value: schemas, wanted: "at least one event type" });
  }
  return byType;
}

/**
 * Whether the value is a catalog, of this copy of the package or another one.
 */
export function isEventCatalog(value: unknown): value is EventCatalog {
  if (typeof value !== "object" || value === null) return false;
  const { types, schemas, validate, handler }: { [K in keyof EventCatalog]?: unknown } = value;
  return Array.isArray(types) && isPlainObject(schemas) && isFunction(validate) && isFunction(handler);
}

/** The literal `{ __proto__: schema }` has no key but a prototype, so the prototype is looked at as well. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Object.prototype of any realm, or a namespace or null-prototype object.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/** Schemas are objects in most libraries and functions in some. */
function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const props: unknown = Reflect.get(value, "~standard");
  if (typeof props !== "object" || props === null) return false;
  return Reflect.get(props, "version") === 1 && isFunction(Reflect.get(props, "validate"));
}

/** What a schema answered, which may be written by hand and anything at all. */
function outcomeOf(type: string, result: unknown): ValidationOutcome {
  if (typeof result !== "object" || result === null) throw noAnswer(type, result);
  const { issues }: { readonly issues?: unknown } = result;
  // A falsy `issues` is success. The result itself is the outcome then: this runs once per event.
  if (!issues) return result as ValidationOutcome; // its value is unknown, and undefined where there is none
  if (!Array.isArray(issues)) throw noAnswer(type, result);
  // Lists of classes of their own, as arktype has, would make more of those.
  return { issues: Array.from(issues, issueOf) };
}

function issueOf(issue: unknown): Issue {
  const { path, message }: { readonly path?: unknown; readonly message?: unknown } = Object(issue);
  const segments: readonly unknown[] = Array.isArray(path) ? path : [];
  return {
    path: Array.from(segments, (segment) => {
      const key: unknown =
        typeof segment === "object" && segment !== null ? Reflect.get(segment, "key") : segment;
      return typeof key === "number" ? key : String(key);
    }),
    message: typeof message === "string" ? message : `refused with ${kindOf(message)} for a message`,
  };
}

function noAnswer(type: string, answer: unknown): InvalidOptionError {
  return new InvalidOptionError({
    option: `the answer of the schema of ${quote(type)}`,
    value: answer,
    shown: kindOf(answer),
    wanted: "{ value } or { issues: [{ message, path }] }",
  });
}
