import { setTimeout as delay } from "node:timers/promises";
import { fromIoredis } from "@sluice/core/ioredis";
import { leaseReply } from "@sluice/lua-scripts";
import { type Connection, createBus } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import { Look, plainRedis } from "./look.js";
import { counting, setUp } from "./scenes/idempotency.js";
import { events, Gate, openBus, reports, started, until } from "./support.js";

describe("idempotency", () => {
  it("a second entry with the same key is acknowledged and not handled", async () => {
    const { bus, look, publish } = await setUp();
    const { times, handler } = counting();
    const consumer = await started(bus, { group: "billing", handlers: [handler] });
    const skipped = reports(consumer, "skipped");
    await publish("k");
    await consumer.idle();
    const second = await publish("k");
    await consumer.idle();
    expect(times.get("k")).toBe(1);
    expect(skipped).toEqual([
      { entryId: second.id, idempotencyKey: "k", type: "order.shipped", reason: "duplicate" },
    ]);
    expect(await look().pending()).toEqual([]);
    expect(await look().deadLetters()).toEqual([]);
  });

  it("also when the first is still being handled, by another consumer", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const slow = { name: "slow", eventTypes: ["order.shipped"], handle: () => gate.pass() };
    const { times, handler } = counting();
    const first = await started(bus, { group: "billing", handlers: [slow] });
    await publish("k");
    await until(() => gate.arrived === 1);
    first.pause();
    const second = await started(bus, { group: "billing", handlers: [handler] });
    await publish("k");
    // It waits for the first: that one may yet fail.
    await until(async () => (await look().pending()).some(({ consumer }) => consumer === "/waiting"));
    expect(times.size).toBe(0);
    gate.open();
    await second.idle();
    expect(times.size).toBe(0);
    expect(gate.arrived).toBe(1);
    expect(await look().pending()).toEqual([]);
  });

  it("and it is handled when the first one fails for good", async () => {
    const { bus, publish } = await setUp();
    const attempts: string[] = [];
    const gate = new Gate();
    const failing = {
      name: "failing",
      eventTypes: ["order.shipped"],
      async handle(event: { id: string }) {
        attempts.push(event.id);
        if (attempts.length > 1) return;
        await gate.pass();
        return { kind: "failure" } as const;
      },
    };
    const consumer = await started(bus, { group: "billing", handlers: [failing] });
    const [one, two] = [await publish("k"), await publish("k")];
    await until(() => gate.arrived === 1);
    await delay(40);
    gate.open();
    await consumer.idle();
    expect(attempts).toEqual([one.id, two.id]);
  });

  it("1,000 keys, each twice and in flight on two consumers at the same moment, are handled once each", async () => {
    const RACES = 1_000;
    const stream = uniqueName("orders");
    const look = new Look(plainRedis(), stream, "billing");
    const verdicts = { LEASED: 0, DUPLICATE: 0, DEFERRED: 0, LOST: 0 };
    const { times, handler } = counting();
    const slow = {
      ...handler,
      // Long enough for the other entry to be judged meanwhile, in half of the cases or so.
      async handle(event: Parameters<typeof handler.handle>[0], context: never) {
        await delay(Math.random() < 0.5 ? 1 : 4);
        return handler.handle(event, context);
      },
    };
    const options = { group: "billing", concurrency: 20, batchSize: 1, handlers: [slow] };
    const open = async () => {
      const connection = noting(fromIoredis(new Redis(sharedServerUrl(), { lazyConnect: true })), verdicts);
      const bus = createBus(connection, { stream, events, publishWindowMs: 0 });
      onTestFinished(() => bus.close());
      return { bus, consumer: await started(bus, options) };
    };
    const [one, two] = [await open(), await open()];
    const handled = [reports(one.consumer, "handled"), reports(two.consumer, "handled")];

    // Both wait in a read for one entry each, so that the two entries of a pair go to one of them each. A few pairs at a
    // time, so that there are always two who wait.
    const { bus } = one;
    let next = 0;
    const racer = async () => {
      for (let n = next++; n < RACES; n = next++) {
        const pair = { type: "order.shipped", data: { orderId: "o" }, idempotencyKey: `k${n}` } as const;
        await bus.publishMany([pair, pair]);
        await until(() => times.has(`k${n}`), { everyMs: 1 });
      }
    };
    await Promise.all([racer(), racer(), racer(), racer()]);
    await one.consumer.idle();
    await two.consumer.idle();

    expect(times.size).toBe(RACES);
    expect([...times.values()].every((count) => count === 1)).toBe(true);
    expect(
      handled
        .flat()
        .map(({ idempotencyKey }) => idempotencyKey)
        .sort(),
    ).toEqual([...times.keys()].sort());
    expect(await look.processed()).toEqual([...times.keys()].sort());
    expect(await look.redis.xlen(look.keys.stream)).toBe(2 * RACES);
    expect(await look.pending()).toEqual([]);
    expect(await look.deadLetters()).toEqual([]);
    expect(await look.redis.hlen(look.keys.leases)).toBe(0);
    // The race was run: second entries came while the first was in somebody's hands, and both took part.
    expect(verdicts.DEFERRED).toBeGreaterThan(0);
    for (const side of handled) expect(side.length).toBeGreaterThan(0);
  });

  it("a key is generated when missing, another one each time", async () => {
    const { bus, look } = await setUp();
    await bus.publish("order.shipped", { orderId: "o1" });
    await bus.publish("order.shipped", { orderId: "o1" });
    const entries = await look().entries();
    for (const { key, event } of entries) {
      expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(event.id).toBe(key);
    }
    expect(new Set(entries.map(({ key }) => key)).size).toBe(2);
    const { times, handler } = counting();
    await bus.consumer({ group: "billing", handlers: [handler] }).runOnce();
    expect([...times]).toEqual(entries.map(({ key }) => [key, 1]));
  });

  describe("is unaffected", () => {
    it("in another group, by what this group has handled", async () => {
      const { handledNow } = await setUp();
      expect(await handledNow(["k"], { group: "billing" })).toEqual(["k"]);
      expect(await handledNow([], { group: "audit" })).toEqual(["k"]);
      expect(await handledNow(["k"], { group: "billing" })).toEqual([]);
    });

    it("for another tenant, by what this tenant's group has handled", async () => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events, tenancy: "multi" });
      const seen: string[] = [];
      for (const tenant of ["acme", "globex"]) {
        await bus.tenant(tenant).publish("order.shipped", { orderId: tenant }, { idempotencyKey: "k" });
        const handler = events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          handle: ({ data }) => {
            seen.push(data.orderId);
          },
        });
        await bus
          .tenant(tenant)
          .consumer({ group: "billing", handlers: [handler] })
          .runOnce();
      }
      expect(seen).toEqual(["acme", "globex"]);
    });

    it("for other settings of another tenant's group", async () => {
      const bus = await openBus({ events, tenancy: "multi" });
      const handlers = [counting().handler];
      await bus.tenant("acme").consumer({ group: "billing", handlers, maxAttempts: 3 }).runOnce();
      await bus.tenant("globex").consumer({ group: "billing", handlers, maxAttempts: 4 }).runOnce();
    });
  });
});

/** The same connection, counting what the server says of entries that were read. */
function noting(connection: Connection, verdicts: Record<string, number>): Connection {
  return {
    async send(requests, options) {
      const replies = await connection.send(requests, options);
      for (const [at, request] of requests.entries()) {
        if (request.kind !== "script" || request.script.name !== "lease") continue;
        // Four arguments say who asks, then come an ID and a key for each entry.
        const reply = leaseReply(replies[at], (request.args.length - 4) / 2);
        if (reply.status !== "OK") continue;
        for (const verdict of reply.verdicts) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      }
      return replies;
    },
    duplicate: () => connection.duplicate(),
    nodes: (options) => connection.nodes(options),
    onReconnect: (listener) => connection.onReconnect(listener),
    bells: (listener) => connection.bells(listener),
    close: () => connection.close(),
  };
}
