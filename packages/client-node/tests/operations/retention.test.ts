/** How streams are kept short: settled entries are dropped, and a length limit refuses rather than drops. */
import { InvalidOptionError, StreamFullError } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import {
  keysOf,
  type OrderBus,
  onOrder,
  openBus,
  place,
  plainRedis,
  refusal,
  started,
  until,
} from "./support.js";

const HOUR_MS = 3_600_000;

/** An order that was published hours ago. */
async function placeLongAgo(bus: OrderBus, hours: number): Promise<string> {
  const redis = plainRedis();
  const [seconds] = await redis.time();
  const id = `${(Number(seconds) - hours * 3_600) * 1_000}-0`;
  const event = {
    ...{ specversion: "1.0", id: `${hours}h`, source: "orders", type: "order.placed" },
    ...{ time: "2025-01-01T00:00:00Z", data: { orderId: `${hours}h` } },
  };
  await redis.xadd(keysOf(bus, "billing").stream, id, "key", `${hours}h`, "event", JSON.stringify(event));
  return id;
}

async function lengthOf(bus: OrderBus): Promise<number> {
  return (await bus.getStreamInfo()).length;
}

describe("a consumer that starts drops what every group has settled", () => {
  it("once it is a day old, unless told otherwise", async () => {
    const bus = await openBus();
    for (const hours of [48, 25, 23]) await placeLongAgo(bus, hours);
    await place(bus, "new");
    await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    expect(await lengthOf(bus)).toBe(4);
    await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    expect(await lengthOf(bus)).toBe(2);
  });

  it("after retention.settledForMs; nothing at all with retention: false", async () => {
    const bus = await openBus();
    for (const hours of [48, 3, 1]) await placeLongAgo(bus, hours);
    const handlers = [onOrder()];
    const once = (retention: false | { settledForMs: number }) =>
      bus.consumer({ group: "billing", handlers, retention }).runOnce();
    await once(false);
    await once(false);
    expect(await lengthOf(bus)).toBe(3);
    await once({ settledForMs: 2 * HOUR_MS });
    expect(await lengthOf(bus)).toBe(1);
    await once({ settledForMs: 0 });
    expect(await lengthOf(bus)).toBe(0);
  });

  it("and nothing that another group has still to handle", async () => {
    const bus = await openBus();
    for (const hours of [50, 49, 48]) await placeLongAgo(bus, hours);
    const retention = { settledForMs: 0 };
    await bus.consumer({ group: "slow", handlers: [onOrder()], retention }).runOnce({ max: 1 });
    const fast = await started(bus, undefined, { group: "fast", retention });
    await fast.idle();
    await fast.stop();
    await fast.start();
    expect(await lengthOf(bus)).toBe(2);
    const slow: string[] = [];
    await (await started(bus, ({ data }) => void slow.push(data.orderId), { group: "slow" })).idle();
    expect(slow).toEqual(["49h", "48h"]);
  });

  it("a long backlog as well, before it begins to work", async () => {
    const bus = await openBus();
    const redis = plainRedis();
    const { stream } = keysOf(bus, "billing");
    await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    for (let part = 0; part < 25; part++) {
      const pipeline = redis.pipeline();
      for (let n = 0; n < 1_000; n++) pipeline.xadd(stream, "*", "a", "b");
      await pipeline.exec();
    }
    await redis.xgroup("SETID", stream, "billing", "$");
    await started(bus, undefined, { retention: { settledForMs: 0 } });
    expect(await lengthOf(bus)).toBe(0);
  });
});

describe("a length limit", () => {
  it("of a consumer's retention holds for every publisher of the stream, which need not know of it", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream });
    const consumer = await started(bus, undefined, { retention: { maxLength: 3 } });
    await place(bus, "a", "b", "c");
    await consumer.idle();
    const publisher = await openBus({ stream });
    const error = await refusal(() => publisher.publish("order.placed", { orderId: "d" }));
    expect(error).toBeInstanceOf(StreamFullError);
    expect(error).toMatchObject({ code: "STREAM_FULL", retryable: true, length: 3, maxLength: 3 });
    expect(error).toMatchObject({ slowestGroup: "billing" });
    expect(String(error)).toMatch(/length of 3, maxLength is 3; the slowest group is "billing"/);
    expect(await lengthOf(bus)).toBe(3);
  });

  it("of connect holds for the publishes of that bus", async () => {
    const stream = uniqueName("orders");
    const limited = await openBus({ stream, maxLength: 2 });
    const free = await openBus({ stream });
    await place(limited, "a", "b");
    expect(await refusal(() => place(limited, "c"))).toMatchObject({ code: "STREAM_FULL", maxLength: 2 });
    await place(free, "c");
    expect(await lengthOf(free)).toBe(3);
  });

  it("is the lesser of both where there are two", async () => {
    const bus = await openBus({ maxLength: 5 });
    await started(bus, undefined, { retention: { maxLength: 2 } });
    expect(await refusal(() => place(bus, "a", "b", "c"))).toMatchObject({ maxLength: 2 });
    await started(bus, undefined, { retention: { maxLength: 9 } });
    expect(await refusal(() => place(bus, "a", "b", "c", "d", "e", "f"))).toMatchObject({ maxLength: 5 });
  });

  it("names the group that is furthest behind", async () => {
    const bus = await openBus({ maxLength: 3 });
    await (await started(bus, undefined, { group: "fast" })).idle();
    const slow = await started(bus, undefined, { group: "slow" });
    slow.pause();
    await place(bus, "a", "b", "c");
    await until(async () =>
      (await bus.getStreamInfo()).groups.some((group) => group.name === "fast" && group.lag === 0),
    );
    expect(await refusal(() => place(bus, "d"))).toMatchObject({ slowestGroup: "slow" });
  });

  it("lets all of publishMany in, or none of it", async () => {
    const bus = await openBus({ maxLength: 3 });
    await place(bus, "a", "b");
    expect(await refusal(() => place(bus, "c", "d"))).toMatchObject({ code: "STREAM_FULL", length: 2 });
    expect(await lengthOf(bus)).toBe(2);
    await place(bus, "c");
  });

  it("lets in as many concurrent publishes as there is room for", async () => {
    const bus = await openBus({ maxLength: 30 });
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => bus.publish("order.placed", { orderId: `${n}` })),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(30);
    expect(await lengthOf(bus)).toBe(30);
  });

  it("does not stand in the way of an event that was published before", async () => {
    const bus = await openBus({ maxLength: 1 });
    const [id] = await place(bus, "a");
    expect(await bus.publish("order.placed", { orderId: "a" }, { idempotencyKey: "a" })).toEqual({
      id,
      duplicate: true,
    });
  });

  it("goes away as entries are settled and dropped", async () => {
    const bus = await openBus();
    const retention = { maxLength: 2, settledForMs: 0 };
    const consumer = await started(bus, undefined, { retention });
    await place(bus, "a", "b");
    await consumer.idle();
    expect(await refusal(() => place(bus, "c"))).toBeInstanceOf(StreamFullError);
    await started(bus, undefined, { retention }); // drops as it starts, and about once a minute
    await place(bus, "c");
  });

  it("stays as it was recorded for consumers that give none, and is taken back with 0", async () => {
    const bus = await openBus();
    await started(bus, undefined, { retention: { maxLength: 1 } });
    await started(bus, undefined, { retention: { settledForMs: 0 } });
    await place(bus, "a");
    expect(await refusal(() => place(bus, "b"))).toBeInstanceOf(StreamFullError);
    await started(bus, undefined, { retention: { maxLength: 0 } });
    await place(bus, "b");
  });

  it("does not hold up emitted events, or a full stream could never drain", async () => {
    const bus = await openBus({ maxLength: 2 });
    await place(bus, "a", "b");
    const billed: string[] = [];
    const handlers = [
      {
        name: "all",
        eventTypes: ["order.placed", "order.billed"],
        handle(event: { type: string; data: unknown }, context: { emit(type: string, data: unknown): void }) {
          if (event.type === "order.placed") context.emit("order.billed", event.data);
          else billed.push(event.type);
        },
      },
    ];
    const consumer = bus.consumer({ group: "billing", handlers });
    await consumer.start();
    await consumer.idle();
    expect(billed).toHaveLength(2);
  });

  it.each([
    [{ maxLength: -1 }, "retention.maxLength"],
    [{ maxLength: 1.5 }, "retention.maxLength"],
    [{ settledForMs: -1 }, "retention.settledForMs"],
    [{ maxLenght: 1 }, "maxLenght"],
  ])("%o is refused by name", async (retention, option) => {
    const bus = await openBus();
    const options = { group: "g", handlers: [onOrder()], retention: { ...retention } as object };
    const error = await refusal(() => bus.consumer(options));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option });
    expect(await refusal(() => openBus({ redis: sharedServerUrl(), maxLength: 0 }))).toMatchObject({
      option: "maxLength",
    });
  });
});
