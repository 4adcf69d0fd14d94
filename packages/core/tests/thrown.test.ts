import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { kindOf } from "../src/errors/describe.js";
import { InvalidOptionError, NonRetryableError, SluiceError } from "../src/errors.js";
import { describeThrown, MAX_THROWN_CHARS, toLoggable } from "../src/thrown.js";

const throwing = () => {
  throw new Error("of a getter");
};

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** An error with own fields of whatever kind. */
function errorWith(fields: object, error: Error = new Error("busy")): Error {
  return Object.defineProperties(error, Object.getOwnPropertyDescriptors(fields));
}

class Busy {
  constructor(readonly afterMs: number) {}
}

class WithCodeGetter extends Error {
  get code() {
    return "E_GETTER";
  }
}

class Declined extends NonRetryableError {
  readonly card = "visa";
}

function circular(): object {
  const object: Record<string, unknown> = { name: "loop" };
  object.self = object;
  return object;
}

describe("a thrown value is described", () => {
  test.each<[string, unknown, string]>([
    ["an error, by name and message", new TypeError("no such field"), "TypeError: no such field"],
    ["an error without a message, by its name", new RangeError(), "RangeError"],
    [
      "an error of the system, with its code and fields",
      errorWith({ errno: -111, code: "ECONNREFUSED", port: 5432 }),
      'Error: busy {errno: -111, code: "ECONNREFUSED", port: 5432}',
    ],
    ["an error whose code is a getter", new WithCodeGetter("x"), 'Error: x {code: "E_GETTER"}'],
    [
      "an error's objects, by their kind alone: they may hold credentials",
      errorWith({ config: { headers: { authorization: "secret" } }, tries: [1, 2] }),
      "Error: busy {config: an object, tries: an array}",
    ],
    [
      "an error with a cause, once",
      new Error("outer", { cause: new Error("inner", { cause: new Error("innermost") }) }),
      "Error: outer; cause: Error: inner",
    ],
    [
      "an AggregateError, with the first of its errors",
      new AggregateError([new Error("a"), "b", new Error("c"), new Error("d")], "all failed"),
      'AggregateError: all failed; errors: Error: a, "b", Error: c and 1 more',
    ],
    ["an error of another realm", runInNewContext("new TypeError('elsewhere')"), "TypeError: elsewhere"],
    [
      "an error of Sluice's, by its message alone",
      new InvalidOptionError({ option: "o", value: 1, wanted: "2" }),
      "InvalidOptionError: use 1 as o: wanted 2",
    ],
    [
      "a NonRetryableError, without what each of them has",
      new NonRetryableError("gone"),
      "NonRetryableError: gone",
    ],
    [
      "a class derived from it, with fields of its own",
      new Declined("no"),
      'NonRetryableError: no {card: "visa"}',
    ],
    ["a plain object, by its fields", { code: "E_BUSY", status: 503 }, '{code: "E_BUSY", status: 503}'],
    [
      "fields of fields, and deeper ones by their kind",
      { body: { error: "busy", detail: { deep: 1 } } },
      '{body: {error: "busy", detail: an object}}',
    ],
    ["an object without a prototype", Object.assign(Object.create(null), { code: 5 }), "{code: 5}"],
    ["an instance, with its class", new Busy(5), "an instance of Busy {afterMs: 5}"],
    ["an array", [1, "two", {}], '[1, "two", {}]'],
    ["text, as it is", "out of\npaper", "out of\npaper"],
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["a bigint", 5n, "5n"],
    ["a bigint of a million digits", 1n << 4_000_000n, "a long bigint"],
    ["a symbol", Symbol("busy"), "Symbol(busy)"],
    ["a function", () => {}, "a function"],
    ["an error with a symbol as message", errorWith({ message: Symbol("odd") }), "Error: Symbol(odd)"],
    ["an error with an object as message", errorWith({ message: { a: 1 } }), "Error: an object"],
    [
      "an error whose message throws",
      errorWith({
        get message() {
          return throwing();
        },
      }),
      "Error: (cannot be read)",
    ],
    [
      "an error whose name throws",
      errorWith({
        get name() {
          return throwing();
        },
      }),
      "(cannot be read): busy",
    ],
    [
      "an error whose cause throws",
      errorWith({
        get cause() {
          return throwing();
        },
      }),
      "Error: busy; cause: (cannot be read)",
    ],
    [
      "an error whose field throws",
      errorWith(Object.defineProperty({}, "field", { get: throwing, enumerable: true })),
      "Error: busy {field: (cannot be read)}",
    ],
    ["a proxy that was revoked", revoked(), "an object that cannot be read"],
    ["an object that holds one", { inner: revoked() }, "{inner: an object that cannot be read}"],
    ["an object that refers to itself", circular(), '{name: "loop", self: {name: "loop", self: an object}}'],
    [
      "a proxy whose every trap throws",
      new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing }),
      "an object that cannot be read",
    ],
  ])("%s", (_, thrown, text) => {
    expect(describeThrown(thrown)).toBe(text);
  });

  test.each<[string, unknown]>([
    ["a message of 10 MB", new Error("x".repeat(1e7))],
    ["text of 10 MB", "x".repeat(1e7)],
    ["a symbol of 10 MB", Symbol("x".repeat(1e7))],
    ["a name of 10 MB", errorWith({ name: "x".repeat(1e7) })],
    ["a hundred thousand fields", Object.fromEntries(Array.from({ length: 1e5 }, (_, n) => [`f${n}`, n]))],
    ["an array of a million", Array(1e6).fill("x")],
    ["fields with long names", { ["x".repeat(1e6)]: "y".repeat(1e6), z: ["z".repeat(1e6)] }],
    ["errors within errors", new AggregateError(Array(1e5).fill(new Error("y".repeat(1e5))), "x")],
  ])("within its bound: %s", (_, thrown) => {
    expect(describeThrown(thrown).length).toBeLessThanOrEqual(MAX_THROWN_CHARS + 1);
  });
});

describe("a thrown value is logged", () => {
  test("as itself, if it is an error that can be read", () => {
    const error = errorWith({ code: "E" });
    expect(toLoggable(error)).toBe(error);
  });

  test.each<[string, unknown]>([
    ["a plain object", { code: "E" }],
    ["text", "busy"],
    ["a proxy that was revoked", revoked()],
    [
      "an error whose message throws",
      errorWith({
        get message() {
          return throwing();
        },
      }),
    ],
    ["an error whose stack is a symbol", errorWith({ stack: Symbol("s") })],
  ])("as an error that describes it, otherwise: %s", (_, thrown) => {
    const error = toLoggable(thrown);
    expect(error).toMatchObject({ name: "ThrownValue", message: describeThrown(thrown) });
    expect(error.stack).toBe(`ThrownValue: ${describeThrown(thrown)}`);
  });
});

describe("what cannot be read", () => {
  test("is no error of Sluice's, nor of a class derived from one, and asking does not throw", () => {
    for (const value of [revoked(), new Proxy({}, { get: throwing, getPrototypeOf: throwing })]) {
      for (const errorClass of [SluiceError, NonRetryableError, Declined]) {
        expect(value instanceof errorClass).toBe(false);
      }
    }
  });

  test("has a kind all the same", () => {
    expect(kindOf(revoked())).toBe("an object that cannot be read");
  });
});
