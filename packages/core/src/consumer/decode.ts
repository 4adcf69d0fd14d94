/** Entries that another producer wrote, in a layout of its own, as events: the consumer's option `decode`. */
import { kindOf } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";
import { MAX_ATTRIBUTE_CHARS, type PublishOptions, type SluiceEvent, toTimestamp } from "../event.js";
import { catchRejection, isThenable } from "../guard.js";
import { textOption } from "../options.js";

/** An entry that is not in our layout. */
export interface ForeignEntry {
  readonly id: string;
  /** Fields and values, flat and in order: a field may occur twice. */
  readonly fields: readonly string[];
}

/** What an entry means. Its idempotency key is its ID: who wrote it gave it no other that Redis would know. */
export interface ForeignEvent extends Omit<PublishOptions, "idempotencyKey"> {
  /** One of the catalog's. */
  readonly type: string;
  /** Validated against the catalog, as the data of every event is. */
  readonly data: unknown;
  /** Who wrote it; `"foreign"` unless given. */
  readonly source?: string;
}

/** Returns what the entry means, or undefined for one that means nothing. */
export type Decode = (entry: ForeignEntry) => ForeignEvent | undefined;

/**
 * The event that `decode` makes of an entry, or undefined. Throws what `decode` throws.
 *
 * @throws {InvalidOptionError} naming the attribute that is not of its kind.
 */
export function foreignEvent(
  decode: Decode,
  entry: ForeignEntry,
  tenantId: string | undefined,
): SluiceEvent | undefined {
  const { id } = entry;
  const decoded = decode({ id, fields: entry.fields });
  if (decoded === undefined) return undefined;
  const isPromise = isThenable(decoded);
  if (isPromise || typeof decoded !== "object" || decoded === null) {
    catchRejection(decoded, () => {});
    throw new InvalidOptionError({
      option: "decode's answer",
      value: decoded,
      shown: isPromise ? "a promise" : kindOf(decoded),
      wanted: "an event, or undefined",
    });
  }
  const { type, data, source, timestamp, ...rest } = decoded;
  const text = (name: "subject" | "correlationId" | "causationId" | "traceparent") => {
    const value = textOption(name, rest[name], MAX_ATTRIBUTE_CHARS);
    return value === undefined ? {} : { [name]: value };
  };
  return {
    id,
    type: textOption("type", type, 128) ?? "",
    data,
    idempotencyKey: id,
    // An entry ID that Redis made starts with the time at which it was added.
    timestamp: toTimestamp(timestamp ?? new Date(Number(id.split("-")[0]))),
    source: textOption("source", source, 256) ?? "foreign",
    ...(tenantId === undefined ? {} : { tenantId }),
    ...text("subject"),
    ...text("correlationId"),
    ...text("causationId"),
    ...text("traceparent"),
  };
}
