import { describe, expect, test } from "vitest";
import { mismatch } from "../src/matching.js";
import { fill } from "../src/variables.js";

describe("a matcher takes what it should, and nothing else", () => {
  test.each<[string, unknown, unknown, unknown]>([
    ["a scalar", 5, 5, "5"],
    ["null", null, null, undefined],
    ["a list, item by item", [1, { a: 1 }], [1, { a: 1, b: 2 }], [1]],
    ["a map, of at least these members", { a: 1 }, { a: 1, b: 2 }, { b: 2 }],
    ["$exactly", { $exactly: { a: 1 } }, { a: 1 }, { a: 1, b: 2 }],
    ["$matches", { $matches: "^\\d+-0$" }, "12-0", "x12-0"],
    ["$type", { $type: "integer" }, 3, 3.5],
    ["$min and $max, both", { $min: 1, $max: 2 }, "2", 3],
    ["$near", { $near: { of: 100, by: 5 } }, 105, 106],
    ["$length", { $length: 2 }, "ab", ["a"]],
    ["$contains, of a text", { $contains: "b" }, "abc", "acd"],
    ["$contains, of a list", { $contains: { a: 1 } }, [{ a: 1, b: 1 }], [{ a: 2 }]],
    ["$unordered", { $unordered: [1, 2, 2] }, [2, 1, 2], [2, 1, 1]],
    ["$every", { $every: { $min: 1 } }, [1, 2], [1, 0]],
    ["$unique", { $unique: true }, [1, 2], [1, 1]],
    ["$absent", { a: { $absent: true } }, {}, { a: 1 }],
    ["$any", { a: { $any: true } }, { a: null }, {}],
    ["$not", { $not: 1 }, 2, 1],
    ["$oneOf", { $oneOf: [1, 2] }, 2, 3],
    ["$at", { $at: { 1: "b" } }, ["a", "b"], ["b", "a"]],
    ["$json", { $json: { a: 1 } }, '{"a":1}', "{a:1}"],
    ["$pairs", { $pairs: { b: "2" } }, ["a", "1", "b", "2"], ["a", "1", "b", "3"]],
  ])("%s", (_, expected, taken, refused) => {
    expect(mismatch(expected, taken)).toBeUndefined();
    expect(mismatch(expected, refused)).toBeTypeOf("string");
  });

  test("what does not match is told by its place, its value and what was wanted", () => {
    expect(mismatch({ items: [{ id: "2-0" }] }, { items: [{ id: "1-0" }] }, "the reply")).toBe(
      'the reply.items.0.id is "1-0", wanted "2-0"',
    );
  });

  test("an operator that there is not is an error of the case, not a mismatch", () => {
    expect(() => mismatch({ $atLeast: 1 }, 2)).toThrow('match with "$atLeast": there is no such operator');
  });
});

describe("${…} in the data of a case", () => {
  const known: Readonly<Record<string, unknown>> = { n: 5, name: "a-1", list: [1] };
  const lookup = (reference: string) => known[reference];

  test.each<[unknown, unknown]>([
    ["${n}", 5],
    ["${list}", [1]],
    ["k${n}-${name}", "k5-a-1"],
    ["${n+10}", 15],
    ["${n-10}", -5],
    ["${repeat:ab*3}", "ababab"],
    [{ "${name}": ["${n}"] }, { "a-1": [5] }],
    ["$n {n}", "$n {n}"],
  ])("%j is %j", (data, filled) => expect(fill(data, lookup)).toEqual(filled));

  test("a reference to nothing is an error that names it", () => {
    expect(() => fill({ a: ["${none.id}"] }, lookup)).toThrow('fill in "${none.id}": there is no such value');
  });
});
