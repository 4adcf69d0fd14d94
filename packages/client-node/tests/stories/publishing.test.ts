import {
  defineEvents,
  IdempotencyMismatchError,
  InvalidNameError,
  InvalidOptionError,
  UnknownEventTypeError,
  ValidationError,
} from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contents, expectUnchanged, Look, plainRedis } from "./look.js";
import { events, openBus, privateServer, refusal, untyped } from "./support.js";

describe("publishing", () => {
  describe("required fields missing or wrong", () => {
    it("are refused with every issue and its path", async () => {
      const nested = defineEvents({
        "cart.filled": z.object({
          cartId: z.string(),
          lines: z.array(z.object({ sku: z.string(), count: z.number().int() })),
        }),
      });
      const bus = await openBus({ events: nested });
      const data = untyped({ lines: [{ sku: "s1", count: 1 }, { sku: 2 }] });
      const error = await refusal(() => bus.publish("cart.filled", data));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error).toMatchObject({ code: "VALIDATION", retryable: false, eventType: "cart.filled" });
      const { issues, message } = error as ValidationError; // as just seen
      expect(issues.map(({ path }) => path)).toEqual([
        ["cartId"],
        ["lines", 1, "sku"],
        ["lines", 1, "count"],
      ]);
      for (const part of ["cartId", "lines[1].sku", "lines[1].count"]) expect(message).toContain(part);
    });

    it("are refused with every issue where the schema is asynchronous too", async () => {
      const slow = defineEvents({
        "user.added": z.object({
          name: z.string().refine(async (name) => name !== "root", "is taken"),
          mail: z.string().refine(async (mail) => mail.includes("@"), "is no address"),
        }),
      });
      const bus = await openBus({ events: slow });
      const error = await refusal(() => bus.publish("user.added", { name: "root", mail: "x" }));
      expect(error).toMatchObject({
        issues: [
          { path: ["name"], message: "is taken" },
          { path: ["mail"], message: "is no address" },
        ],
      });
      await expect(bus.publish("user.added", { name: "ann", mail: "ann@x" })).resolves.toMatchObject({
        duplicate: false,
      });
    });

    it("have nothing written: no key comes into being, none changes", async () => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events });
      const redis = plainRedis();
      const good = { type: "order.placed", data: { orderId: "o1", amount: 1 } } as const;
      const bad = { type: "order.placed", data: untyped({ orderId: "o1" }) } as const;
      const refuseBoth = async () => {
        expect(await refusal(() => bus.publish(bad.type, bad.data))).toBeInstanceOf(ValidationError);
        expect(await refusal(() => bus.publishMany([good, bad]))).toMatchObject({ index: 1 });
      };

      await refuseBoth();
      expect([...(await contents(redis, stream)).keys()]).toEqual([]);

      await bus.publish(good.type, good.data, { idempotencyKey: "k" });
      const before = await contents(redis, stream);
      expect(before.size).toBeGreaterThan(1);
      await refuseBoth();
      expectUnchanged(before, await contents(redis, stream));
    });
  });

  it("adds the timestamp and the tenant", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events, tenancy: "multi", source: "shop" });
    const before = Date.now();
    await bus.tenant("acme").publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k1" });
    const [stored] = await new Look(plainRedis(), stream, undefined, "acme").entries();
    expect(stored?.event).toEqual({
      specversion: "1.0",
      id: "order.shipped:k1",
      source: "shop",
      type: "order.shipped",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      tenantid: "acme",
      datacontenttype: "application/json",
      data: { orderId: "o1" },
    });
    const time = Date.parse(String(stored?.event.time));
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it("stores what the caller says about the event", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await bus.publish(
      "order.shipped",
      { orderId: "o1" },
      {
        timestamp: "2025-01-31T12:00:00+02:00",
        subject: "orders/o1",
        correlationId: "c1",
        causationId: "c2",
        traceparent,
      },
    );
    const [stored] = await new Look(plainRedis(), stream).entries();
    expect(stored?.event).toMatchObject({
      time: "2025-01-31T10:00:00.000Z",
      subject: "orders/o1",
      correlationid: "c1",
      causationid: "c2",
      traceparent,
    });
    expect(stored?.event).not.toHaveProperty("tenantid");
  });

  it("returns the ID that Redis assigned", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events });
    const one = await bus.publish("order.shipped", { orderId: "o1" });
    const [two, three] = await bus.publishMany([
      { type: "order.shipped", data: { orderId: "o2" } },
      { type: "order.shipped", data: { orderId: "o3" } },
    ]);
    const entries = await new Look(plainRedis(), stream).entries();
    expect([one, two, three]).toEqual(entries.map(({ id }) => ({ id, duplicate: false })));
    expect(entries.map(({ event }) => event.data)).toEqual([
      { orderId: "o1" },
      { orderId: "o2" },
      { orderId: "o3" },
    ]);
  });

  describe("every declared type works", () => {
    const withZod = defineEvents({
      "session.started": z.object({ sessionId: z.string() }),
      "session.ended": z.object({ sessionId: z.string(), seconds: z.number() }),
      note: z.string(),
      constructor: z.array(z.number()),
    });
    const withValibot = defineEvents({
      "session.started": v.object({ sessionId: v.string() }),
      "session.ended": v.object({ sessionId: v.string(), seconds: v.number() }),
      note: v.string(),
      constructor: v.array(v.number()),
    });
    const samples = [
      { type: "session.started", data: { sessionId: "s" } },
      { type: "session.ended", data: { sessionId: "s", seconds: 1.5 } },
      { type: "note", data: "text" },
      { type: "constructor", data: [1, 2] },
    ] as const;

    it.each([
      { name: "zod", catalog: withZod },
      { name: "valibot", catalog: withValibot as unknown as typeof withZod }, // the same events, by another library
    ])("with schemas of $name", async ({ catalog }) => {
      const bus = await openBus({ events: catalog });
      expect(samples.map(({ type }) => type)).toEqual(catalog.types);
      for (const sample of samples) await bus.publish(sample.type, untyped(sample.data));
      const seen: unknown[] = [];
      const consumer = bus.consumer({
        group: "all",
        handlers: [
          catalog.handler({
            name: "all",
            eventTypes: catalog.types,
            handle: ({ type, data }) => {
              seen.push({ type, data });
            },
          }),
        ],
      });
      expect(await consumer.runOnce()).toMatchObject({ handled: samples.length });
      expect(seen).toEqual(samples);
      const wrong = await refusal(() => bus.publish("session.ended", untyped({ sessionId: 1 })));
      expect(wrong).toMatchObject({ issues: [{ path: ["sessionId"] }, { path: ["seconds"] }] });
    });
  });

  it("refuses an unknown type with the known ones named", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events });
    const type = "order.lost" as "order.placed"; // the compiler refuses it as well
    const error = await refusal(() => bus.publish(type, { orderId: "o1", amount: 1 }));
    expect(error).toBeInstanceOf(UnknownEventTypeError);
    expect(error).toMatchObject({ eventType: "order.lost", known: events.types });
    for (const known of ["order.lost", ...events.types]) expect(String(error)).toContain(`"${known}"`);
    const many = bus.publishMany([
      { type: "order.shipped", data: { orderId: "o1" } },
      { type, data: { orderId: "o1", amount: 1 } },
    ]);
    expect(await refusal(() => many)).toMatchObject({ code: "UNKNOWN_EVENT_TYPE", index: 1 });
    expect((await contents(plainRedis(), stream)).size).toBe(0);
  });

  it("refuses bad keys, timestamps and attributes by name", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events });
    const publish = (options: object) =>
      refusal(() => bus.publish("order.shipped", { orderId: "o1" }, options));
    for (const idempotencyKey of ["", "~mine", "a\nb", "\ud800", "k".repeat(257), "é".repeat(129), 5]) {
      expect(await publish({ idempotencyKey })).toBeInstanceOf(InvalidNameError);
    }
    for (const option of ["timestamp", "subject", "correlationId", "causationId", "traceparent"]) {
      const error = await publish({ [option]: "" });
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ option });
    }
    expect((await contents(plainRedis(), stream)).size).toBe(0);
  });

  it("gives each of 1,000 concurrent publishes a result of its own, in one call to the server", async () => {
    const stream = uniqueName("orders");
    const server = await privateServer();
    const bus = await openBus({ stream, events, redis: server.url });
    await bus.publish("order.noted", { text: "first" }, { idempotencyKey: "taken" });
    const redis = plainRedis(server.url);
    await redis.config("RESETSTAT");
    const results = await Promise.allSettled(
      Array.from({ length: 1_000 }, (_, n) => {
        if (n === 300) return bus.publish("order.noted", untyped({ text: "" }));
        if (n === 700) return bus.publish("order.noted", { text: "other" }, { idempotencyKey: "taken" });
        return bus.publish("order.noted", { text: `${n}` });
      }),
    );
    const refused = results.flatMap((result, n) =>
      result.status === "rejected" ? [[n, result.reason]] : [],
    );
    expect(refused).toEqual([
      [300, expect.any(ValidationError)],
      [700, expect.any(IdempotencyMismatchError)],
    ]);
    expect(await redis.info("commandstats")).toContain("cmdstat_evalsha:calls=1,");
    const entries = new Map((await new Look(redis, stream).entries()).map(({ id, event }) => [id, event]));
    expect(entries.size).toBe(999);
    for (const [n, result] of results.entries()) {
      if (result.status === "fulfilled") {
        expect(entries.get(result.value.id)?.data).toEqual({ text: `${n}` });
      }
    }
  });

  it("sends what 64 callers publish on their results in two calls, so that not all wait for one", async () => {
    const stream = uniqueName("orders");
    const server = await privateServer();
    const bus = await openBus({ stream, events, redis: server.url });
    await bus.publish("order.noted", { text: "first" });
    const redis = plainRedis(server.url);
    await redis.config("RESETSTAT");
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        await bus.publish("order.noted", { text: "question" });
        await bus.publish("order.noted", { text: "follow-up" });
      }),
    );
    expect(await redis.info("commandstats")).toContain("cmdstat_evalsha:calls=3,");
    expect((await new Look(redis, stream).entries()).length).toBe(1 + 2 * 64);
  });
});
