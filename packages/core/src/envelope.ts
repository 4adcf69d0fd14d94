/**
 * The form of an event on the wire: the JSON format of CloudEvents 1.0, in the field `event` of an entry.
 * Encoding is on the path of every publish, decoding on that of every delivery.
 *
 * Whether names, data and size are allowed is left to others: what is encoded has been checked by then, and
 * what is decoded may come from a foreign producer, so that only its form is looked at here.
 */

import { findInJson } from "./catalog/json-data.js";
import type { Issue } from "./errors.js";
import { type EventAttributes, type SluiceEvent, utcOf, type Writable } from "./event.js";
import { givenKey } from "./stored-key.js";

/**
 * The CloudEvents document, with its attributes always in the same order and `data` last. It is put together
 * from strings, because `dataJson` exists already and must reach the wire byte for byte.
 *
 * @param attributes - checked by the caller.
 * @param key - as it is stored; becomes the CloudEvents `id`, so that `source` and `id` name one event.
 * @param dataJson - the data as JSON, from {@link encodeData}.
 */
export function encodeEvent(
  attributes: Omit<EventAttributes, "idempotencyKey">,
  key: string,
  dataJson: string,
): string {
  const { source, type, timestamp } = attributes;
  let json =
    `{"specversion":"1.0","id":${quote(key)},"source":${quote(source)},` +
    `"type":${quote(type)},"time":${quote(timestamp)}`;
  if (attributes.tenantId !== undefined) json += `,"tenantid":${quote(attributes.tenantId)}`;
  if (attributes.subject !== undefined) json += `,"subject":${quote(attributes.subject)}`;
  json += ',"datacontenttype":"application/json"';
  if (attributes.correlationId !== undefined) json += `,"correlationid":${quote(attributes.correlationId)}`;
  if (attributes.causationId !== undefined) json += `,"causationid":${quote(attributes.causationId)}`;
  if (attributes.traceparent !== undefined) json += `,"traceparent":${quote(attributes.traceparent)}`;
  return `${json},"data":${dataJson}}`;
}

/** Printable ASCII without quotation mark and backslash: what JSON writes as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** An event as it was stored, until a handler gets it. */
export type StoredEvent = Writable<SluiceEvent>;

/** What came out of an entry's `event`: the event, or why there is none. */
export type DecodedEvent =
  | { readonly ok: true; readonly event: StoredEvent }
  | { readonly ok: false; readonly reason: "MALFORMED"; readonly message: string };

/**
 * Reads a CloudEvents document. Attributes that Sluice does not know are ignored, and those that are null
 * count as missing, as CloudEvents wants it. A `time` with another offset comes out in UTC. `data` is
 * whatever JSON is there, undefined if it is missing; whether that will do is for the schema to say.
 *
 * Never throws. The message of a refusal names the attribute and what was wanted, and shows nothing of the
 * document.
 *
 * @param entry - the entry's ID, and the key it carries beside the document, as it is stored.
 */
export function decodeEvent(
  json: string,
  entry: { readonly id: string; readonly key: string },
): DecodedEvent {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    // The parser's own message quotes the text around the fault, which may be payload.
    return malformed("the text is not JSON");
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return malformed("the document is not a JSON object");
  }
  // An object from JSON.parse has string keys and may hold anything; each attribute is checked below.
  const wire = document as Record<string, unknown>;
  const { id, source, type, time, tenantid, subject, correlationid, causationid, traceparent } = wire;
  if (wire.specversion !== "1.0") return malformed('attribute specversion is not "1.0"');
  if (!isText(id) || !isText(source) || !isText(type) || !isText(time)) {
    const name = ["id", "source", "type", "time"].find((name) => !isText(wire[name]));
    return malformed(`attribute ${name} is not a non-empty string`);
  }
  if (
    !isOptionalText(tenantid) ||
    !isOptionalText(subject) ||
    !isOptionalText(correlationid) ||
    !isOptionalText(causationid) ||
    !isOptionalText(traceparent)
  ) {
    const name = OPTIONAL.find((name) => !isOptionalText(wire[name]));
    return malformed(`attribute ${name} is not a string`);
  }
  if (wire.data_base64 !== undefined && wire.data_base64 !== null) {
    return malformed("attribute data_base64 is there: binary data is not supported");
  }
  const timestamp = utcOf(time);
  if (timestamp === undefined) return malformed("attribute time is not an RFC 3339 timestamp");
  // One object, filled: to copy it, or to spread what may be missing, takes as long as parsing the document.
  const event: StoredEvent = {
    id: entry.id,
    type,
    idempotencyKey: givenKey(entry.key, type),
    timestamp,
    source,
    data: wire.data,
  };
  if (typeof tenantid === "string") event.tenantId = tenantid;
  if (typeof subject === "string") event.subject = subject;
  if (typeof correlationid === "string") event.correlationId = correlationid;
  if (typeof causationid === "string") event.causationId = causationid;
  if (typeof traceparent === "string") event.traceparent = traceparent;
  return { ok: true, event };
}

const OPTIONAL = ["tenantid", "subject", "correlationid", "causationid", "traceparent"];

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isOptionalText(value: unknown): value is string | null | undefined {
  return typeof value === "string" || value === undefined || value === null;
}

function malformed(fault: string): DecodedEvent {
  return { ok: false, reason: "MALFORMED", message: `decode a CloudEvents document: ${fault}` };
}

/** Data as JSON, or the issues that keep it from being JSON (for a `ValidationError`). */
export type EncodedData =
  | { readonly json: string; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/**
 * Writes data as JSON, by the rules of `JSON.stringify`. What that throws at, or leaves out altogether, comes
 * back as issues with paths: a BigInt, a circular reference, data that is undefined, a function or a symbol.
 * Never throws.
 */
export function encodeData(data: unknown): EncodedData {
  try {
    // Declared as a string by the standard library, and undefined all the same for what JSON cannot hold.
    const json: string | undefined = JSON.stringify(data);
    if (json !== undefined) return { json };
    return { issues: [{ path: [], message: `data is ${kindOfNothing(data)}, which JSON cannot hold` }] };
  } catch (error) {
    return { issues: findIssues(data, error) };
  }
}

function kindOfNothing(data: unknown): string {
  if (data === undefined) return "undefined";
  return typeof data === "object" ? "an object whose toJSON gives undefined" : `a ${typeof data}`;
}

/** Goes through the data once more, with the path at hand. */
function findIssues(data: unknown, error: unknown): readonly Issue[] {
  try {
    const issues = findInJson(data, (value, _, isIn) => {
      if (typeof value === "bigint") return "is a BigInt, which JSON cannot hold";
      return typeof value === "object" && isIn(value) ? "refers back to an object it is in" : undefined;
    });
    if (issues.length > 0) return issues;
  } catch {
    // What is left after the above: a toJSON or getter that throws, or a limit of the runtime.
  }
  return [{ path: [], message: messageFor(error) }];
}

function messageFor(error: unknown): string {
  if (error instanceof RangeError) return "data is nested too deeply, or too large, to be written as JSON";
  const name = error instanceof Error ? error.name : typeof error;
  // Only its name: the text of an error from a caller's toJSON may hold payload.
  return `data could not be written as JSON, a getter or toJSON threw ${name}`;
}

/**
 * How many bytes the text takes as UTF-8; a lone surrogate takes the 3 bytes of U+FFFD, by which it is
 * replaced.
 */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      bytes += 1;
      continue;
    }
    bytes += 2;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      // A pair is 4 bytes for 2 units: 2 more than their number, for both together. NaN at the end is no
      // pair.
      if (next >= 0xdc00 && next <= 0xdfff) i++;
    }
  }
  return bytes;
}

/** Whether the text takes at most `maxBytes` as UTF-8. Counts only when the length alone does not tell. */
export function fitsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return false;
  return text.length * 3 <= maxBytes || utf8Length(text) <= maxBytes;
}
