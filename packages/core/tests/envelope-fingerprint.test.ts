import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emitKey, Fingerprints } from "../src/fingerprint.js";

const fingerprints = new Fingerprints();
const fingerprint = (type: string, subject: string | undefined, dataJson: string) =>
  fingerprints.of(type, subject, dataJson);

describe("a fingerprint", () => {
  // A stream's publish window outlives a deployment: these must stay what they are.
  test.each([
    ["order.placed", undefined, '{"orderId":"o1","amount":1299}', "dyw5986sskxm"],
    ["order.placed", "orders/o1", '{"orderId":"o1","amount":1299}', "fqywiilrz11r"],
    ["a", undefined, "", "9k4hptfd8vs2"],
    ["a", "", "日本😀", "hz8lmdw5w9qq"],
    ["a", undefined, "0123456789".repeat(1_000), "ht621nkzlkb8"],
  ])("of %s, %s, %s never changes", (type, subject, data, expected) => {
    expect(fingerprint(type, subject, data)).toBe(expected);
  });

  test("is 12 digits of base 36", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.option(fc.string(), { nil: undefined }),
        fc.json(),
        (type, subject, data) => {
          expect(fingerprint(type, subject, data)).toMatch(/^[0-9a-z]{12}$/);
        },
      ),
    );
  });

  test("differs when type, subject or data differ, also by what moves from one to the next", () => {
    const prints = [
      fingerprint("ab", undefined, "1"),
      fingerprint("a", undefined, "b1"),
      fingerprint("ab1", undefined, ""),
      fingerprint("ab", "", "1"),
      fingerprint("ab", "1", ""),
      fingerprint("a", "b", "1"),
      fingerprint("a", "b1", ""),
      fingerprint("ab", undefined, "1\0"),
      fingerprint("ab", undefined, "\x001"),
    ];
    expect(new Set(prints).size).toBe(prints.length);
  });

  test("collides no more than chance in either half", () => {
    const amount = 200_000;
    const halves = [new Set<string>(), new Set<string>()];
    for (let n = 0; n < amount; n++) {
      const print = fingerprint("order.placed", undefined, `{"orderId":"o${n}","amount":${n % 1_000}}`);
      halves[0]?.add(print.slice(0, 6));
      halves[1]?.add(print.slice(6));
    }
    // The birthday bound for 31 bits: 9.3 collisions, with a spread of 3.
    for (const half of halves) expect(amount - half.size).toBeLessThan(25);
  });
});

describe("the key of an emitted event", () => {
  test("is a tilde and the SHA-256 of key, group and number on lines of their own", async () => {
    const digest = createHash("sha256").update("bestellung-ü1\nbilling\n0", "utf8").digest("hex");
    expect(await emitKey("bestellung-ü1", "billing", 0)).toBe(`~${digest}`);
  });

  test("is the same at each attempt, and another for each key, group and number", async () => {
    const of = [
      ["o1", "billing", 0],
      ["o1", "billing", 1],
      ["o1", "billing", 10],
      ["o1", "shipping", 0],
      ["o2", "billing", 0],
      ["o1\nbilling", "0", 0],
    ] as const;
    const keys = await Promise.all(of.map(([key, group, n]) => emitKey(key, group, n)));
    expect(new Set(keys).size).toBe(of.length);
    expect(await Promise.all(of.map(([key, group, n]) => emitKey(key, group, n)))).toEqual(keys);
  });
});
