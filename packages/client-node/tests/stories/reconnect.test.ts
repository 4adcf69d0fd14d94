import { setTimeout as delay } from "node:timers/promises";
import { type Consumer, DeadlineError, type Receipt } from "@sluice/node";
import type { TestServer } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { Look, plainRedis } from "./look.js";
import {
  events,
  memoryLogger,
  openBus,
  privateServer,
  refusal,
  type Schemas,
  started,
  until,
} from "./support.js";

/** A bus on a server of its own, and a consumer whose handler emits one event for each that it is given. */
async function setUp(server: TestServer, options: { publishWindowMs?: number } = {}) {
  const bus = await openBus({
    stream: "orders",
    events,
    redis: server.url,
    deadlineMs: 10_000,
    logger: memoryLogger(),
    ...options,
  });
  const consumer = await started(bus, {
    group: "billing",
    leaseMs: 1_000,
    blockMs: 200,
    maxAttempts: 100,
    handlers: [
      events.handler({
        name: "h",
        eventTypes: ["order.shipped"],
        async handle({ data }, { emit }) {
          await delay(Math.random() * 4);
          emit("order.placed", { ...data, amount: 1 });
        },
      }),
    ],
  });
  const redis = plainRedis(server.url);
  return { bus, consumer, redis, look: new Look(redis, "orders", "billing") };
}

/** Publishes keys, one after the other, until it is told to stop. */
function publishing(bus: Awaited<ReturnType<typeof setUp>>["bus"]) {
  const receipts = new Map<string, Receipt>();
  let stopped = false;
  const work = (async () => {
    for (let n = 0; !stopped; n++) {
      const pair = [`a${n}`, `b${n}`].map(async (key) => {
        receipts.set(key, await bus.publish("order.shipped", { orderId: key }, { idempotencyKey: key }));
      });
      await Promise.all(pair);
      await delay(1);
    }
  })();
  return {
    receipts,
    async stop() {
      stopped = true;
      await work;
    },
  };
}

/** Everything that was published is handled, and committed once: with its acknowledgement, its mark and its emit. */
async function expectEverythingOnce(
  look: Look,
  consumer: Consumer<Schemas>,
  receipts: ReadonlyMap<string, Receipt>,
): Promise<void> {
  await until(async () => (await look.processed()).length >= receipts.size);
  await consumer.idle();
  expect(await look.pending()).toEqual([]);
  const keys = [...receipts.keys()].sort();
  const entries = await look.entries();
  const published = entries.filter(({ event }) => event.type === "order.shipped");
  expect(published.map(({ key }) => key).sort()).toEqual(keys);
  for (const { key, id } of published) expect(receipts.get(key)?.id).toBe(id);
  const emitted = entries.filter(({ event }) => event.type === "order.placed");
  expect(emitted.map(({ event }) => event.causationid).sort()).toEqual(keys);
  expect(await look.processed()).toEqual(keys);
  expect(await look.deadLetters()).toEqual([]);
  expect(await look.redis.hlen(look.keys.leases)).toBe(0);
}

describe("a reconnect loses nothing and commits nothing twice", () => {
  it("when all connections are cut in mid-stream, again and again", async () => {
    const server = await privateServer();
    const { bus, consumer, redis, look } = await setUp(server);
    const { receipts, stop } = publishing(bus);
    for (let cuts = 0; cuts < 12; cuts++) {
      const before = receipts.size;
      await until(() => receipts.size > before + 10);
      await delay(Math.random() * 30);
      await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    }
    await stop();
    await expectEverythingOnce(look, consumer, receipts);
    // No caller was told of a duplicate of its own.
    expect([...receipts.values()].filter(({ duplicate }) => duplicate)).toEqual([]);
  });

  it.each(["SIGTERM", "SIGKILL"] as const)(
    "when the server restarts by %s and keeps its data",
    async (signal) => {
      const server = await privateServer({ persistence: true });
      const { bus, consumer, look } = await setUp(server);
      const { receipts, stop } = publishing(bus);
      await delay(200);
      await server.restart({ signal });
      await delay(200);
      await stop();
      await expectEverythingOnce(look, consumer, receipts);
      await consumer.idle();
    },
  );

  it("when the server forgets the scripts", async () => {
    const server = await privateServer();
    const { bus, consumer, redis, look } = await setUp(server);
    const { receipts, stop } = publishing(bus);
    for (let n = 0; n < 10; n++) {
      await delay(20);
      await redis.script("FLUSH");
    }
    await stop();
    await expectEverythingOnce(look, consumer, receipts);
  });

  it("when the server pauses for longer than the lease", async () => {
    const server = await privateServer();
    const { bus, consumer, look } = await setUp(server);
    const { receipts, stop } = publishing(bus);
    await delay(100);
    await server.pause();
    await delay(1_300);
    await server.resume();
    await delay(100);
    await stop();
    await expectEverythingOnce(look, consumer, receipts);
  });
});

describe("a consumer goes on by itself", () => {
  it("when its group is deleted: nothing is lost, and nothing handled twice", async () => {
    const server = await privateServer();
    const { bus, look, redis, consumer } = await setUp(server);
    const { receipts, stop } = publishing(bus);
    for (let n = 0; n < 3; n++) {
      await delay(100);
      await redis.xgroup("DESTROY", "orders", "billing");
    }
    await stop();
    await expectEverythingOnce(look, consumer, receipts);
  });

  it("when the server comes back without its data: what is published then is handled", async () => {
    const server = await privateServer();
    const { bus, consumer, look } = await setUp(server);
    await bus.publish("order.shipped", { orderId: "before" }, { idempotencyKey: "before" });
    await until(async () => (await look.processed()).length === 1);
    await server.restart();
    const receipt = await bus.publish("order.shipped", { orderId: "after" }, { idempotencyKey: "after" });
    await expectEverythingOnce(look, consumer, new Map([["after", receipt]]));
  });
});

describe("publishing without a server", () => {
  it("ends at the deadline, and says whether it may have run", async () => {
    const server = await privateServer();
    const bus = await openBus({ events, redis: server.url, deadlineMs: 400 });
    await bus.publish("order.shipped", { orderId: "warm" });
    await server.pause();
    const startedAt = performance.now();
    const error = await refusal(() => bus.publish("order.shipped", { orderId: "o1" }));
    const tookMs = performance.now() - startedAt;
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ maybeExecuted: true, retryable: true, deadlineMs: 400 });
    expect(tookMs).toBeGreaterThanOrEqual(395);
    await server.resume();
  });
});
