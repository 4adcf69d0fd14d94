import { uniqueName } from "@sluice/test-server";
import { describe, expect, it, onTestFinished } from "vitest";
import { Look, plainRedis } from "./look.js";
import { events, Gate, openBus, privateServer, reports, started, until } from "./support.js";

/** A handler of all types that notes what it is given. */
function noting(seen: { id: string; orderId: string }[] = []) {
  const handler = events.handler({
    name: "noting",
    eventTypes: ["order.placed", "order.shipped"],
    handle: ({ id, data }) => {
      seen.push({ id, orderId: data.orderId });
    },
  });
  return { seen, handler };
}

async function setUp() {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events });
  const redis = plainRedis();
  const publish = (n: number) =>
    Promise.all(Array.from({ length: n }, (_, at) => bus.publish("order.shipped", { orderId: `o${at}` })));
  return { bus, publish, look: (group: string) => new Look(redis, stream, group) };
}

describe("consuming", () => {
  it("a consumer reads what was published to its group, before and after it started, in order", async () => {
    const { bus, publish } = await setUp();
    const { seen, handler } = noting();
    const before = await publish(3);
    const consumer = await started(bus, { group: "billing", handlers: [handler] });
    await consumer.idle();
    expect(seen.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    const after = await publish(3);
    await consumer.idle();
    expect(seen.map(({ id }) => id)).toEqual([...before, ...after].map(({ id }) => id));
  });

  it("a consumer is given the whole event", async () => {
    const { bus } = await setUp();
    const given: unknown[] = [];
    const receipt = await bus.publish(
      "order.shipped",
      { orderId: "o1" },
      {
        idempotencyKey: "k1",
        timestamp: "2025-01-31T12:00:00Z",
        subject: "s",
        correlationId: "c1",
        causationId: "c2",
        traceparent: "t",
      },
    );
    const consumer = bus.consumer({
      group: "billing",
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          handle(event, context) {
            given.push(event);
            const { attempt, idempotencyKey, signal } = context;
            given.push({ attempt, idempotencyKey, aborted: signal.aborted, tenant: "tenantId" in context });
          },
        }),
      ],
    });
    await consumer.runOnce();
    expect(given).toEqual([
      {
        id: receipt.id,
        type: "order.shipped",
        data: { orderId: "o1" },
        idempotencyKey: "k1",
        timestamp: "2025-01-31T12:00:00Z",
        source: bus.streamName,
        subject: "s",
        correlationId: "c1",
        causationId: "c2",
        traceparent: "t",
      },
      { attempt: 1, idempotencyKey: "k1", aborted: false, tenant: false },
    ]);
  });

  it("startFrom decides where a group that is new begins", async () => {
    const { bus, publish } = await setUp();
    const [, second] = await publish(3);
    const begins = [
      { startFrom: "0", handled: 3 },
      { startFrom: second?.id ?? "", handled: 1 },
      { startFrom: "$", handled: 0 },
    ];
    const groups = begins.map(({ startFrom, handled }) => {
      const consumer = bus.consumer({ group: uniqueName("g"), startFrom, handlers: [noting().handler] });
      return { consumer, handled };
    });
    for (const { consumer, handled } of groups) expect(await consumer.runOnce()).toMatchObject({ handled });
    await publish(1);
    for (const { consumer } of groups) expect(await consumer.runOnce()).toMatchObject({ handled: 1 });
  });

  it("two consumers of one group get different entries, and all of them between them", async () => {
    const { bus, publish } = await setUp();
    const [one, two] = [noting(), noting()];
    const options = { group: "billing", batchSize: 1, concurrency: 1 };
    const consumers = [
      await started(bus, { ...options, handlers: [one.handler] }),
      await started(bus, { ...options, handlers: [two.handler] }),
    ];
    const receipts = await publish(200);
    for (const consumer of consumers) await consumer.idle();
    expect(one.seen.length).toBeGreaterThan(0);
    expect(two.seen.length).toBeGreaterThan(0);
    const ids = [...one.seen, ...two.seen].map(({ id }) => id).sort();
    expect(ids).toEqual(receipts.map(({ id }) => id).sort());
  });

  it("what was handled is no longer pending, what was not is", async () => {
    const { bus, look } = await setUp();
    const gate = new Gate();
    const consumer = await started(bus, {
      group: "billing",
      consumer: "c1",
      concurrency: 2,
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          handle: ({ data }) => (data.orderId === "slow" ? gate.pass() : undefined),
        }),
      ],
    });
    const handled = reports(consumer, "handled");
    const slow = await bus.publish("order.shipped", { orderId: "slow" });
    await bus.publish("order.shipped", { orderId: "fast" });
    await until(() => handled.length === 1 && gate.arrived === 1);
    expect(await look("billing").pending()).toEqual([{ id: slow.id, consumer: "c1", deliveries: 1 }]);
    gate.open();
    await consumer.idle();
    expect(await look("billing").pending()).toEqual([]);
  });

  it("what nobody reads is neither delivered nor pending, and what was read and not finished is pending", async () => {
    const { bus, publish, look } = await setUp();
    const gate = new Gate();
    const handler = { name: "h", eventTypes: ["order.shipped"], handle: () => gate.pass() };
    const consumer = await started(bus, { group: "billing", concurrency: 2, handlers: [handler] });
    await publish(10);
    await until(() => gate.arrived === 2);
    const pending = await look("billing").pending();
    // Two in hand, and at most as many that were read ahead.
    expect(pending.length).toBeGreaterThanOrEqual(2);
    expect(pending.length).toBeLessThanOrEqual(4);
    gate.open();
    await consumer.idle();
    expect(await look("billing").pending()).toEqual([]);
  });

  describe("the block timeout is honoured", () => {
    it("by a consumer that waits: it asks again when the time is over, and not before", async () => {
      const server = await privateServer();
      const bus = await openBus({ events, redis: server.url });
      const monitor = await plainRedis(server.url).monitor();
      onTestFinished(() => monitor.disconnect());
      const reads: { atMs: number; words: string[] }[] = [];
      monitor.on("monitor", (seconds: string, words: string[]) => {
        if (words[0]?.toUpperCase() === "XREADGROUP" && words.includes("BLOCK")) {
          reads.push({ atMs: Number(seconds) * 1_000, words });
        }
      });
      await started(bus, { group: "billing", blockMs: 250, handlers: [noting().handler] });
      await until(() => reads.length === 5);
      for (const { words } of reads) expect(words[words.indexOf("BLOCK") + 1]).toBe("250");
      for (const [at, { atMs }] of reads.entries()) {
        if (at > 0) expect(atMs - (reads[at - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(249);
      }
    });

    it("by a consumer that waits: an event ends its wait at once", async () => {
      const { bus } = await setUp();
      const consumer = await started(bus, {
        group: "billing",
        // As long as the test may take.
        blockMs: 60_000,
        handlers: [noting().handler],
      });
      const handled = reports(consumer, "handled");
      await consumer.idle();
      const receipt = await bus.publish("order.shipped", { orderId: "o1" });
      await until(() => handled.length === 1);
      expect(handled[0]?.entryId).toBe(receipt.id);
    });

    it("by runOnce: it ends without an event when the time is over, and at once when it has handled one", async () => {
      const { bus, publish } = await setUp();
      const consumer = bus.consumer({ group: "billing", handlers: [noting().handler] });
      const startedAt = performance.now();
      expect(await consumer.runOnce({ blockMs: 300 })).toMatchObject({ handled: 0 });
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);

      const run = consumer.runOnce({ blockMs: 60_000 });
      await publish(1);
      expect(await run).toMatchObject({ handled: 1 });
    });
  });

  it("two groups both get everything", async () => {
    const { bus, publish, look } = await setUp();
    const groups = ["billing", "audit"].map((group) => ({ group, ...noting() }));
    const consumers = await Promise.all(
      groups.map(({ group, handler }) => started(bus, { group, handlers: [handler] })),
    );
    const receipts = await publish(100);
    for (const consumer of consumers) await consumer.idle();
    for (const { group, seen } of groups) {
      expect(seen.map(({ id }) => id)).toEqual(receipts.map(({ id }) => id));
      expect(await look(group).processed()).toHaveLength(100);
    }
  });

  it("handles at most as many events at a time as its concurrency says", async () => {
    const { bus, publish } = await setUp();
    let running = 0;
    let most = 0;
    const handler = {
      name: "h",
      eventTypes: ["order.shipped"],
      async handle() {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running -= 1;
      },
    };
    const consumer = await started(bus, { group: "billing", concurrency: 7, handlers: [handler] });
    await publish(100);
    await consumer.idle();
    expect(most).toBe(7);
  });

  it("under full load half of its concurrency travels in each round trip at least", async () => {
    const server = await privateServer();
    const bus = await openBus({ stream: uniqueName("orders"), events, redis: server.url });
    const entries = Array.from({ length: 1_000 }, (_, n) => ({
      type: "order.shipped" as const,
      data: { orderId: `o${n}` },
    }));
    await bus.publishMany(entries);
    const { seen, handler } = noting();
    const redis = plainRedis(server.url);
    await redis.config("RESETSTAT");
    const consumer = await started(bus, { group: "billing", concurrency: 64, handlers: [handler] });
    await consumer.idle();
    expect(seen).toHaveLength(1_000);
    const reads = Number(/cmdstat_xreadgroup:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
    // The last reads find less, and nothing; recovery at the start shows itself to the group by one.
    expect(reads).toBeLessThanOrEqual(Math.ceil(1_000 / 32) + 5);
  });

  it("an entry that some other program wrote is a dead letter, and holds nothing up", async () => {
    const { bus, look } = await setUp();
    const { redis, keys, ...rest } = look("billing");
    await redis.xadd(keys.stream, "*", "foreign", "field");
    await redis.xadd(keys.stream, "*", "key", "k", "event", "no JSON");
    await bus.publish("order.shipped", { orderId: "o1" });
    const { seen, handler } = noting();
    const consumer = bus.consumer({ group: "billing", handlers: [handler] });
    const dead = reports(consumer, "deadLetter");
    expect(await consumer.runOnce()).toMatchObject({ handled: 1, deadLettered: 2 });
    expect(seen).toHaveLength(1);
    expect(dead.map(({ reason }) => reason)).toEqual(["MALFORMED", "MALFORMED"]);
    expect(await look(rest.group).deadLetters()).toEqual([
      expect.objectContaining({ reason: "MALFORMED", foreign: "field" }),
      expect.objectContaining({ reason: "MALFORMED", key: "k", event: "no JSON" }),
    ]);
  });
});
