/** A server at maxmemory: publishers hear of it at once, consumers drain it, and publishing works again after that. */
import { OutOfMemoryError } from "@sluice/node";
import type { TestServer } from "@sluice/test-server";
import { beforeEach, describe, expect, it } from "vitest";
import {
  events,
  keysOf,
  type OrderBus,
  onOrder,
  openBus,
  place,
  plainRedis,
  privateServer,
  refusal,
  started,
} from "./support.js";

let server: TestServer;

beforeEach(async () => {
  server = await privateServer({ args: ["--maxmemory-policy", "noeviction"] });
});

/** From here on the server takes nothing that grows, whatever is freed. */
async function full(bytes = 1): Promise<void> {
  const redis = plainRedis(server.url);
  await redis.config("SET", "maxmemory", bytes);
  if (bytes === 1) expect(String(await refusal(() => redis.set("more", "x")))).toMatch(/OOM/);
}

const orders = (count: number) => Array.from({ length: count }, (_, n) => `o${n}`);

async function drained(bus: OrderBus): Promise<object> {
  const { groups } = await bus.getStreamInfo();
  const [{ pending, lag, retrying } = { pending: -1, lag: -1, retrying: -1 }] = groups;
  return { pending, lag, retrying };
}

describe("publishing to a full server", () => {
  it("is refused at once with OutOfMemoryError, and nothing is published", async () => {
    // The deadline is longer than the test may take.
    const bus = await openBus({ redis: server.url, deadlineMs: 600_000 });
    await place(bus, "a");
    await full();
    for (const call of [() => place(bus, "b", "c"), () => bus.publish("order.placed", { orderId: "d" })]) {
      const error = await refusal(call);
      expect(error).toBeInstanceOf(OutOfMemoryError);
      expect(error).toMatchObject({ code: "OUT_OF_MEMORY", retryable: true });
      expect(String(error)).toMatch(/publish.*maxmemory/);
    }
    expect(await bus.getStreamInfo()).toMatchObject({ length: 1 });
    expect((await bus.health()).checks).toContainEqual(
      expect.objectContaining({ name: "memory", status: "degraded" }),
    );
  });

  it("works again when there is room, under the same keys, once each", async () => {
    const bus = await openBus({ redis: server.url });
    await full();
    expect(await refusal(() => place(bus, "a"))).toBeInstanceOf(OutOfMemoryError);
    await full(0);
    await place(bus, "a");
    expect(await bus.getStreamInfo()).toMatchObject({ length: 1 });
  });
});

describe("consumers drain a full server to zero", () => {
  it("the one that runs, and one that starts now: successes, emitted events, retries, failures, skips", async () => {
    const bus = await openBus({ redis: server.url });
    const seen = new Map<string, number>();
    const handler = events.handler({
      name: "orders",
      eventTypes: ["order.placed"],
      async handle({ data: { orderId } }, { attempt, emit }) {
        seen.set(orderId, (seen.get(orderId) ?? 0) + 1);
        const n = Number(orderId.slice(1));
        if (n % 10 === 1 && attempt === 1) return { kind: "retry", delayMs: 5 };
        if (n % 10 === 2) return { kind: "failure", reason: "no" };
        if (n % 10 === 3) throw new Error("down");
        emit("order.billed", { orderId });
        return undefined;
      },
    });
    const options = {
      ...{ group: "billing", handlers: [handler], maxAttempts: 2, concurrency: 8 },
      retry: { minDelayMs: 1, maxDelayMs: 5 },
    };
    const running = bus.consumer(options);
    await running.start();
    running.pause();
    await place(bus, ...orders(200));
    await bus.publish("order.noted", { orderId: "skipped" });
    // Of a consumer that is gone: to be recovered.
    const { stream } = keysOf(bus, "billing");
    const redis = plainRedis(server.url);
    await redis.xreadgroup("GROUP", "billing", "worker-1", "COUNT", 20, "STREAMS", stream, ">");
    await full();

    const second = bus.consumer({ ...options, consumer: "worker-1" });
    await second.start();
    expect(await second.recovery).toMatchObject({ own: 20 });
    running.resume();
    await Promise.all([running.idle(), second.idle()]);

    expect(await drained(bus)).toEqual({ pending: 0, lag: 0, retrying: 0 });
    expect(seen.size).toBe(200);
    expect(seen.get("o1")).toBe(2);
    expect(await bus.getStreamInfo()).toMatchObject({ deadLetters: 40, length: 201 + 160 });
    expect(await refusal(() => place(bus, "more"))).toBeInstanceOf(OutOfMemoryError);
  });

  it("one with a length limit and another lease as well", async () => {
    const bus = await openBus({ redis: server.url });
    await (await started(bus)).stop();
    await place(bus, ...orders(50));
    await full();
    const consumer = await started(bus, undefined, {
      ...{ retention: { maxLength: 1_000, settledForMs: 0 }, leaseMs: 10_000, changeSettings: true },
    });
    await consumer.idle();
    expect(await drained(bus)).toEqual({ pending: 0, lag: 0, retrying: 0 });
  });

  it("runOnce as well, of a group that was lost; only a group that is new is refused", async () => {
    const bus = await openBus({ redis: server.url });
    const handled: string[] = [];
    const handlers = [onOrder(({ data }) => void handled.push(data.orderId))];
    await place(bus, ...orders(10));
    await bus.consumer({ group: "billing", handlers }).runOnce({ max: 5 });
    await plainRedis(server.url).xgroup("DESTROY", keysOf(bus, "billing").stream, "billing");
    await full();
    expect(await bus.consumer({ group: "billing", handlers }).runOnce()).toMatchObject({ handled: 5 });
    expect(handled).toEqual(orders(10));
    const unheard = bus.consumer({ group: "new", handlers });
    expect(await refusal(() => unheard.start())).toBeInstanceOf(OutOfMemoryError);
  });

  it("and what they drop makes room for publishers, without anybody's help", async () => {
    const bus = await openBus({ redis: server.url });
    const retention = { settledForMs: 0 };
    const consumer = await started(bus, undefined, { retention });
    const redis = plainRedis(server.url);
    const used = Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
    await redis.config("SET", "maxmemory", used + 3_000_000);
    let placed = 0;
    const filled = await refusal(async () => {
      for (;;) {
        const data = { orderId: "x".repeat(10_000) };
        await bus.publishMany(Array.from({ length: 50 }, () => ({ type: "order.placed", data }) as const));
        placed += 50;
      }
    });
    expect(filled).toBeInstanceOf(OutOfMemoryError);
    expect(placed).toBeGreaterThan(100);
    await consumer.idle();
    await started(bus, undefined, { retention });
    expect(await bus.getStreamInfo()).toMatchObject({ length: 0 });
    await place(bus, "again");
    await consumer.idle();
  });
});

it("dead letters of a full server are listed, discarded, and replayed where their entries are", async () => {
  const bus = await openBus({ redis: server.url });
  await place(bus, "a", "b", "c");
  await bus.consumer({ group: "billing", handlers: [onOrder(() => ({ kind: "failure" }))] }).runOnce();
  const letters = bus.deadLetters("billing");
  const [a, b, c] = (await letters.list()).items;
  await plainRedis(server.url).xdel(keysOf(bus, "billing").stream, c?.entryId ?? "");
  await full();
  expect(await letters.replay([a?.id ?? ""])).toEqual({ done: 1, notFound: [] });
  expect(await letters.discard([b?.id ?? ""])).toEqual({ done: 1, notFound: [] });
  // This one must be added again.
  expect(await refusal(() => letters.replay("all"))).toBeInstanceOf(OutOfMemoryError);
  expect((await letters.list()).items).toHaveLength(1);
});
