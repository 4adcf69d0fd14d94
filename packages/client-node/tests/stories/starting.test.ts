import { setTimeout as delay } from "node:timers/promises";
import { fromIoredis } from "@sluice/core/ioredis";
import { createBus, PermissionError, retry, SupersededError, silentLogger } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import { handler, setUp } from "./scenes/lifecycle.js";
import { events, Gate, openBus, privateServer, refusal, reports, started, until } from "./support.js";

describe("start", () => {
  it("that fails leaves the consumer to be started again", async () => {
    const { bus, look } = await setUp();
    await look.redis.set(look.keys.state, "foreign");
    const consumer = bus.consumer({ group: "billing", handlers: [handler()] });
    const error = await refusal(() => consumer.start());
    expect(error).toMatchObject({
      code: "WRONG_TYPE",
      key: look.keys.state,
      found: "string",
      wanted: "hash",
    });
    await look.redis.del(look.keys.state);
    await consumer.start();
    await consumer.idle();
  });

  it("leaves a recovery that is not permitted to be told by what recovery rejects with, and stops", async () => {
    const connection = fromIoredis(new Redis(sharedServerUrl(), { lazyConnect: true }));
    // As a server before 7.0 does, which cannot tell beforehand.
    const denied = new PermissionError({
      attempted: "recover",
      reply: "NOPERM this user has no permissions to run the 'xclaim' command",
    });
    const bus = createBus(
      {
        send: async (requests, options) => {
          const replies = await connection.send(requests, options);
          return replies.map((reply, at) => {
            const request = requests[at];
            return request?.kind === "script" && request.script.name === "recover" ? denied : reply;
          });
        },
        duplicate: () => connection.duplicate(),
        nodes: (options) => connection.nodes(options),
        onReconnect: (listener) => connection.onReconnect(listener),
        bells: (listener) => connection.bells(listener),
        close: () => connection.close(),
      },
      { stream: uniqueName("orders"), events, logger: silentLogger },
    );
    onTestFinished(() => bus.close());
    const consumer = bus.consumer({ group: "billing", handlers: [handler()] });
    const errors = reports(consumer, "error");
    await consumer.start();
    expect(await refusal(() => consumer.recovery)).toBe(denied);
    expect(errors).toEqual([{ error: denied, fatal: true }]);
    expect(await refusal(() => consumer.idle())).toBe(denied);
  });

  it("without a server rejects within the deadline", async () => {
    const server = await privateServer();
    const bus = await openBus({ events, redis: server.url, deadlineMs: 300 });
    await server.kill();
    const consumer = bus.consumer({ group: "billing", handlers: [handler()] });
    expect(await refusal(() => consumer.start())).toMatchObject({ retryable: true });
    const publishing = bus.publish("order.shipped", { orderId: "o1" });
    expect(await refusal(() => publishing)).toMatchObject({ retryable: true, maybeExecuted: false });
  });
});

describe("a consumer that comes again", () => {
  it("under its old name handles what it had in hand, at once, as the next attempt", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const options = { group: "billing", consumer: "worker-1", leaseMs: 60_000 };
    const old = await started(bus, {
      ...options,
      drainTimeoutMs: 0,
      handlers: [handler(() => gate.pass())],
    });
    await publish("o1");
    await until(() => gate.arrived === 1);

    // As a process that was killed leaves it: the old one never gives anything back.
    const seen: string[] = [];
    const other = await openBus({ stream: bus.streamName, events });
    const young = other.consumer({
      ...options,
      handlers: [handler((orderId, attempt) => void seen.push(`${orderId} attempt ${attempt}`))],
    });
    await young.start();
    expect(await young.recovery).toMatchObject({ own: 1, stale: 0, retried: 0 });
    await young.idle();
    expect(seen).toEqual(["o1 attempt 2"]);
    expect(await look.processed()).toEqual(["o1"]);
    await old.stop();
  });

  it("the older of two processes with one name stops with SupersededError", async () => {
    const { bus, publish } = await setUp();
    // What the older one took from the stream before it learnt is found by the next recovery, a quarter of this later.
    const options = { group: "billing", consumer: "worker-1", leaseMs: 400, handlers: [handler()] };
    const old = await started(bus, options);
    const errors = reports(old, "error");
    const other = await openBus({ stream: bus.streamName, events });
    const young = await started(other, options);
    const handled = reports(young, "handled");
    await publish("o1");
    await until(() => errors.some(({ fatal }) => fatal));
    expect(errors.at(-1)).toMatchObject({ fatal: true, error: expect.any(SupersededError) });
    expect(await refusal(() => old.idle())).toBeInstanceOf(SupersededError);
    await young.idle();
    expect(handled.map(({ attempt }) => attempt)).toEqual([1]);
    await old.stop();
  });
});

it("what is due comes before what is new, however much is new", async () => {
  const { bus, publish } = await setUp();
  const order: string[] = [];
  const consumer = bus.consumer({
    group: "billing",
    concurrency: 2,
    handlers: [
      handler(async (orderId, attempt) => {
        order.push(orderId);
        await delay(2);
        return orderId === "again" && attempt === 1 ? retry({ delayMs: 20 }) : undefined;
      }),
    ],
  });
  await publish("again");
  for (let n = 0; n < 300; n++) void publish(`o${n}`);
  await consumer.start();
  await consumer.idle();
  expect(order).toHaveLength(302);
  expect(order.lastIndexOf("again")).toBeLessThan(150);
});
