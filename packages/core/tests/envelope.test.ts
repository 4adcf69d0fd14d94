import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEvent, encodeData, encodeEvent, fitsBytes, utf8Length } from "../src/envelope.js";
import type { EventAttributes } from "../src/event.js";

const minimal: EventAttributes = {
  type: "order.placed",
  idempotencyKey: "o1",
  timestamp: "2025-01-31T12:00:00.000Z",
  source: "shop",
};

const complete: EventAttributes = {
  ...minimal,
  tenantId: "acme",
  subject: "orders/o1",
  correlationId: "request-1",
  causationId: "o0",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

/** Encodes data, through a document, and reads it back. */
function roundTrip(data: unknown, attributes = minimal): unknown {
  const encoded = encodeData(data);
  if (encoded.issues) throw new Error("is JSON, so there are no issues");
  const { idempotencyKey } = attributes;
  const document = encodeEvent(attributes, idempotencyKey, encoded.json);
  const decoded = decodeEvent(document, { id: "1-0", key: idempotencyKey });
  if (!decoded.ok) throw new Error(decoded.message);
  const { data: stored, ...event } = decoded.event;
  expect(event).toEqual({ ...attributes, id: "1-0" });
  return stored;
}

/** Node's own comparison: that of the test runner does not see an own `__proto__`. */
function expectSame(actual: unknown, expected: unknown): void {
  expect(JSON.stringify(actual)).toBe(JSON.stringify(expected));
  expect(isDeepStrictEqual(actual, expected)).toBe(true);
}

describe("an event on the wire", () => {
  test("is a CloudEvents document with its attributes in this order", () => {
    expect(encodeEvent(complete, complete.idempotencyKey, '{"amount":5}')).toBe(
      '{"specversion":"1.0","id":"o1","source":"shop","type":"order.placed",' +
        '"time":"2025-01-31T12:00:00.000Z","tenantid":"acme","subject":"orders/o1",' +
        '"datacontenttype":"application/json","correlationid":"request-1","causationid":"o0",' +
        '"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{"amount":5}}',
    );
    expect(encodeEvent(minimal, minimal.idempotencyKey, "[]")).toBe(
      '{"specversion":"1.0","id":"o1","source":"shop","type":"order.placed",' +
        '"time":"2025-01-31T12:00:00.000Z","datacontenttype":"application/json","data":[]}',
    );
  });

  test("holds the data byte for byte", () => {
    const data = '{"n":9007199254740993,"spaced" : [ ] }';
    expect(encodeEvent(minimal, minimal.idempotencyKey, data).endsWith(`,"data":${data}}`)).toBe(true);
  });

  test("comes back with every attribute, whatever text they hold", () => {
    const text = fc.string({ unit: "binary", minLength: 1 });
    const attributes = fc.record(
      {
        type: text,
        idempotencyKey: text,
        timestamp: fc.constant("2025-01-31T12:00:00Z"),
        source: text,
        tenantId: fc.string({ unit: "binary" }),
        subject: fc.string({ unit: "binary" }),
        correlationId: fc.string({ unit: "binary" }),
        causationId: fc.string({ unit: "binary" }),
        traceparent: fc.string({ unit: "binary" }),
      },
      { requiredKeys: ["type", "idempotencyKey", "timestamp", "source"], noNullPrototype: true },
    );
    fc.assert(
      fc.property(attributes, (given) => {
        expect(roundTrip({}, given)).toEqual({});
      }),
    );
  });
});

describe("data equals JSON.parse(JSON.stringify(data))", () => {
  test("for any value", () => {
    const anything = fc.anything({ withDate: true, withNullPrototype: true, withObjectString: true });
    fc.assert(
      fc.property(anything, (data) => {
        fc.pre(JSON.stringify(data) !== undefined);
        expectSame(roundTrip(data), JSON.parse(JSON.stringify(data)));
      }),
      { numRuns: 500 },
    );
  });

  test("for any JSON, with any string in it", () => {
    const json = fc.jsonValue({ stringUnit: "binary", depthSize: "medium" });
    fc.assert(
      fc.property(json, (data) => {
        expectSame(roundTrip(data), JSON.parse(JSON.stringify(data)));
      }),
    );
  });

  test.each([
    ["an empty array", []],
    ["an empty object", {}],
    ["null", null],
    ["an own __proto__", JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}')],
    ["lone surrogates", "\ud800 a \udc00 \ud83d\ude00"],
    ["names of attributes", { id: 1, type: 2, data: { specversion: "2" } }],
    ["a string of 1 MiB", "é".repeat(512 * 1024)],
    ["numbers at the edge", [2 ** 53 + 1, -0, 1e-320, 1.7976931348623157e308]],
    ["what JSON makes null", [Number.NaN, Number.POSITIVE_INFINITY, undefined]],
    ["line separators", '\u2028\u2029\u0000\u001f\u007f"\\/'],
  ])("for %s", (_, data) => {
    expectSame(roundTrip(data), JSON.parse(JSON.stringify(data)));
  });

  test("and an own __proto__ stays a property", () => {
    const data = roundTrip(JSON.parse('{"__proto__":{"polluted":true}}'));
    expect(Object.entries(data as object)).toEqual([["__proto__", { polluted: true }]]);
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(data).not.toHaveProperty("polluted");
  });

  test("for what is nested 2,000 deep", () => {
    let data: unknown[] = [];
    for (let depth = 0; depth < 2_000; depth++) data = [data];
    expect(JSON.stringify(roundTrip(data))).toBe(JSON.stringify(data));
  });
});

describe("data that is not JSON", () => {
  const circular: { list: unknown[] } = { list: [1] };
  circular.list.push(circular);
  const shared = { a: 1 };

  test.each([
    ["undefined", undefined, [{ path: [], message: "data is undefined, which JSON cannot hold" }]],
    ["a function", () => {}, [{ path: [], message: "data is a function, which JSON cannot hold" }]],
    ["a symbol", Symbol("s"), [{ path: [], message: "data is a symbol, which JSON cannot hold" }]],
    [
      "an object without JSON",
      { toJSON: () => undefined },
      [{ path: [], message: "data is an object whose toJSON gives undefined, which JSON cannot hold" }],
    ],
    ["a BigInt", 5n, [{ path: [], message: "is a BigInt, which JSON cannot hold" }]],
    [
      "BigInts inside",
      { a: [{ n: 1n }, shared, shared], b: { "x.y": [2n] } },
      [
        { path: ["a", 0, "n"], message: "is a BigInt, which JSON cannot hold" },
        { path: ["b", "x.y", 0], message: "is a BigInt, which JSON cannot hold" },
      ],
    ],
    ["a circle", circular, [{ path: ["list", 1], message: "refers back to an object it is in" }]],
    [
      "a BigInt from toJSON",
      { a: { toJSON: () => ({ n: 1n }) } },
      [{ path: ["a", "n"], message: "is a BigInt, which JSON cannot hold" }],
    ],
  ])("is refused with where and why: %s", (_, data, issues) => {
    expect(encodeData(data)).toEqual({ issues });
  });

  test("is refused without the text of the caller's own error", () => {
    const data = {
      toJSON: () => {
        throw new TypeError("secret payload");
      },
    };
    const message = "data could not be written as JSON, a getter or toJSON threw TypeError";
    expect(encodeData(data)).toEqual({ issues: [{ path: [], message }] });
  });

  test("is refused when it is nested deeper than the runtime can write", () => {
    let data: unknown[] = [];
    for (let depth = 0; depth < 1_000_000; depth++) data = [data];
    const message = "data is nested too deeply, or too large, to be written as JSON";
    expect(encodeData(data)).toEqual({ issues: [{ path: [], message }] });
  });

  test("lists at most 100 issues", () => {
    expect(encodeData(Array(1_000).fill(1n)).issues).toHaveLength(100);
  });
});

describe("a foreign document", () => {
  const wire = { specversion: "1.0", id: "o1", source: "s", type: "t", time: "2025-01-31T12:00:00Z" };
  const entry = { id: "1-0", key: "o1" };
  const decode = (changes: object) => decodeEvent(JSON.stringify({ ...wire, ...changes }), entry);

  test("may have other attributes, in any order, and null for what is missing", () => {
    const decoded = decode({ data: 1, partitionkey: "p", dataschema: "x", tenantid: null, subject: null });
    expect(decoded).toEqual({
      ok: true,
      event: { id: "1-0", type: "t", idempotencyKey: "o1", timestamp: wire.time, source: "s", data: 1 },
    });
  });

  test("may have no data, which is then for the schema to judge", () => {
    expect(decode({})).toMatchObject({ ok: true, event: { data: undefined } });
  });

  test("may have a time with an offset, which comes out in UTC", () => {
    expect(decode({ time: "2025-01-31T12:00:00+01:30" })).toMatchObject({
      event: { timestamp: "2025-01-31T10:30:00.000Z" },
    });
    expect(decode({ time: "2025-01-31T12:00:00.123456789Z" })).toMatchObject({
      event: { timestamp: "2025-01-31T12:00:00.123456789Z" },
    });
  });

  test.each([
    ["", "the text is not JSON"],
    ["{", "the text is not JSON"],
    ['{"a":secret}', "the text is not JSON"],
    ["null", "the document is not a JSON object"],
    ["[]", "the document is not a JSON object"],
    ['"text"', "the document is not a JSON object"],
    ["5", "the document is not a JSON object"],
    ["{}", 'attribute specversion is not "1.0"'],
  ])("is malformed: %s", (json, fault) => {
    const message = `decode a CloudEvents document: ${fault}`;
    expect(decodeEvent(json, entry)).toEqual({ ok: false, reason: "MALFORMED", message });
  });

  test.each([
    [{ specversion: "0.3" }, "specversion"],
    [{ specversion: 1 }, "specversion"],
    [{ id: undefined }, "id"],
    [{ id: "" }, "id"],
    [{ id: 5 }, "id"],
    [{ source: null }, "source"],
    [{ type: {} }, "type"],
    [{ type: "" }, "type"],
    [{ time: undefined }, "time"],
    [{ time: 1764512345678 }, "time"],
    [{ time: "yesterday" }, "time"],
    [{ time: "2025-02-30T12:00:00Z" }, "time"],
    [{ tenantid: 5 }, "tenantid"],
    [{ subject: ["secret"] }, "subject"],
    [{ correlationid: {} }, "correlationid"],
    [{ causationid: true }, "causationid"],
    [{ traceparent: 0 }, "traceparent"],
    [{ data_base64: "c2VjcmV0" }, "data_base64"],
  ])("is malformed with %j, and the attribute is named", (changes, attribute) => {
    const decoded = decode({ data: "secret", ...changes });
    expect(decoded).toMatchObject({ ok: false, reason: "MALFORMED" });
    expect(decoded).toHaveProperty("message", expect.stringContaining(`: attribute ${attribute} is `));
    expect(decoded).not.toHaveProperty("message", expect.stringContaining("secret"));
  });

  test("never makes decoding throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodeEvent(text, entry).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        decodeEvent(text, entry);
        decodeEvent(`{"specversion":"1.0","id":${text},"source":${text},"type":"t","time":${text}}`, entry);
      }),
    );
  });
});

describe("the size of a text in bytes", () => {
  test("is that of its UTF-8", () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), (a, b) => {
        for (const text of [a, b, a + b]) expect(utf8Length(text)).toBe(encoder.encode(text).length);
      }),
    );
    for (const text of [
      "",
      "a",
      "é",
      "日",
      "😀",
      "\ud800",
      "\udc00",
      "\ud800\ud800\udc00",
      "a\udc00\ud800",
    ]) {
      expect(utf8Length(text)).toBe(encoder.encode(text).length);
    }
  });

  test("fits exactly when it is not over the limit", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 60 }), (text, maxBytes) => {
        expect(fitsBytes(text, maxBytes)).toBe(utf8Length(text) <= maxBytes);
      }),
    );
  });
});
