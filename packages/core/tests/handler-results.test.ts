import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../src/errors.js";
import { failure, retry, success, toResult } from "../src/results.js";

describe("a handler's result", () => {
  test("is a plain object told by its kind", () => {
    expect(success()).toEqual({ kind: "success" });
    expect(retry()).toEqual({ kind: "retry" });
    expect(retry({ delayMs: 0, reason: "busy" })).toEqual({ kind: "retry", delayMs: 0, reason: "busy" });
    expect(retry({ delayMs: undefined, reason: undefined })).toStrictEqual({ kind: "retry" });
    expect(failure()).toEqual({ kind: "failure" });
    expect(failure({ reason: "declined" })).toEqual({ kind: "failure", reason: "declined" });
  });

  test("is success when there is none", () => {
    expect(toResult(undefined)).toEqual(success());
  });

  test.each([
    [{ kind: "success" }],
    [{ kind: "retry", delayMs: 5, reason: "busy" }],
    [{ kind: "failure", reason: "declined" }],
    [{ kind: "retry" }],
  ])("may be built by hand, or by another copy of the package: %j", (value) => {
    expect(toResult(value)).toEqual(value);
  });

  test.each([
    [null, "null"],
    [true, "a boolean"],
    ["secret", "a string"],
    [{ ok: "secret" }, "an object"],
    [{ kind: "done" }, "an object"],
    [["secret"], "an array"],
    [() => {}, "a function"],
    [new Map(), "an instance of Map"],
  ])("is refused when it is something else, whose kind alone is shown: %j", (value, shown) => {
    expect(() => toResult(value)).toThrow(InvalidOptionError);
    expect(() => toResult(value)).toThrow(
      `use ${shown} as the handler's result: ` +
        "wanted nothing, success(), retry({ delayMs, reason }) or failure({ reason })",
    );
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "5", null])(
    "is refused with the delay %s",
    (delayMs) => {
      // Not what the type allows: what a caller without types may pass.
      expect(() => retry({ delayMs: delayMs as never })).toThrow(
        / as delayMs of retry\(\): wanted an integer from 0/,
      );
      expect(() => toResult({ kind: "retry", delayMs })).toThrow(InvalidOptionError);
    },
  );

  test("is refused with a reason that is no text", () => {
    const reason = { secret: true } as never;
    expect(() => failure({ reason })).toThrow("use an object as reason of failure(): wanted a string");
    expect(() => retry({ reason })).toThrow("use an object as reason of retry(): wanted a string");
  });

  test("keeps 1,000 characters of a reason", () => {
    expect(failure({ reason: "x".repeat(1_000) })).toEqual({ kind: "failure", reason: "x".repeat(1_000) });
    expect(failure({ reason: "x".repeat(5_000) })).toEqual({
      kind: "failure",
      reason: `${"x".repeat(1_000)}…`,
    });
  });
});
