import { MAX_KEY_BYTES, MAX_STORED_KEY_BYTES, MAX_TYPE_BYTES } from "@sluice/lua-scripts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkEventType, checkIdempotencyKey } from "../src/names.js";
import { givenKey, partsOfKey, storedKey } from "../src/stored-key.js";

const type = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,12}$/);
const key = fc.string({ unit: fc.constantFrom(..."ab:./#~é "), minLength: 1, maxLength: 12 });

describe("a key that a publisher named", () => {
  test("is stored behind its type", () => {
    expect(storedKey("order.placed", "o1")).toBe("order.placed:o1");
    expect(storedKey("order:placed", "o1")).toBe("order/placed:o1");
  });

  test("comes back as it was named, whatever type and key hold", () => {
    fc.assert(
      fc.property(type, key, (type, key) => {
        const stored = storedKey(type, key);
        expect(givenKey(stored, type)).toBe(key);
        expect(partsOfKey(stored)).toEqual({ type, key });
      }),
    );
  });

  test("is stored as no other type's and no other key is", () => {
    fc.assert(
      fc.property(type, key, type, key, (type, key, otherType, otherKey) => {
        const same = type === otherType && key === otherKey;
        expect(storedKey(type, key) === storedKey(otherType, otherKey)).toBe(same);
      }),
    );
    expect(storedKey("a", "b:c")).not.toBe(storedKey("a:b", "c"));
    expect(storedKey("a", "/b:c")).not.toBe(storedKey("a:", "b:c"));
  });

  test("fits, with the longest type and the longest key", () => {
    const longest = storedKey(
      checkEventType("t".repeat(MAX_TYPE_BYTES)),
      checkIdempotencyKey("k".repeat(MAX_KEY_BYTES)),
    );
    expect(longest.length).toBe(MAX_STORED_KEY_BYTES);
  });
});

describe("a key without its type in front", () => {
  const uuid = "0b3c1a52-8a0e-4a52-9c43-1f6f0f1f2a3b";

  test.each([uuid, `~${"0".repeat(64)}`, "o1", ":o1", "order.placed:", "order.shipped:o1", "urn:uuid:1", ""])(
    "is told as it is stored: %j",
    (stored) => {
      expect(givenKey(stored, "order.placed")).toBe(stored);
    },
  );

  test.each([uuid, `~${"0".repeat(64)}`, "o1", ":o1", "order.placed:", ""])("has no type: %j", (stored) => {
    expect(partsOfKey(stored)).toEqual({ key: stored });
  });
});
