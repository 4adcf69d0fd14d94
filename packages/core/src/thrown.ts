/**
 * What user code threw, as text: for dead letters, events and log lines. JavaScript lets anything be thrown: text, a
 * plain object, an object without a prototype, a proxy that was revoked, an error whose getters throw. Nothing here
 * throws, and all of it is bounded.
 */
import { kindOf, quote } from "./errors/describe.js";
import { NonRetryableError, SluiceError } from "./errors.js";

/** Longest description, in UTF-16 code units; what the scripts take is 4,096 bytes. */
export const MAX_THROWN_CHARS = 1_000;
/** Fields of one object, and elements of one array, that are shown. */
const MAX_FIELDS = 20;
/**
 * Objects within a thrown object that are shown by their fields; deeper ones by their kind. Of an error they all are:
 * HTTP clients hang requests on theirs, with credentials and payloads.
 */
const MAX_DEPTH = 2;
/** Errors of an AggregateError that are shown. */
const MAX_ERRORS = 3;
/** To write a bigint takes the square of its length. */
const LONG_BIGINT = 10n ** 40n;
/** In place of a value that could not be read. */
const UNREADABLE = Symbol("cannot be read");
/** Fields of errors that are no detail: said first, last, or not at all. */
const NO_DETAIL: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "errors"]);
/** What every NonRetryableError has. */
const SAID_BY_NAME: ReadonlySet<string> = new Set(['code: "NON_RETRYABLE"', "retryable: false"]);

/**
 * Describes a thrown value in at most {@link MAX_THROWN_CHARS} characters: an error by its name, message, code, other
 * enumerable fields and cause, another object by its enumerable fields, anything else as it is. Never throws.
 */
export function describeThrown(thrown: unknown): string {
  if (typeof thrown === "string") return cut(thrown);
  return cut(
    isError(thrown) ? describeError(thrown) + describeOrigin(thrown) : describeValue(thrown, MAX_DEPTH),
  );
}

/** The text cut at {@link MAX_THROWN_CHARS}. */
export function cut(text: string): string {
  return text.length > MAX_THROWN_CHARS ? `${text.slice(0, MAX_THROWN_CHARS)}…` : text;
}

/**
 * A thrown value as the field `err` of a log line, which loggers expect to be an error: itself where it is one that
 * can be read, otherwise an error that describes it. Never throws.
 */
export function toLoggable(thrown: unknown): Error {
  if (
    isError(thrown) &&
    ["name", "message", "stack"].every((name) => typeof read(thrown, name) === "string")
  ) {
    return thrown;
  }
  const error = new Error(describeThrown(thrown));
  error.name = "ThrownValue";
  // Its frames would be those of this file.
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

function isError(value: unknown): value is Error {
  try {
    // An error of another realm is no instance of this one's Error.
    return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
  } catch {
    return false;
  }
}

function describeError(error: Error): string {
  const name = textOf(read(error, "name")) || "Error";
  const message = textOf(read(error, "message"));
  const head = message === "" ? name : `${name}: ${message}`;
  // The messages of Sluice's own errors say what their fields hold. Users derive from NonRetryableError alone.
  if (error instanceof SluiceError && !(error instanceof NonRetryableError)) return head;
  const fields = fieldsOf(error, 1) ?? [];
  const code = read(error, "code");
  // A class may have it as a getter, and it is no field of the object then.
  if (code !== undefined && !fields.some((field) => field.startsWith("code: "))) {
    fields.unshift(`code: ${describeValue(code, 0)}`);
  }
  const details = fields.filter((field) => !SAID_BY_NAME.has(field));
  return details.length === 0 ? head : `${head} {${details.join(", ")}}`;
}

/** The errors that led to this one: its cause, or those of an AggregateError. Their own causes are left to the log. */
function describeOrigin(error: Error): string {
  let text = "";
  const errors = read(error, "errors");
  if (isArray(errors) && errors.length > 0) text += `; errors: ${listOf(errors, MAX_ERRORS, 0)}`;
  const cause = read(error, "cause");
  if (cause !== undefined) text += `; cause: ${describeValue(cause, 1)}`;
  return text;
}

/** Any value, with the fields of objects as deep as `depth`; errors always by their name and message. */
function describeValue(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return value < LONG_BIGINT && value > -LONG_BIGINT ? `${value}n` : "a long bigint";
    case "symbol":
      return value === UNREADABLE ? "(cannot be read)" : cut(String(value));
    case "object":
      return value === null ? "null" : describeObject(value, depth);
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

function describeObject(object: object, depth: number): string {
  if (isError(object)) return describeError(object);
  const kind = kindOf(object);
  if (depth === 0) return kind;
  if (isArray(object)) return `[${listOf(object, MAX_FIELDS, depth - 1)}]`;
  const fields = fieldsOf(object, depth);
  if (fields === undefined) return kind;
  return kind === "an object" ? `{${fields.join(", ")}}` : `${kind} {${fields.join(", ")}}`;
}

function listOf(values: readonly unknown[], max: number, depth: number): string {
  const shown: string[] = [];
  for (let at = 0; at < values.length && at < max; at++) {
    shown.push(describeValue(read(values, String(at)), depth));
  }
  const left = values.length - shown.length;
  return left > 0 ? `${shown.join(", ")} and ${left} more` : shown.join(", ");
}

/** `name: value` of the object's own enumerable fields; undefined where they cannot be listed. */
function fieldsOf(object: object, depth: number): string[] | undefined {
  const without = isError(object) ? NO_DETAIL : undefined;
  let names: string[];
  try {
    names = Object.keys(object).filter((name) => !without?.has(name));
  } catch {
    return undefined;
  }
  const shown = names.slice(0, MAX_FIELDS).map((name) => {
    const label = /^\w{1,40}$/.test(name) ? name : quote(name);
    return `${label}: ${describeValue(read(object, name), depth - 1)}`;
  });
  if (names.length > MAX_FIELDS) shown.push(`and ${names.length - MAX_FIELDS} more`);
  return shown;
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? cut(value) : describeValue(value, 0);
}

function read(object: object, name: string): unknown {
  try {
    return Reflect.get(object, name);
  } catch {
    return UNREADABLE;
  }
}

/** Array.isArray throws at a revoked proxy. */
function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
