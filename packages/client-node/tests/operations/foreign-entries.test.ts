/** What other producers write, where they should not: a dead letter or a clear error, and nobody else is held up. */
import type { GroupKeyName, GroupKeys } from "@sluice/lua-scripts";
import { type DeadLetter, WrongTypeError } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { keysOf, onOrder, openBus, place, plainRedis, refusal, started, until } from "./support.js";

type Raw = readonly (string | Buffer)[];

const document = (overrides: object) => {
  const event = { specversion: "1.0", id: "k", source: "elsewhere", type: "order.placed" };
  return JSON.stringify({ ...event, time: "2025-01-01T00:00:00Z", data: { orderId: "o" }, ...overrides });
};
const invalid = Buffer.from([0x6b, 0xff, 0xfe, 0xc3]);
const many = (value: (n: number) => string | Buffer) =>
  Array.from({ length: 5_000 }, (_, n) => [`field ${n}`, value(n)]).flat();

/** Fields and values as text, as a Record has them: of a name that occurs twice the last value. */
function asText(fields: Raw): Record<string, string> {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) pairs.push([String(fields[at]), String(fields[at + 1])]);
  return Object.fromEntries(pairs);
}

const MALFORMED: readonly (readonly [string, Raw])[] = [
  ["no fields of ours", ["hello", "world"]],
  ["a single field of ours", ["key", "k"]],
  ["ours in another order", ["event", document({}), "key", "k"]],
  ["ours twice", ["key", "k1", "event", document({}), "key", "k2", "event", document({ id: "k2" })]],
  ["ours, and one that is not", ["key", "k", "event", document({}), "more", "m"]],
  ["an empty key", ["key", "", "event", document({})]],
  ["a key with a control character", ["key", "a\nb", "event", document({})]],
  ["a key that is too long", ["key", "k".repeat(386), "event", document({})]],
  ["a key that scripts make up", ["key", "#1-0", "event", document({})]],
  ["a key that is not UTF-8", ["key", invalid, "event", document({})]],
  ["5,000 fields", many((n) => `value ${n}`)],
  [
    "5,000 fields with commas, backslashes and nothing",
    many((n) => ["a,b", "\\", "\\,", "", "1:2"][n % 5] ?? ""),
  ],
  ["5,000 fields that are not UTF-8", many((n) => Buffer.concat([invalid, Buffer.from(`${n}`)]))],
  ["names of the prototype", ["__proto__", "a", "constructor", "b"]],
  ["an event that is not JSON", ["key", "k", "event", "not JSON"]],
  ["an event that is not UTF-8", ["key", "k", "event", invalid]],
  ["JSON that is no CloudEvent", ["key", "k", "event", "[1,2]"]],
  ["a CloudEvent without a type", ["key", "k", "event", document({ type: "" })]],
];

describe("an entry of another producer", () => {
  it.each(MALFORMED)(
    "with %s is a dead letter, its fields kept, and those around it are handled",
    async (_, raw) => {
      const bus = await openBus();
      const redis = plainRedis();
      const keys = keysOf(bus, "billing");
      await place(bus, "before");
      const id = await redis.xadd(keys.stream, "*", ...raw);
      await place(bus, "after");
      const handled: string[] = [];
      const consumer = await started(bus, ({ data }) => {
        handled.push(data.orderId);
      });
      await consumer.idle();

      expect(handled).toEqual(["before", "after"]);
      const { items } = await bus.deadLetters("billing").list();
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({ entryId: id, reason: "MALFORMED", attempts: 1, group: "billing" });
      expect(items[0]).not.toHaveProperty("event");
      expect(JSON.stringify(items[0]?.fields)).toBe(JSON.stringify(asText(raw)));
      expect(await bus.getStreamInfo()).toMatchObject({
        deadLetters: 1,
        groups: [{ pending: 0, lag: 0, retrying: 0 }],
      });
      // Byte for byte, in their order, in Redis.
      const [[, kept] = []] = (await redis.xrangeBuffer(keys.dead, "-", "+")) as unknown as [
        Buffer,
        Buffer[],
      ][];
      const original = kept?.slice(16) ?? [];
      const packed = raw.length > 1_000;
      expect(original).toHaveLength(packed ? 2 : raw.length);
      if (!packed)
        expect(Buffer.concat(original)).toEqual(Buffer.concat(raw.map((part) => Buffer.from(part))));
    },
  );

  it("has an idempotency key in its letter only if it has one", async () => {
    const bus = await openBus();
    const { stream } = keysOf(bus, "billing");
    const redis = plainRedis();
    for (const fields of [
      ["key", "known", "event", "not JSON"],
      ["key", invalid, "event", document({})],
      ["key", "k1", "event", document({}), "key", "k2", "event", document({})],
    ]) {
      await redis.xadd(stream, "*", ...fields);
    }
    await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    const { items } = await bus.deadLetters("billing").list();
    expect(items.map(({ idempotencyKey }) => idempotencyKey)).toEqual(["known", undefined, undefined]);
  });

  it("that matches the catalog is handled, one that does not is a dead letter INVALID", async () => {
    const bus = await openBus();
    const { stream } = keysOf(bus, "billing");
    const redis = plainRedis();
    await redis.xadd(stream, "*", "key", "good", "event", document({ id: "good" }));
    await redis.xadd(stream, "*", "key", "bad", "event", document({ id: "bad", data: { orderId: 7 } }));
    const report = await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    expect(report).toMatchObject({ handled: 1, deadLettered: 1 });
    const [letter] = (await bus.deadLetters("billing").list()).items;
    expect(letter).toMatchObject({ idempotencyKey: "bad", reason: "INVALID" } satisfies Partial<DeadLetter>);
    expect(letter?.message).toMatch(/order\.placed.*orderId/);
    expect(letter?.event?.data).toEqual({ orderId: 7 });
  });

  it("that names a tenant which is not the stream's is a dead letter MALFORMED", async () => {
    const bus = await openBus({ tenancy: "multi" });
    const acme = bus.tenant("acme");
    const { stream } = keysOf(bus, "billing", "acme");
    for (const tenantid of ["globex", undefined]) {
      await plainRedis().xadd(stream, "*", "key", `k-${tenantid}`, "event", document({ tenantid }));
    }
    const report = await acme.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    expect(report).toMatchObject({ handled: 0, deadLettered: 2 });
    const { items } = await acme.deadLetters("billing").list();
    expect(items.map(({ reason, message }) => [reason, message])).toEqual([
      ["MALFORMED", expect.stringContaining("tenantid")],
      ["MALFORMED", expect.stringContaining("tenantid")],
    ]);
  });

  it("is dealt with as well when a consumer died with it in hand", async () => {
    const bus = await openBus();
    const keys = keysOf(bus, "billing");
    const redis = plainRedis();
    await redis.xgroup("CREATE", keys.stream, "billing", "0", "MKSTREAM");
    for (const [, raw] of MALFORMED) await redis.xadd(keys.stream, "*", ...raw);
    await place(bus, "after");
    await redis.xreadgroup("GROUP", "billing", "named", "COUNT", 100, "STREAMS", keys.stream, ">");
    const consumer = await started(bus, undefined, { consumer: "named" });
    // Those under one key wait for each other.
    expect((await consumer.recovery).own).toBeGreaterThan(MALFORMED.length / 2);
    await consumer.idle();
    expect(await bus.getStreamInfo()).toMatchObject({
      deadLetters: MALFORMED.length,
      groups: [{ pending: 0, lag: 0, processedKeys: MALFORMED.length + 1 }],
    });
  });
});

/** What each key is wanted to hold. */
const TYPES: Readonly<Record<GroupKeyName, string>> = {
  ...{ stream: "stream", meta: "hash", "published.0": "hash", "published.1": "hash", leases: "hash" },
  ...{ "processed.0": "set", "processed.1": "set", "processed.2": "set", "processed.3": "set" },
  ...{ "processed.4": "set", retries: "zset", dead: "stream", state: "hash" },
};
const NAMES = Object.keys(TYPES) as GroupKeyName[]; // the names of all keys

async function spoil(
  redis: ReturnType<typeof plainRedis>,
  keys: GroupKeys,
  name: GroupKeyName,
): Promise<void> {
  if (TYPES[name] === "hash") await redis.rpush(keys[name], "x");
  else await redis.set(keys[name], "x");
}

describe("a key of ours that holds something else", () => {
  it.each(NAMES)("%s: start is refused with the key's name, and nothing is written", async (name) => {
    const bus = await openBus();
    const redis = plainRedis();
    const keys = keysOf(bus, "billing");
    await spoil(redis, keys, name);
    const error = await refusal(() => started(bus));
    expect(error).toBeInstanceOf(WrongTypeError);
    expect(error).toMatchObject({ key: keys[name], wanted: TYPES[name], retryable: false });
    expect(String(error)).toContain(keys[name]);
    expect(await redis.exists(...Object.values(keys))).toBe(1);
  });

  it.each(["stream", "meta", "published.0", "published.1"] as const)(
    "%s: publish is refused",
    async (name) => {
      const bus = await openBus();
      const redis = plainRedis();
      const keys = keysOf(bus, "billing");
      await spoil(redis, keys, name);
      expect(await refusal(() => place(bus, "o1"))).toMatchObject({ code: "WRONG_TYPE", key: keys[name] });
      expect(await redis.exists(...Object.values(keys))).toBe(1);
    },
  );

  it.each(NAMES.filter((name) => !["leases", "published.0", "published.1"].includes(name)))(
    "%s: getStreamInfo names it, and health is down",
    async (name) => {
      const bus = await openBus();
      await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
      const redis = plainRedis();
      const keys = keysOf(bus, "billing");
      await redis.del(keys[name]);
      await spoil(redis, keys, name);
      if (name === "stream") await redis.hset(keys.meta, "group:billing", "0-0");
      // Where the stream or its registry is spoilt, the group's own keys are not known to ask about.
      expect(await refusal(() => bus.getStreamInfo())).toMatchObject({ code: "WRONG_TYPE", key: keys[name] });
      const { status, checks } = await bus.health();
      expect(status).toBe("down");
      const about = checks.find((check) => check.name === "stream");
      expect(about).toMatchObject({ status: "down", detail: expect.stringContaining(keys[name]) });
    },
  );

  it("dead: looking at letters, replaying and discarding name it", async () => {
    const bus = await openBus();
    await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    const { dead } = keysOf(bus, "billing");
    await plainRedis().set(dead, "x");
    const letters = bus.deadLetters("billing");
    for (const call of [
      () => letters.list(),
      () => letters.get("1-0"),
      () => letters.replay("all"),
      () => letters.replay(["1-0"]),
      () => letters.discard("all"),
      () => letters.discard(["1-0"]),
    ]) {
      expect(await refusal(call)).toMatchObject({
        code: "WRONG_TYPE",
        key: dead,
        found: "string",
        wanted: "stream",
      });
    }
  });

  it.each(["retries", "processed.0", "leases", "dead"] as const)(
    "%s, while a consumer runs: it says so, and goes on once the key is gone",
    async (name) => {
      const bus = await openBus();
      const redis = plainRedis();
      const keys = keysOf(bus, "billing");
      const handled: string[] = [];
      const consumer = await started(bus, ({ data }) => void handled.push(data.orderId));
      const errors: unknown[] = [];
      consumer.on("error", ({ error }) => errors.push(error));
      await place(bus, "a");
      await consumer.idle();
      await redis.del(keys[name]);
      await spoil(redis, keys, name);
      await place(bus, "b", "c");
      await until(() => errors.length > 0);
      expect(errors[0]).toMatchObject({ code: "WRONG_TYPE", key: keys[name], wanted: TYPES[name] });
      await redis.del(keys[name]);
      await until(() => handled.length === 3);
      await consumer.idle();
      expect(await bus.getStreamInfo()).toMatchObject({ groups: [{ pending: 0, lag: 0 }] });
    },
  );
});
