import { describe, expect, test } from "vitest";
import { InvalidNameError } from "../src/errors.js";
import {
  checkConsumer,
  checkEventType,
  checkGroup,
  checkIdempotencyKey,
  checkStream,
  checkTenant,
} from "../src/names.js";

const kinds = [
  { field: "tenant", check: checkTenant, longest: 64, colon: false },
  { field: "stream", check: checkStream, longest: 128, colon: true },
  { field: "group", check: checkGroup, longest: 128, colon: false },
  { field: "consumer", check: checkConsumer, longest: 128, colon: false },
  { field: "event type", check: checkEventType, longest: 128, colon: true },
] as const;

function refusal(run: () => unknown): InvalidNameError {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidNameError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe.each(kinds)("a $field", ({ field, check, longest, colon }) => {
  test.each(["a", "Z", "0", "acme", "a.b_c-d", "constructor", "9lives", "x".repeat(longest)])(
    "may be %j",
    (name) => {
      expect(check(name)).toBe(name);
    },
  );

  test.each([
    "",
    "*",
    "{x}",
    "a/b",
    "a b",
    "-a",
    ".a",
    "_a",
    ":a",
    "a\r\nb",
    "a\n",
    "\na",
    "a\0",
    "é",
    "日本",
    "a\ud800",
    "__proto__",
    "x".repeat(longest + 1),
    "x".repeat(100_000),
  ])("may not be %j", (name) => {
    const error = refusal(() => check(name));
    expect(error.field).toBe(field);
    expect(error.value).toBe(name);
    expect(error.message).toContain(JSON.stringify(name.slice(0, 80)).slice(0, -1));
    expect(error.message).toContain(` as ${field}: wanted 1 to ${longest} letters`);
    expect(error.message.length).toBeLessThan(350);
  });

  test.each([undefined, null, 5, true, {}, ["acme"], Symbol("acme"), { toString: () => "acme" }])(
    "may not be %s, which is no string",
    (value) => {
      expect(refusal(() => check(value)).field).toBe(field);
    },
  );

  test(`${colon ? "may" : "may not"} have a colon in it`, () => {
    if (colon) expect(check("a:b")).toBe("a:b");
    else expect(refusal(() => check("a:b")).value).toBe("a:b");
  });
});

describe("an idempotency key", () => {
  test.each([
    "o1",
    "~emitted",
    "#1-0",
    "with space / and {anything}",
    "é日本😀",
    "x".repeat(256),
    "é".repeat(128),
    "日".repeat(85),
    "😀".repeat(64),
  ])("may be %j", (key) => {
    expect(checkIdempotencyKey(key)).toBe(key);
  });

  test.each([
    "",
    "x".repeat(257),
    "é".repeat(129),
    "日".repeat(86),
    "😀".repeat(65),
    "a\n",
    "a\0b",
    "\u007f",
    "\u0085",
    "\ud800",
    "a\udc00b",
    "x".repeat(1_000_000),
    undefined,
    null,
    5,
  ])("may not be %j", (key) => {
    const error = refusal(() => checkIdempotencyKey(key));
    expect(error.field).toBe("idempotency key");
    expect(error.message).toMatch(/: wanted 1 to 256 bytes of UTF-8 without control characters$/);
  });

  test("of a caller may not start as those of emitted events do", () => {
    expect(checkIdempotencyKey("a~", { caller: true })).toBe("a~");
    expect(checkIdempotencyKey("~a", { caller: false })).toBe("~a");
    expect(refusal(() => checkIdempotencyKey("~a", { caller: true })).message).toBe(
      'use "~a" as idempotency key: wanted another first character, ~ marks the keys of emitted events',
    );
  });
});
