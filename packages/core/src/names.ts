/**
 * The names that users choose, and their checks. A name becomes part of a Redis key, an ACL pattern or a line
 * of a log, so everything that is not of the documented form is refused before any command is sent.
 */

import { MAX_KEY_BYTES } from "@sluice/lua-scripts";
import { InvalidNameError } from "./errors.js";

interface NameRule {
  readonly field: string;
  readonly pattern: RegExp;
  readonly wanted: string;
}

const TENANT: NameRule = {
  field: "tenant",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  wanted: "1 to 64 letters, digits, dots, underscores and hyphens, starting with a letter or digit",
};

const STREAM: NameRule = {
  field: "stream",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
  wanted: "1 to 128 letters, digits, dots, underscores, colons and hyphens, starting with a letter or digit",
};

const GROUP: NameRule = {
  field: "group",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  wanted: "1 to 128 letters, digits, dots, underscores and hyphens, starting with a letter or digit",
};

const CONSUMER: NameRule = { ...GROUP, field: "consumer" };

const EVENT_TYPE: NameRule = { ...STREAM, field: "event type" };

/**
 * A tenant: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
 *
 * @throws {InvalidNameError} naming the value and what was wanted.
 */
export function checkTenant(value: unknown): string {
  return check(TENANT, value);
}

/** Whether a tenant may have this name. */
export function isTenant(name: string): boolean {
  return TENANT.pattern.test(name);
}

/**
 * A stream: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
 *
 * @throws {InvalidNameError} naming the value and what was wanted.
 */
export function checkStream(value: unknown): string {
  return check(STREAM, value);
}

/**
 * A consumer group: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
 *
 * @throws {InvalidNameError} naming the value and what was wanted.
 */
export function checkGroup(value: unknown): string {
  return check(GROUP, value);
}

/** Whether a group may have this name. */
export function isGroup(name: string): boolean {
  return GROUP.pattern.test(name);
}

/**
 * A consumer: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
 *
 * @throws {InvalidNameError} naming the value and what was wanted.
 */
export function checkConsumer(value: unknown): string {
  return check(CONSUMER, value);
}

/**
 * An event type: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
 *
 * @throws {InvalidNameError} naming the value and what was wanted.
 */
export function checkEventType(value: unknown): string {
  return check(EVENT_TYPE, value);
}

/** Whether an event type may have this name. */
export function isEventType(name: string): boolean {
  return EVENT_TYPE.pattern.test(name);
}

/**
 * First character of the keys that Sluice makes for emitted events. A caller's key may not start with it, so that
 * whoever reads an event's key knows who made it.
 */
export const RESERVED_KEY_PREFIX = "~";

/** What nearly every key is made of. Up to 256 of them need no further look. */
const PLAIN_KEY = /^[\x20-\x7e]{1,256}$/;

/**
 * Control characters; lone surrogates, which UTF-8 cannot hold: two keys could become one; and U+FFFD, which stands for
 * bytes that are not UTF-8, so that consumers take an entry with it for one without a key.
 */
const NOT_IN_A_KEY = /[\p{Cc}\p{Cs}\ufffd]/u;

/**
 * An idempotency key: 1 to 256 bytes of UTF-8 without control characters.
 *
 * @param options.caller - the key comes from a caller, so that it may not start with `~`.
 * @throws {InvalidNameError} naming the value and what was wanted.
 */
export function checkIdempotencyKey(value: unknown, options?: { readonly caller?: boolean }): string {
  if (typeof value !== "string" || !isKey(value)) {
    const wanted = `1 to ${MAX_KEY_BYTES} bytes of UTF-8 without control characters`;
    throw new InvalidNameError({ field: "idempotency key", value, wanted });
  }
  if (options?.caller === true && value.startsWith(RESERVED_KEY_PREFIX)) {
    const wanted = `another first character, ${RESERVED_KEY_PREFIX} marks the keys of emitted events`;
    throw new InvalidNameError({ field: "idempotency key", value, wanted });
  }
  return value;
}

function isKey(value: string): boolean {
  if (PLAIN_KEY.test(value)) return true;
  // No string has fewer bytes of UTF-8 than code units: the length is looked at first, so that nothing long
  // is scanned or encoded.
  if (value.length === 0 || value.length > MAX_KEY_BYTES || NOT_IN_A_KEY.test(value)) return false;
  return new TextEncoder().encode(value).length <= MAX_KEY_BYTES;
}

function check(rule: NameRule, value: unknown): string {
  if (typeof value !== "string" || !rule.pattern.test(value)) {
    throw new InvalidNameError({ field: rule.field, value, wanted: rule.wanted });
  }
  return value;
}

const ENTRY_ID = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/;
const UINT64_MAX = 2n ** 64n - 1n;

/** Whether the value is an entry ID as Redis writes it: two unsigned 64-bit numbers. */
export function isEntryId(value: unknown): value is string {
  const parts = typeof value === "string" ? ENTRY_ID.exec(value) : null;
  return parts?.slice(1).every((part) => BigInt(part) <= UINT64_MAX) ?? false;
}
