import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { expiresAt } from "./look.js";
import { DAY_MS, setUp } from "./scenes/idempotency.js";

describe("idempotency", () => {
  describe("a key is remembered for at least the TTL, and gone by 4/3 of it plus a bucket's rounding", () => {
    const ttlMs = 30_000;
    const widthMs = ttlMs / 3;
    // The clock of the test's machine goes on meanwhile; it is allowed this much.
    const slackMs = 2_000;

    it.each([
      ["at the beginning of its bucket", 0],
      ["in the middle", widthMs / 2],
      ["at the end", widthMs - slackMs],
    ])("when it was handled %s", async (_, positionMs) => {
      const { look, handledNow } = await setUp();
      const options = { idempotencyTtlMs: ttlMs };
      await handledNow([], options);
      await look().age(positionMs);
      expect(await handledNow(["k"], options)).toEqual(["k"]);
      // Up to the TTL it is skipped, at whatever age it comes again.
      const step = ttlMs / 10;
      for (let age = step; age < ttlMs; age += step) {
        await look().age(step);
        expect(await handledNow(["k"], options), `at the age of ${age} ms`).toEqual([]);
      }
      expect(await look().processed()).toEqual(["k"]);
      await look().age(ttlMs / 3 + step);
      expect(await handledNow(["k"], options)).toEqual(["k"]);
    });

    it("in Redis too: its bucket expires by itself", async () => {
      const { look, handledNow } = await setUp();
      const { redis, keys } = look();
      const before = Date.now();
      await handledNow(["k"], { idempotencyTtlMs: ttlMs });
      const after = Date.now();
      const expiry = await expiresAt(redis, keys["processed.0"]);
      expect(expiry).toBeGreaterThanOrEqual(before + ttlMs);
      expect(expiry).toBeLessThanOrEqual(after + (4 / 3) * ttlMs + widthMs);
    });

    it("as it happens: with a TTL of 600 ms nothing goes from Redis before, and nothing is left in the end", async () => {
      const { look, handledNow } = await setUp();
      const { redis } = look();
      const options = { idempotencyTtlMs: 600 };
      const startedAt = performance.now();
      await handledNow(["k"], options);
      const rings = look().rings();
      while ((await redis.exists(...rings)) > 0) await delay(10);
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(600);
      expect(await handledNow(["k"], options)).toEqual(["k"]);
    });

    it("as configured: 7 days when nothing is", async () => {
      const { look, handledNow } = await setUp();
      const before = Date.now();
      await handledNow(["k"]);
      expect(await look().state()).toMatchObject({
        idempotencyTtlMs: `${7 * DAY_MS}`,
        ringWidth: `${(7 * DAY_MS) / 3}`,
      });
      const expiry = await expiresAt(look().redis, look().keys["processed.0"]);
      expect(expiry).toBeGreaterThanOrEqual(before + 7 * DAY_MS);
      expect(expiry).toBeLessThanOrEqual(Date.now() + (7 * DAY_MS * 5) / 3);
      await look().age(7 * DAY_MS - 60_000);
      expect(await handledNow(["k"])).toEqual([]);
      await look().age((7 * DAY_MS) / 3 + 120_000);
      expect(await handledNow(["k"])).toEqual(["k"]);
    });

    it.each([1, 2, 3, 1_000, 1_001, 315_360_000_000])("as configured: %i ms, to the digit", async (ttl) => {
      const { look, handledNow } = await setUp();
      await handledNow([], { idempotencyTtlMs: ttl });
      expect(await look().state()).toMatchObject({
        idempotencyTtlMs: `${ttl}`,
        ringWidth: `${Math.ceil(ttl / 3)}`,
      });
    });
  });

  describe("changing the TTL between deployments forgets nothing early", () => {
    it.each([
      { name: "when it is made longer", from: 9_000, to: 30_000 },
      { name: "when it is made shorter", from: 30_000, to: 9_000 },
      { name: "when it is made a little shorter", from: 30_000, to: 25_000 },
      { name: "when it is made much shorter", from: 300_000, to: 9_000 },
    ])("$name", async ({ from, to }) => {
      const { look, handledNow } = await setUp();
      const stepMs = 1_500;
      const ageOf = new Map<string, number>();
      let now = 0;
      const pass = async () => {
        await look().age(stepMs);
        now += stepMs;
      };
      // A key at each step of a full turn of the ring, up to the change.
      const turn = Math.min(from * 2, 40_000);
      while (now < turn) {
        const key = `k${now}`;
        expect(await handledNow([key], { idempotencyTtlMs: from })).toEqual([key]);
        ageOf.set(key, now);
        await pass();
      }
      const change = { idempotencyTtlMs: to, changeSettings: true };
      await handledNow([], change);
      // From then on every key that is younger than either TTL is known, until all are older than that.
      const sure = Math.min(from, to) - 1_000;
      for (let young = [...ageOf.keys()]; young.length > 0; await pass()) {
        young = young.filter((key) => now - (ageOf.get(key) ?? 0) < sure);
        expect(await handledNow(young, change), `after ${now} ms`).toEqual([]);
      }
      // And keys handled after the change are kept for the new one.
      expect(await handledNow(["new"], change)).toEqual(["new"]);
      await look().age(to - 1_000);
      expect(await handledNow(["new"], change)).toEqual([]);
      await look().age(Math.max(from, to) / 3 + 2_000);
      expect(await handledNow(["new"], change)).toEqual(["new"]);
    });
  });

  it("nor does a TTL that was made longer, when the group falls idle right after", async () => {
    const { look, handledNow } = await setUp();
    await handledNow([], { idempotencyTtlMs: 3_000 });
    const change = { idempotencyTtlMs: 60_000, changeSettings: true };
    expect(await handledNow(["k"], change)).toEqual(["k"]);
    await look().age(58_000);
    expect(await handledNow(["k"], change)).toEqual([]);
  });
});
