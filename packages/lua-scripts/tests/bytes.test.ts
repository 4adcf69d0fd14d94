/** Scripts keep an event byte for byte, whatever way it takes through Redis. */
import { describe, expect, test } from "vitest";
import { failure, success } from "./support/attempts.js";
import { openGroup, type TestGroup } from "./support/group.js";
import { PAYLOADS } from "./support/payloads.js";
import { runForBytes, useRedis } from "./support/redis.js";
import { passTime } from "./support/time.js";

const redis = useRedis();
const [COMMA, BACKSLASH] = [0x2c, 0x5c];
const payloads = Object.entries(PAYLOADS).map(([what, bytes]) => ({ what, event: Buffer.from(bytes) }));

async function publish(group: TestGroup, key: string, event: Uint8Array): Promise<void> {
  await group.publish([{ idempotencyKey: key, event, fingerprint: "" }]);
}

/** Fields and values of the entries of a stream. */
async function fieldsIn(key: string): Promise<readonly (readonly Buffer[])[]> {
  const entries = await redis.xrangeBuffer(key, "-", "+");
  return entries.map(([, fields]) => fields);
}

/** A failed comparison of a mebibyte would be printed whole. */
function expectSame(found: Uint8Array | undefined, wanted: Uint8Array): void {
  const bytes = found ?? Buffer.from("nothing");
  expect(bytes.length).toBe(wanted.length);
  expect(Buffer.compare(bytes, wanted)).toBe(0);
}

describe.each(payloads)("$what", ({ event }) => {
  test("comes out of publish as it went in", async () => {
    const group = await openGroup(redis);
    await publish(group, "a", event);
    const [fields] = await fieldsIn(group.keys.stream);
    expect(fields?.filter((_, at) => at !== 3).map(String)).toEqual(["key", "a", "event"]);
    expectSame(fields?.[3], event);
  });

  test("comes out of an emit as it went in", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    expect(await group.settle("c1", success(a, [{ key: "~emitted", event }]))).toEqual(["SETTLED"]);
    const [, fields] = await fieldsIn(group.keys.stream);
    expect(fields?.filter((_, at) => at !== 3).map(String)).toEqual(["key", "~emitted", "event"]);
    expectSame(fields?.[3], event);
  });

  test("stays whole in a dead letter, of a failure or of a last attempt that crashed", async () => {
    const group = await openGroup(redis, { maxAttempts: 1 });
    await publish(group, "fails", event);
    await publish(group, "crashes", event);
    const [fails] = await group.take();
    if (fails === undefined) throw new Error("nothing was delivered");
    await group.settle("c1", failure(fails));
    expect((await group.recover()).counts.deadLettered).toBe(1);
    const letters = await fieldsIn(group.keys.dead);
    expect(letters.map((fields) => fields.slice(16, 19).map(String))).toEqual([
      ["key", "fails", "event"],
      ["key", "crashes", "event"],
    ]);
    for (const fields of letters) expectSame(fields[19], event);
  });

  test("is returned whole by recover", async () => {
    const group = await openGroup(redis);
    await publish(group, "a", event);
    await group.read("c1");
    const reply = await runForBytes(redis, group.recoverCall("c1"));
    // OK, twelve numbers, then token, alone, number of values, and the fields.
    const fields = (reply as readonly (Buffer | number)[]).slice(16);
    expect(fields.filter((_, at) => at !== 3).map(String)).toEqual(["key", "a", "event"]);
    expectSame(Buffer.from(fields[3] as Buffer), event);
  });
});

describe("an entry of another layout", () => {
  const layouts = {
    "of one field": [Buffer.from([0xff, 0x00]), Buffer.from([0xfe])],
    "of 600 fields with 1,200 values": Array.from({ length: 1_200 }, (_, at) =>
      Buffer.from([at % 256, COMMA, at >> 8, BACKSLASH]),
    ),
  };

  test.each(Object.entries(layouts))("%s stays whole in a dead letter", async (_, fields) => {
    const group = await openGroup(redis);
    await redis.xadd(group.keys.stream, "*", ...fields);
    const [entry] = await group.take();
    if (entry === undefined) throw new Error("nothing was delivered");
    expect(entry.verdict).toBe("LEASED");
    expect(await group.settle("c1", failure(entry, "MALFORMED"))).toEqual(["DEAD"]);
    const [letter = []] = await fieldsIn(group.keys.dead);
    const layout = String(letter[15]);
    const kept = layout === "packed" ? unpacked(letter[17]) : letter.slice(16);
    expect(layout).toBe(fields.length > 1_000 ? "packed" : "fields");
    expect(kept.map((value) => value.toString("hex"))).toEqual(fields.map((value) => value.toString("hex")));
  });

  test.each(Object.entries(layouts))("%s is returned whole by recover", async (_, fields) => {
    const group = await openGroup(redis);
    await redis.xadd(group.keys.stream, "*", ...fields);
    await group.take("c2");
    await passTime(group, group.settings.leaseMs + 1);
    const reply = await runForBytes(redis, group.recoverCall("c1"));
    const kept = (reply as readonly (Buffer | number)[])
      .slice(16)
      .map((value) => Buffer.from(value as Buffer));
    expect(kept.map((value) => value.toString("hex"))).toEqual(fields.map((value) => value.toString("hex")));
  });
});

/** Values joined by commas; a comma or backslash within one stands behind a backslash. */
function unpacked(packed: Buffer = Buffer.alloc(0)): Buffer[] {
  const values: number[][] = [[]];
  for (let at = 0; at < packed.length; at += 1) {
    if (packed[at] === COMMA) values.push([]);
    else values.at(-1)?.push(packed[packed[at] === BACKSLASH ? ++at : at] ?? 0);
  }
  return values.map((bytes) => Buffer.from(bytes));
}
