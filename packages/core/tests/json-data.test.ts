import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPlainJson, lostInJson } from "../src/catalog/json-data.js";

function nested(depth: number): unknown {
  let data: unknown = 1;
  for (let n = 0; n < depth; n++) data = n % 2 === 0 ? [data] : { data };
  return data;
}

describe("plain JSON", () => {
  test("is given back by JSON as it is, whatever it holds", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withDate: true,
          withMap: true,
          withSet: true,
          withSparseArray: true,
          withBigInt: true,
          withNullPrototype: true,
        }),
        (data) => {
          if (isPlainJson(data)) expect(JSON.parse(JSON.stringify(data))).toEqual(data);
        },
      ),
    );
  });

  test("is whatever came out of JSON", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const data: unknown = JSON.parse(json, (_, value) => (Object.is(value, -0) ? 0 : value));
        expect(isPlainJson(data)).toBe(true);
        expect(lostInJson(data)).toEqual([]);
      }),
    );
  });

  test.each<[string, unknown]>([
    ["a Date", new Date()],
    ["-0", -0],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["NaN", Number.NaN],
    ["a bigint", 1n],
    ["undefined", undefined],
    ["a member that is undefined", { a: undefined }],
    ["a hole in an array", new Array(1)],
    ["an own toJSON", { toJSON: () => 1 }],
    ["an instance of a class", new (class A {})()],
    ["boxed text", Object("a")],
    [
      "what refers to itself",
      (() => {
        const a: { a?: unknown } = {};
        a.a = a;
        return a;
      })(),
    ],
    ["what is nested too deeply to be looked through", nested(101)],
  ])("is not %s", (_, value) => {
    expect(isPlainJson(value)).toBe(false);
    expect(isPlainJson({ deep: [{ value }] })).toBe(false);
  });
});

describe("what JSON cannot hold", () => {
  test.each<[string, unknown, string]>([
    ["a Map", new Map([[1, 2]]), "is an instance of Map, whose content JSON cannot hold"],
    ["a Set", new Set([1]), "is an instance of Set, whose content JSON cannot hold"],
    ["an Error", new Error("x"), "is an instance of Error, whose content JSON cannot hold"],
    ["a RegExp", /x/, "is an instance of RegExp, whose content JSON cannot hold"],
    ["a promise", Promise.resolve(1), "is an instance of Promise, whose content JSON cannot hold"],
    ["Infinity", Number.POSITIVE_INFINITY, "is Infinity, which JSON cannot hold"],
    ["NaN", Number.NaN, "is NaN, which JSON cannot hold"],
  ])("is named with its path: %s", (_, value, message) => {
    expect(lostInJson(value)).toEqual([{ path: [], message }]);
    expect(lostInJson({ items: [{ fine: 1, value }] })).toEqual([{ path: ["items", 0, "value"], message }]);
  });

  test("is undefined, a function, a symbol in an array, and not as a member", () => {
    const values = [undefined, () => {}, Symbol("s")];
    expect(lostInJson({ a: values }).map(({ path }) => path)).toEqual([
      ["a", 0],
      ["a", 1],
      ["a", 2],
    ]);
    expect(lostInJson({ ...values })).toEqual([]);
  });

  test("is nothing that writes itself: a Date, a Buffer, a URL, an instance with a toJSON", () => {
    expect(lostInJson([new Date(), Buffer.from("a"), new URL("x:y"), { toJSON: () => 1 }])).toEqual([]);
  });
});
