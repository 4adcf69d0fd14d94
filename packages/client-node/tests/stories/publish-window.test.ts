import { IdempotencyMismatchError, InvalidOptionError, StreamFullError } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { contents, expectUnchanged, Look, plainRedis } from "./look.js";
import { events, openBus, refusal, untyped } from "./support.js";

describe("publishing", () => {
  describe("publishMany", () => {
    it("is all or nothing, and names the first bad one by its index", async () => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events });
      const redis = plainRedis();
      await bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k1" });
      const before = await contents(redis, stream);
      const good = { type: "order.shipped", data: { orderId: "o2" } } as const;
      const mismatch = { type: "order.shipped", data: { orderId: "o9" }, idempotencyKey: "k1" } as const;
      const invalid = { type: "order.shipped", data: untyped({}) } as const;

      expect(await refusal(() => bus.publishMany([good, invalid, mismatch]))).toMatchObject({
        code: "VALIDATION",
        index: 1,
      });
      expect(await refusal(() => bus.publishMany([good, good, mismatch, mismatch]))).toMatchObject({
        code: "IDEMPOTENCY_MISMATCH",
        index: 2,
        idempotencyKey: "k1",
      });
      expectUnchanged(before, await contents(redis, stream));
    });

    it("takes none, and at most 1,000", async () => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events });
      const many = (length: number) =>
        Array.from({ length }, (_, n) => ({
          type: "order.shipped" as const,
          data: { orderId: `${n}` },
          idempotencyKey: `k${n}`,
        }));
      expect(await bus.publishMany([])).toEqual([]);
      expect(await refusal(() => bus.publishMany(many(1_001)))).toBeInstanceOf(InvalidOptionError);
      expect((await contents(plainRedis(), stream)).size).toBe(0);
      const receipts = await bus.publishMany(many(1_000));
      const entries = await new Look(plainRedis(), stream).entries();
      expect(receipts.map(({ id }) => id)).toEqual(entries.map(({ id }) => id));
      expect(entries.map(({ key }) => key)).toEqual(many(1_000).map(({ idempotencyKey }) => idempotencyKey));
    });

    it("answers for a key that it has twice", async () => {
      const bus = await openBus({ events });
      const twice = { type: "order.shipped", data: { orderId: "o1" }, idempotencyKey: "k" } as const;
      const [first, second] = await bus.publishMany([twice, twice]);
      expect(first?.duplicate).toBe(false);
      expect(second).toEqual({ id: first?.id, duplicate: true });
      const other = { ...twice, data: { orderId: "o2" }, idempotencyKey: "l" };
      expect(
        await refusal(() => bus.publishMany([other, { ...other, data: { orderId: "o3" } }])),
      ).toMatchObject({ code: "IDEMPOTENCY_MISMATCH", index: 1 });
    });
  });

  describe("within the publish window", () => {
    it("a key published again answers with the first ID, and adds nothing", async () => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events });
      const publish = () => bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k" });
      const first = await publish();
      expect(await publish()).toEqual({ id: first.id, duplicate: true });
      expect(await Promise.all([publish(), publish()])).toEqual([
        { id: first.id, duplicate: true },
        { id: first.id, duplicate: true },
      ]);
      expect(await new Look(plainRedis(), stream).entries()).toHaveLength(1);
    });

    it.each([
      ["data", () => ({ type: "order.shipped", data: { orderId: "o2" }, options: {} }) as const],
      [
        "subject",
        () => ({ type: "order.shipped", data: { orderId: "o1" }, options: { subject: "s" } }) as const,
      ],
    ])("a key published again with another %s is refused with the first ID", async (_, make) => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events });
      const first = await bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k" });
      const { type, data, options } = make();
      const error = await refusal(() =>
        bus.publish(type, untyped(data), { ...options, idempotencyKey: "k" }),
      );
      expect(error).toBeInstanceOf(IdempotencyMismatchError);
      expect(error).toMatchObject({ eventType: type, idempotencyKey: "k", firstId: first.id });
      expect(await new Look(plainRedis(), stream).entries()).toHaveLength(1);
    });

    it("two publishes of one moment under a key are judged by each other", async () => {
      const bus = await openBus({ events });
      const publish = (orderId: string) => bus.publish("order.shipped", { orderId }, { idempotencyKey: "k" });
      const [first, same, other] = await Promise.allSettled([publish("o1"), publish("o1"), publish("o2")]);
      expect(first).toMatchObject({ status: "fulfilled", value: { duplicate: false } });
      const { id } = first?.status === "fulfilled" ? first.value : { id: "" };
      expect(same).toMatchObject({ status: "fulfilled", value: { id, duplicate: true } });
      expect(other).toMatchObject({ status: "rejected", reason: { firstId: id } });
    });

    it("keys are those of one tenant and one stream", async () => {
      const bus = await openBus({ events, tenancy: "multi" });
      const options = { idempotencyKey: "k" };
      const acme = await bus.tenant("acme").publish("order.shipped", { orderId: "o1" }, options);
      const globex = await bus.tenant("globex").publish("order.shipped", { orderId: "o2" }, options);
      const other = bus.stream(uniqueName("others"), { events });
      const otherStream = await other.tenant("acme").publish("order.shipped", { orderId: "o3" }, options);
      for (const receipt of [acme, globex, otherStream]) expect(receipt.duplicate).toBe(false);
    });
  });

  it("with publishWindowMs 0 takes a key as often as it comes", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events, publishWindowMs: 0 });
    const publish = (orderId: string) => bus.publish("order.shipped", { orderId }, { idempotencyKey: "k" });
    const receipts = [await publish("o1"), ...(await Promise.all([publish("o1"), publish("o2")]))];
    expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, false, false]);
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(3);
    const look = new Look(plainRedis(), stream);
    expect(await look.entries()).toHaveLength(3);
    expect(await look.redis.exists(look.keys["published.0"], look.keys["published.1"])).toBe(0);
  });

  it("refuses what is over maxLength, and says which group is slowest", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events, maxLength: 3 });
    await bus
      .consumer({ group: "slow", handlers: [{ name: "h", eventTypes: ["order.shipped"], handle() {} }] })
      .runOnce();
    const publish = (n: number) =>
      bus.publish("order.shipped", { orderId: `${n}` }, { idempotencyKey: `${n}` });
    const results = await Promise.allSettled([1, 2, 3, 4].map(publish));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    const error = await refusal(() => publish(4));
    expect(error).toBeInstanceOf(StreamFullError);
    expect(error).toMatchObject({ length: 3, maxLength: 3, slowestGroup: "slow", retryable: true });
    // Only what is new counts.
    expect(await publish(2)).toMatchObject({ duplicate: true });
  });
});
