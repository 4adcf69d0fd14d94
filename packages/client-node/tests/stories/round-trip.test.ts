import { defineEvents, PayloadTooLargeError, ValidationError } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contents, Look, plainRedis } from "./look.js";
import { openBus, refusal } from "./support.js";

const anything = defineEvents({ thing: z.unknown(), same: v.unknown() });
const MEBIBYTE = 1_048_576;

/** What a handler is given of data that is published and emitted. */
async function handled(data: unknown): Promise<{ data: unknown; stored: string; emitted: unknown }> {
  const stream = uniqueName("things");
  const bus = await openBus({ events: anything, stream });
  await bus.publish("thing", data);
  const seen = new Map<string, unknown>();
  const consumer = bus.consumer({
    group: "all",
    handlers: [
      anything.handler({
        name: "all",
        eventTypes: ["thing", "same"],
        handle(event, context) {
          seen.set(event.type, event.data);
          if (event.type === "thing") context.emit("same", data);
        },
      }),
    ],
  });
  expect(await consumer.runOnce()).toMatchObject({ handled: 2 });
  const [entry] = await new Look(plainRedis(), stream).entries();
  return { data: seen.get("thing"), stored: entry?.text ?? "", emitted: seen.get("same") };
}

/** An object whose keys are what JSON.parse makes of them, `__proto__` among them. */
const parsed = (text: string): unknown => JSON.parse(text);

describe("data through the API equals JSON.parse(JSON.stringify(input)) after the schema", () => {
  it.each([
    ["an empty list", []],
    ["an empty object", {}],
    ["lists and objects that are empty, within others", { a: [], b: {}, c: [[], {}] }],
    ["null, false, 0 and the empty text", [null, false, 0, ""]],
    ["numbers up to the limits", [Number.MAX_SAFE_INTEGER, 2 ** 53, 1.7976931348623157e308, 5e-324, -0.1]],
    ["what JSON leaves out", { gone: undefined, kept: 1 }],
    ["a Date, as text", { at: new Date(0) }],
    ["an own __proto__", parsed('{"__proto__":{"admin":true},"a":1}')],
    ["names of the prototype", parsed('{"constructor":1,"toString":2,"hasOwnProperty":3}')],
    ["lone surrogates", { high: "\ud83d", low: "\ude00", turned: "\ude00\ud83d", pair: "😀" }],
    ["control characters and line separators", "\u0000\u0001\u001f\u007f\u0085\u2028\u2029\ufeff"],
    ["quotes and backslashes", '"\\"\\\\"'],
    ["text that looks like a stored event", '"},"data":{"stolen":true}}'],
    ["nesting 1,200 deep", parsed(`${"[".repeat(1_200)}${"]".repeat(1_200)}`)],
    ["a list of 10,000", Array.from({ length: 10_000 }, (_, n) => n)],
  ])("for %s", async (_, input) => {
    const expected: unknown = JSON.parse(JSON.stringify(input));
    const { data, emitted, stored } = await handled(input);
    expect(data).toStrictEqual(expected);
    // toStrictEqual does not look at an own __proto__.
    expect(JSON.stringify(data)).toBe(JSON.stringify(expected));
    expect(JSON.stringify(emitted)).toBe(JSON.stringify(expected));
    expect(Object.getPrototypeOf(Object(data))).toBe(Object.getPrototypeOf(Object(expected)));
    // It is stored as it was written, the last member of its document.
    expect(stored.endsWith(`,"data":${JSON.stringify(input)}}`)).toBe(true);
  });

  it("with the schema run on both sides: what is stored is its input, what is handled its output", async () => {
    const stream = uniqueName("visits");
    const visits = defineEvents({
      visit: z.object({
        at: z.iso.datetime().pipe(z.coerce.date()),
        pages: z.array(z.string()).default([]),
      }),
    });
    const bus = await openBus({ events: visits, stream });
    await bus.publish("visit", { at: "2025-01-31T12:00:00Z" });
    const seen: unknown[] = [];
    const handler = visits.handler({
      name: "visits",
      eventTypes: ["visit"],
      handle: ({ data }) => {
        seen.push(data);
      },
    });
    await bus.consumer({ group: "all", handlers: [handler] }).runOnce();
    expect(seen).toEqual([{ at: new Date("2025-01-31T12:00:00Z"), pages: [] }]);
    const [entry] = await new Look(plainRedis(), stream).entries();
    expect(entry?.event.data).toEqual({ at: "2025-01-31T12:00:00Z" });
  });

  it("for a mebibyte, the longest unless more is allowed", async () => {
    // Two quotes around it.
    const longest = "x".repeat(MEBIBYTE - 2);
    const { data } = await handled(longest);
    expect(data === longest).toBe(true);
    const wide = "é".repeat(MEBIBYTE / 2 - 1);
    expect((await handled(wide)).data === wide).toBe(true);
  });
});

describe("data over maxPayloadBytes", () => {
  it.each([
    ["of one-byte characters", "x".repeat(MEBIBYTE - 1), MEBIBYTE + 1],
    ["of two-byte characters", "é".repeat(MEBIBYTE / 2), MEBIBYTE + 2],
    ["of four-byte characters", "😀".repeat(MEBIBYTE / 4), MEBIBYTE + 2],
  ])("is refused with its size and the limit, %s", async (_, data, bytes) => {
    const stream = uniqueName("things");
    const bus = await openBus({ events: anything, stream });
    const error = await refusal(() => bus.publish("thing", data));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toMatchObject({ bytes, maxBytes: MEBIBYTE, retryable: false });
    expect(String(error)).toContain(`${bytes} bytes`);
    expect(String(error)).toContain(`maxPayloadBytes is ${MEBIBYTE}`);
    const many = bus.publishMany([
      { type: "thing", data: 1 },
      { type: "thing", data },
    ]);
    expect(await refusal(() => many)).toMatchObject({ code: "PAYLOAD_TOO_LARGE", index: 1 });
    expect((await contents(plainRedis(), stream)).size).toBe(0);
  });

  it("is by the bus's own limit", async () => {
    const bus = await openBus({ events: anything, maxPayloadBytes: 10 });
    await bus.publish("thing", "12345678");
    expect(await refusal(() => bus.publish("thing", "123456789"))).toMatchObject({ bytes: 11, maxBytes: 10 });
  });
});

it("data that JSON cannot hold is refused with the path of each such value", async () => {
  const stream = uniqueName("things");
  const bus = await openBus({ events: anything, stream });
  const circle: Record<string, unknown> = { name: "circle" };
  circle.self = { again: circle };
  const error = await refusal(() => bus.publish("thing", { list: [1n], circle }));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error).toMatchObject({
    issues: [{ path: ["list", 0] }, { path: ["circle", "self", "again"] }],
  });
  expect(await refusal(() => bus.publish("thing", undefined))).toMatchObject({ issues: [{ path: [] }] });
  expect((await contents(plainRedis(), stream)).size).toBe(0);
});
