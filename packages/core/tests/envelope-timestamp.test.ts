import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../src/errors.js";
import { toTimestamp } from "../src/event.js";

describe("a timestamp", () => {
  test.each(["2025-01-31T12:00:00Z", "2024-02-29T23:59:59.999999999Z", "0000-01-01T00:00:00.000Z"])(
    "in UTC stays as it is, to the digit: %s",
    (text) => {
      expect(toTimestamp(text)).toBe(text);
    },
  );

  test.each([
    ["2025-01-31T12:00:00+01:00", "2025-01-31T11:00:00.000Z"],
    ["2025-01-01T00:30:00+01:00", "2024-12-31T23:30:00.000Z"],
    ["2025-01-31T12:00:00.5-05:30", "2025-01-31T17:30:00.500Z"],
    ["2025-01-31t12:00:00z", "2025-01-31T12:00:00.000Z"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
  ])("%s is converted to UTC", (value, expected) => {
    expect(toTimestamp(value)).toBe(expected);
  });

  test.each([
    "",
    "now",
    "2025-01-31",
    "2025-01-31 12:00:00Z",
    "2025-01-31T12:00:00",
    "2025-01-31T12:00Z",
    "2025-13-01T12:00:00Z",
    "2025-02-29T12:00:00Z",
    "2025-04-31T12:00:00Z",
    "2025-01-31T24:00:00Z",
    "2025-01-31T12:00:60Z",
    "2025-01-31T12:00:00+24:00",
    "2025-01-31T12:00:00Z\n",
    1764512345678,
    null,
    {},
    new Date(Number.NaN),
    new Date(8.64e15),
  ])("%s is refused", (value) => {
    expect(() => toTimestamp(value)).toThrow(InvalidOptionError);
    expect(() => toTimestamp(value)).toThrow(
      / as timestamp: wanted a Date or an RFC 3339 timestamp such as /,
    );
  });
});
