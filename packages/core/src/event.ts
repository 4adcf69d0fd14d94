/**
 * What an event is: as a handler gets it, and as a caller describes one to publish. The form it has on the
 * wire is in `envelope.ts`; what its `data` may be follows from the catalog in `catalog.ts`.
 */

import { InvalidOptionError } from "./errors.js";

/** What an event says about itself besides its data. All of it is on the wire; see `envelope.ts`. */
export interface EventAttributes<Type extends string = string> {
  /** Type of the event, one of the catalog's. */
  readonly type: Type;
  /** Tenant that the event belongs to; absent on a single-tenant bus. */
  readonly tenantId?: string;
  /**
   * Key under which a group handles an event of this type once, as the publisher gave it. The CloudEvents `id` on the
   * wire is type and key, `order.placed:o1`, or the key alone if it was generated.
   */
  readonly idempotencyKey: string;
  /** When the event happened, as its publisher says: RFC 3339 in UTC, e.g. `"2025-01-31T12:00:00.000Z"`. */
  readonly timestamp: string;
  /** Who published it: the option `source` of the bus. */
  readonly source: string;
  /** What the event is about, e.g. `"orders/o1"`. */
  readonly subject?: string;
  /** Shared by all events of one story, e.g. one request. */
  readonly correlationId?: string;
  /** Idempotency key of the event that led to this one. */
  readonly causationId?: string;
  /** W3C Trace Context `traceparent`. */
  readonly traceparent?: string;
}

/** An event as a handler gets it. */
export interface SluiceEvent<Type extends string = string, Data = unknown> extends EventAttributes<Type> {
  /** ID that Redis assigned to the entry, e.g. `"1764512345678-0"`; the one in the publisher's receipt. */
  readonly id: string;
  /** The data, as the schema of its type gives it out. */
  readonly data: Data;
}

/** What is being put together, before anybody else has it. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Longest subject, correlation ID, causation ID and traceparent, in UTF-16 code units. */
export const MAX_ATTRIBUTE_CHARS = 1_024;

/**
 * What may be said about an event when it is published or emitted, all of it optional.
 *
 * What a handler emits, and what is published while it handles an event (for the same tenant, on any bus of the
 * process), inherits `correlationId`, `causationId` and `traceparent`. Name one to give it another value, or
 * `undefined` to leave it out.
 *
 * Before Node 24, a process begins to track this for single-tenant consumers with the first publish made while a
 * handler runs; publishes of handlers that had already awaited something by then inherit nothing, which is logged once.
 */
export interface PublishOptions {
  /**
   * Identifies one event of its type: 1 to 256 bytes of UTF-8 without control characters, not starting with `~`.
   * Events of other types may have the same. Generated when missing.
   */
  readonly idempotencyKey?: string | undefined;
  /** RFC 3339, with any offset; stored in UTC. The time of the call when missing. */
  readonly timestamp?: string | Date | undefined;
  /** What the event is about, e.g. `"orders/o1"`: 1 to 1,024 characters, as the three below. */
  readonly subject?: string | undefined;
  /** The story that the event is part of. Inherited: that of the event being handled, or its key if it has none. */
  readonly correlationId?: string | undefined;
  /** What led to the event. Inherited: the idempotency key of the event being handled. */
  readonly causationId?: string | undefined;
  /** W3C Trace Context. Inherited: that of the event being handled, if it has one. */
  readonly traceparent?: string | undefined;
}

/**
 * What may be said about an event that a handler emits. Without an idempotency key, each attempt makes the
 * same one.
 */
export type EmitOptions = PublishOptions;

/**
 * The time of the call as an RFC 3339 timestamp. Writing one takes as long as writing the data of a small event as
 * JSON (0.9 µs), so that of one millisecond is written once.
 */
export class TimestampClock {
  private at = Number.NaN;
  private text = "";

  now(): string {
    const at = Date.now();
    if (at !== this.at) {
      this.at = at;
      this.text = new Date(at).toISOString();
    }
    return this.text;
  }
}

const DATE = /\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])/;
const TIME = /(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?/;
const OFFSET = /Z|[+-](?:[01]\d|2[0-3]):[0-5]\d/;
const RFC_3339 = new RegExp(`^${DATE.source}T${TIME.source}(?:${OFFSET.source})$`, "i");
/** The last day that every month has. */
const SAFE_DAY = 28;

/**
 * The option `timestamp` as it is stored: RFC 3339 in UTC. What is in that form already stays as it is, to
 * the digit; a `Date` or another offset is converted, to the millisecond.
 *
 * @throws {InvalidOptionError} when it is no point in time.
 */
export function toTimestamp(value: unknown): string {
  const timestamp = typeof value === "string" ? utcOf(value) : fromDate(value);
  if (timestamp === undefined) {
    const wanted = 'a Date or an RFC 3339 timestamp such as "2025-01-31T12:00:00Z"';
    throw new InvalidOptionError({ option: "timestamp", value, wanted });
  }
  return timestamp;
}

/**
 * An RFC 3339 timestamp in UTC, or undefined when the text is none. Leap seconds are refused: no Date holds
 * one.
 */
export function utcOf(text: string): string | undefined {
  if (!RFC_3339.test(text) || !isInCalendar(text)) return undefined;
  if (text.endsWith("Z") && text[10] === "T") return text;
  return fromDate(new Date(text.toUpperCase()));
}

/** Whether the month has the day; the text starts with `YYYY-MM-DD`. */
function isInCalendar(text: string): boolean {
  const day = Number(text.slice(8, 10));
  if (day <= SAFE_DAY) return true;
  const [year, month] = [Number(text.slice(0, 4)), Number(text.slice(5, 7))];
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

function fromDate(value: unknown): string | undefined {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) return undefined;
  const text = value.toISOString();
  // Years outside of 0 to 9999 have six digits and a sign, which RFC 3339 does not know.
  return text.length === 24 ? text : undefined;
}
