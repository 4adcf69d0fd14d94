/**
 * From what a caller publishes or emits to what is stored: validated, with time, tenant and key added, and measured.
 *
 * What is stored is the schema's input as JSON, since the consumer validates again: transforms and defaults run on
 * both sides. What JSON would change is therefore validated as it is stored, too: what is published is what consumers
 * accept.
 */
import { isPlainJson, lostInJson } from "./catalog/json-data.js";
import type { EventCatalog, ValidationOutcome } from "./catalog.js";
import { encodeData, encodeEvent, utf8Length } from "./envelope.js";
import { PayloadTooLargeError, ValidationError } from "./errors.js";
import {
  type EventAttributes,
  MAX_ATTRIBUTE_CHARS,
  type PublishOptions,
  type TimestampClock,
  toTimestamp,
  type Writable,
} from "./event.js";
import type { Fingerprints } from "./fingerprint.js";
import { checkIdempotencyKey } from "./names.js";
import { knownOptions, textOption } from "./options.js";
import { storedKey } from "./stored-key.js";

/** An event ready to be stored. */
export class Composed {
  constructor(
    /** The key that the caller named, as it is stored; undefined if the caller named none. */
    readonly namedKey: string | undefined,
    private readonly attributes: Omit<EventAttributes, "idempotencyKey">,
    private readonly json: string,
    private readonly fingerprints: Fingerprints,
  ) {}

  /** Length of the data's JSON. */
  get chars(): number {
    return this.json.length;
  }

  /** Tells one payload from another under the same key. Made when it is asked for: most emitted events need none. */
  fingerprint(): string {
    return this.fingerprints.of(this.attributes.type, this.attributes.subject, this.json);
  }

  /** The stored document. @param key - as it is stored. */
  document(key: string): string {
    return encodeEvent(this.attributes, key, this.json);
  }
}

export interface ComposeSettings {
  readonly catalog: EventCatalog;
  readonly source: string;
  readonly maxPayloadBytes: number;
  /** What the time of an event is read from that names none. */
  readonly clock: TimestampClock;
  readonly fingerprints: Fingerprints;
}

/** Longest data of all events that travel in one command, those of one publishMany or one handler, in characters, about. */
export const MAX_TOGETHER_CHARS = 64 * 1_048_576;

const ATTRIBUTES = ["subject", "correlationId", "causationId", "traceparent"] as const;

/**
 * Checks an event, at once where its schema is not async.
 *
 * @param index - its position in a `publishMany`, for the error.
 * @throws {UnknownEventTypeError | ValidationError | PayloadTooLargeError | InvalidNameError | InvalidOptionError}
 */
export function compose(
  settings: ComposeSettings,
  tenantId: string | undefined,
  type: string,
  data: unknown,
  options: PublishOptions | undefined,
  index?: number,
): Composed | Promise<Composed> {
  const outcome = settings.catalog.validate(type, data, index);
  if (outcome instanceof Promise) {
    return outcome.then((validated) =>
      composeValid(settings, tenantId, type, data, options, index, validated),
    );
  }
  return composeValid(settings, tenantId, type, data, options, index, outcome);
}

function composeValid(
  settings: ComposeSettings,
  tenantId: string | undefined,
  type: string,
  data: unknown,
  options: PublishOptions | undefined,
  index: number | undefined,
  validated: ValidationOutcome,
): Composed | Promise<Composed> {
  if (validated.issues) throw new ValidationError({ eventType: type, issues: validated.issues, index });
  const encoded = encodeData(data);
  if (encoded.issues) {
    throw new ValidationError({ eventType: type, issues: encoded.issues, index });
  }
  const { json } = encoded;
  if (isPlainJson(data)) return composeEncoded(settings, tenantId, type, json, options, index);
  // A consumer validates what JSON gives back, which is not what was validated here: a Date, say, is text by then.
  const lost = lostInJson(data);
  if (lost.length > 0) throw new ValidationError({ eventType: type, issues: lost, index });
  const outcome = settings.catalog.validate(type, JSON.parse(json), index);
  const composeStored = ({ issues }: ValidationOutcome) => {
    if (issues === undefined) return composeEncoded(settings, tenantId, type, json, options, index);
    const asStored = issues.map(({ path, message }) => ({ path, message: `${message} (as JSON stores it)` }));
    throw new ValidationError({ eventType: type, issues: asStored, index });
  };
  return outcome instanceof Promise ? outcome.then(composeStored) : composeStored(outcome);
}

function composeEncoded(
  settings: ComposeSettings,
  tenantId: string | undefined,
  type: string,
  json: string,
  options: PublishOptions | undefined,
  index: number | undefined,
): Composed {
  const maxBytes = settings.maxPayloadBytes;
  if (json.length * 3 > maxBytes) {
    const bytes = utf8Length(json);
    if (bytes > maxBytes) throw new PayloadTooLargeError({ eventType: type, bytes, maxBytes, index });
  }
  const namedKey =
    options?.idempotencyKey === undefined
      ? undefined
      : storedKey(type, checkIdempotencyKey(options.idempotencyKey, { caller: true }));
  const given = options?.timestamp;
  const timestamp = given === undefined ? settings.clock.now() : toTimestamp(given);
  const attributes: Writable<Omit<EventAttributes, "idempotencyKey">> = {
    type,
    source: settings.source,
    timestamp,
  };
  if (tenantId !== undefined) attributes.tenantId = tenantId;
  if (options !== undefined) {
    checkNames(options);
    for (const name of ATTRIBUTES) {
      const value = textOption(name, options[name], MAX_ATTRIBUTE_CHARS);
      if (value !== undefined) attributes[name] = value;
    }
  }
  return new Composed(namedKey, attributes, json, settings.fingerprints);
}

/** The entries of `publishMany` carry type and data beside the options. */
const NAMES = [
  "type",
  "data",
  "idempotencyKey",
  "timestamp",
  "subject",
  "correlationId",
  "causationId",
  "traceparent",
];
const KNOWN: ReadonlySet<string> = new Set(NAMES);

/** A misspelt idempotency key would publish twice without a word. */
function checkNames(options: PublishOptions): void {
  // Each publish comes by here: no list is made of the names unless one is wrong.
  for (const name in options) {
    if (!KNOWN.has(name)) knownOptions("what is said of an event", options, NAMES);
  }
}
