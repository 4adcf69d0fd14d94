/**
 * Errors about what the caller passed in: data, names, options, tenants. They are found before anything is
 * sent, so nothing was written, and the same call fails the same way again.
 */

import { brand, hide, SluiceError } from "./base.js";
import { count, describe, oneLine, quote, quoteList } from "./describe.js";

/** One way in which data does not match its schema. */
export interface Issue {
  /** Where in the data; empty when the data as a whole is meant. */
  readonly path: readonly (string | number)[];
  /** The schema library's own text. */
  readonly message: string;
}

const MAX_SHOWN_ISSUES = 10;
const MAX_ISSUE_CHARS = 200;

/** A path of a few names, each of which is cut by itself. */
const MAX_OPTION_CHARS = 1_000;

/**
 * Data does not match the schema of its event type, or cannot be written as JSON. Thrown by `publish`,
 * `publishMany` and `context.emit`; nothing was written. `issues` holds every issue, each with its path.
 */
export class ValidationError extends SluiceError {
  static {
    brand(ValidationError, "ValidationError");
  }

  readonly code = "VALIDATION";
  readonly retryable = false;
  readonly eventType: string;
  readonly issues: readonly Issue[];
  /** Position in the list given to `publishMany`, from 0; absent otherwise. */
  declare readonly index?: number;

  constructor(fields: {
    readonly eventType: string;
    readonly issues: readonly Issue[];
    readonly index?: number | undefined;
    readonly cause?: unknown;
  }) {
    const { eventType, issues, index } = fields;
    super(`validate data of ${quote(eventType)}${at(index)}: ${describeIssues(issues)}`, fields);
    this.eventType = eventType;
    this.issues = issues;
    if (index !== undefined) this.index = index;
  }
}

/**
 * The event type is not in the catalog. Thrown by `publish`, `publishMany` and `context.emit`, and at
 * construction of a consumer whose handler declares such a type. `known` holds the types of the catalog.
 */
export class UnknownEventTypeError extends SluiceError {
  static {
    brand(UnknownEventTypeError, "UnknownEventTypeError");
  }

  readonly code = "UNKNOWN_EVENT_TYPE";
  readonly retryable = false;
  readonly eventType: string;
  readonly known: readonly string[];
  /** Position in the list given to `publishMany`, from 0; absent otherwise. */
  declare readonly index?: number;

  constructor(fields: {
    readonly eventType: string;
    readonly known: readonly string[];
    readonly index?: number | undefined;
    /** Name of the handler that declares the type, when it was a handler. */
    readonly handler?: string | undefined;
  }) {
    const { eventType, known, index, handler } = fields;
    const by = handler === undefined ? "" : ` declared by handler ${quote(handler)}`;
    super(`find event type ${quote(eventType)}${by}${at(index)}: the catalog knows ${quoteList(known)}`);
    this.eventType = eventType;
    this.known = known;
    if (index !== undefined) this.index = index;
  }
}

/**
 * A name is not of the form that its field wants: tenant, stream, group, consumer, idempotency key or event
 * type. Thrown before any command is sent.
 */
export class InvalidNameError extends SluiceError {
  static {
    brand(InvalidNameError, "InvalidNameError");
  }

  readonly code = "INVALID_NAME";
  readonly retryable = false;
  /** What was being named, e.g. `"tenant"`. */
  readonly field: string;
  /** The value as it was passed in; not enumerable. */
  declare readonly value: unknown;

  constructor(fields: { readonly field: string; readonly value: unknown; readonly wanted: string }) {
    super(`use ${describe(fields.value)} as ${fields.field}: wanted ${fields.wanted}`);
    this.field = fields.field;
    hide(this, "value", fields.value);
  }
}

/**
 * An option, or a value in the place of one (a handler, a schema, a handler's result), is not what it has to
 * be.
 */
export class InvalidOptionError extends SluiceError {
  static {
    brand(InvalidOptionError, "InvalidOptionError");
  }

  readonly code = "INVALID_OPTION";
  readonly retryable = false;
  /** Path of the option, e.g. `"retry.minDelayMs"` or `"handlers[1].name"`. */
  readonly option: string;
  /** The value as it was passed in, not enumerable; undefined where it may hold a password. */
  declare readonly value: unknown;

  constructor(fields: {
    readonly option: string;
    readonly value: unknown;
    /** What the value has to be, as the end of a sentence that starts with "wanted". */
    readonly wanted: string;
    /**
     * The value as the message shows it; {@link describe} unless given. For values that must not be shown: the error
     * does not hold them either.
     */
    readonly shown?: string | undefined;
    readonly cause?: unknown;
  }) {
    const { option, value, wanted, shown } = fields;
    super(
      `use ${shown ?? describe(value)} as ${oneLine(option, MAX_OPTION_CHARS)}: wanted ${wanted}`,
      fields,
    );
    this.option = option;
    hide(this, "value", shown === undefined ? value : undefined);
  }
}

/** The data, as UTF-8 JSON, is longer than `maxPayloadBytes`. Thrown before anything is sent. */
export class PayloadTooLargeError extends SluiceError {
  static {
    brand(PayloadTooLargeError, "PayloadTooLargeError");
  }

  readonly code = "PAYLOAD_TOO_LARGE";
  readonly retryable = false;
  readonly bytes: number;
  readonly maxBytes: number;
  /** Position in the list given to `publishMany`, from 0; absent otherwise. */
  declare readonly index?: number;

  constructor(fields: {
    readonly eventType: string;
    readonly bytes: number;
    readonly maxBytes: number;
    readonly index?: number | undefined;
  }) {
    const { eventType, bytes, maxBytes, index } = fields;
    const size = count(bytes, "byte");
    super(`send data of ${quote(eventType)}${at(index)}, ${size} of JSON: maxPayloadBytes is ${maxBytes}`);
    this.bytes = bytes;
    this.maxBytes = maxBytes;
    if (index !== undefined) this.index = index;
  }
}

/**
 * A bus with `tenancy: "multi"` was used without a tenant: neither `bus.tenant(name)` nor `withTenant` named
 * one.
 */
export class TenantRequiredError extends SluiceError {
  static {
    brand(TenantRequiredError, "TenantRequiredError");
  }

  readonly code = "TENANT_REQUIRED";
  readonly retryable = false;

  constructor(fields: { /** The call, e.g. `"publish"`. */ readonly attempted: string }) {
    super(
      `${fields.attempted} without a tenant: this bus is multi-tenant, so name one with ` +
        `bus.tenant("…") or run the call inside withTenant("…", fn)`,
    );
  }
}

/** `tenant()`, `tenants()` or `forgetTenant()` was called on a bus whose tenancy is `"single"`, the default. Such a bus takes no notice of `withTenant`. */
export class SingleTenantError extends SluiceError {
  static {
    brand(SingleTenantError, "SingleTenantError");
  }

  readonly code = "SINGLE_TENANT";
  readonly retryable = false;

  constructor(fields: { /** The call, e.g. `"tenant()"`. */ readonly attempted: string }) {
    super(`${fields.attempted}: this bus is single-tenant; connect with tenancy: "multi"`);
  }
}

function at(index: number | undefined): string {
  return index === undefined ? "" : ` at index ${index}`;
}

function describeIssues(issues: readonly Issue[]): string {
  if (issues.length === 0) return "the schema refused it without naming an issue";
  const shown = issues.slice(0, MAX_SHOWN_ISSUES).map((issue) => {
    const message = oneLine(issue.message, MAX_ISSUE_CHARS);
    return issue.path.length === 0 ? message : `${describePath(issue.path)}: ${message}`;
  });
  const left = issues.length - shown.length;
  return shown.join("; ") + (left > 0 ? `; and ${count(left, "further issue")}` : "");
}

/** A path as one would write it in code: `items[0].sku`, `["my key"][1]`. */
export function describePath(path: readonly (string | number)[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\p{L}_$][\p{L}\p{N}_$]{0,79}$/u.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${quote(part)}]`;
  }
  return text;
}
