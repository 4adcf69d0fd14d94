import { createHash } from "node:crypto";
import { fromIoredis } from "@sluice/core/ioredis";
import { type Connection, createBus, ProtocolError } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import { contents, expectUnchanged, Look, plainRedis } from "./look.js";
import { events, Gate, memoryLogger, openBus, refusal, reports, started, until } from "./support.js";

const handler = events.handler({ name: "h", eventTypes: ["order.shipped"], handle() {} });

async function setUp() {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events, logger: memoryLogger() });
  const look = new Look(plainRedis(), stream, "billing");
  const publish = (orderId: string) => bus.publish("order.shipped", { orderId }, { idempotencyKey: orderId });
  const upgrade = () => look.redis.hset(look.keys.meta, "protocol", "2");
  return { bus, stream, look, publish, upgrade };
}

function expectProtocolError(error: unknown): void {
  expect(error).toBeInstanceOf(ProtocolError);
  expect(error).toMatchObject({ code: "PROTOCOL", retryable: false, found: 2, supported: 1 });
  expect(String(error)).toContain("upgrade the @sluice packages to a version that supports protocol 2");
}

describe("a stream of a newer protocol", () => {
  it("is refused before anything is written, naming the upgrade: by publish, publishMany, start and runOnce", async () => {
    const { bus, stream, look, publish, upgrade } = await setUp();
    await publish("o1");
    await bus.consumer({ group: "billing", handlers: [handler] }).runOnce();
    await publish("o2");
    await upgrade();
    const before = await contents(look.redis, stream);
    const consumer = bus.consumer({ group: "billing", handlers: [handler] });
    const calls = [
      () => publish("o3"),
      () => publish("o1"),
      () => bus.publishMany([{ type: "order.shipped", data: { orderId: "o4" } }]),
      () => consumer.start(),
      () => consumer.runOnce(),
      () => bus.consumer({ group: "new", handlers: [handler] }).start(),
    ];
    for (const call of calls) expectProtocolError(await refusal(call));
    expectUnchanged(before, await contents(look.redis, stream));
  });

  it("ends a consumer that runs, and nothing it has in hand is written", async () => {
    const { bus, look, publish, upgrade } = await setUp();
    const gate = new Gate();
    const consumer = await started(bus, {
      group: "billing",
      handlers: [{ ...handler, handle: () => gate.pass() }],
    });
    const errors = reports(consumer, "error");
    await publish("o1");
    await until(() => gate.arrived === 1);
    await upgrade();
    gate.open();
    await until(() => errors.length > 0);
    expect(errors[0]?.fatal).toBe(true);
    expectProtocolError(errors[0]?.error);
    expectProtocolError(await refusal(() => consumer.idle()));
    expect(await look.processed()).toEqual([]);
    expect(await look.pending()).toHaveLength(1);
  });
});

describe("two versions of the scripts", () => {
  it("work side by side on one stream", async () => {
    const ORDERS = 150;
    const stream = uniqueName("orders");
    const look = new Look(plainRedis(), stream, "billing");
    const seen = new Map<string, string[]>([
      ["old", []],
      ["new", []],
    ]);
    const open = async (version: "old" | "new") => {
      const connection = fromIoredis(new Redis(sharedServerUrl(), { lazyConnect: true }));
      const bus = createBus(version === "new" ? changed(connection) : connection, { stream, events });
      onTestFinished(() => bus.close());
      const consumer = await started(bus, {
        group: "billing",
        batchSize: 4,
        concurrency: 4,
        handlers: [
          events.handler({
            name: "h",
            eventTypes: ["order.shipped"],
            handle: ({ data }, { emit }) => {
              seen.get(version)?.push(data.orderId);
              emit("order.placed", { ...data, amount: 1 });
            },
          }),
        ],
      });
      return { bus, consumer };
    };
    const [old, young] = [await open("old"), await open("new")];
    const keys = Array.from({ length: ORDERS }, (_, n) => `o${n}`);
    // Each key by both: the publish window is one and the same.
    for (const orderId of keys) {
      const receipts = await Promise.all(
        [old, young].map(({ bus }) => bus.publish("order.shipped", { orderId }, { idempotencyKey: orderId })),
      );
      expect(new Set(receipts.map(({ id }) => id)).size).toBe(1);
    }
    await old.consumer.idle();
    await young.consumer.idle();
    expect([...(seen.get("old") ?? []), ...(seen.get("new") ?? [])].sort()).toEqual([...keys].sort());
    for (const orders of seen.values()) expect(orders.length).toBeGreaterThan(0);
    expect(await look.entries()).toHaveLength(2 * ORDERS);
    expect(await look.processed()).toEqual([...keys].sort());
  });
});

/** The same connection with the scripts of another version: another source, so another hash. */
function changed(connection: Connection): Connection {
  return {
    send: (requests, options) =>
      connection.send(
        requests.map((request) => {
          if (request.kind !== "script") return request;
          const source = `${request.script.source}\n-- another version`;
          const sha1 = createHash("sha1").update(source).digest("hex");
          return { ...request, script: { ...request.script, source, sha1 } };
        }),
        options,
      ),
    duplicate: () => changed(connection.duplicate()),
    nodes: (options) => connection.nodes(options),
    onReconnect: (listener) => connection.onReconnect(listener),
    bells: (listener) => connection.bells(listener),
    close: () => connection.close(),
  };
}
