import { setTimeout as delay } from "node:timers/promises";
import { AlreadyRunningError, ClosedError, ConsumerStoppedError, retry } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { handler, setUp } from "./scenes/lifecycle.js";
import { Gate, refusal, reports, started, until } from "./support.js";

describe("idle", () => {
  it("resolves when everything published is handled, and not before", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const consumer = await started(bus, { group: "billing", handlers: [handler(() => gate.pass())] });
    await consumer.idle();
    await publish("o1");
    let idle = false;
    const waiting = consumer.idle().then(() => {
      idle = true;
    });
    await until(() => gate.arrived === 1);
    await delay(60);
    expect(idle).toBe(false);
    gate.open();
    await waiting;
    expect(await look.processed()).toEqual(["o1"]);
  });

  it("waits for what is to be retried", async () => {
    const { bus, publish } = await setUp();
    const attempts: number[] = [];
    const consumer = await started(bus, {
      group: "billing",
      handlers: [
        handler((_, attempt) => {
          attempts.push(attempt);
          return attempt < 3 ? retry({ delayMs: 50 }) : undefined;
        }),
      ],
    });
    await publish("o1");
    await consumer.idle();
    expect(attempts).toEqual([1, 2, 3]);
  });

  it("resolves for a consumer that is paused and has nothing to do", async () => {
    const { bus } = await setUp();
    const consumer = await started(bus, { group: "billing", leaseMs: 100, handlers: [handler()] });
    consumer.pause();
    // Longer than the time between two recovery passes.
    await delay(200);
    await consumer.idle();
  });

  it("rejects when the consumer is not running, or stops meanwhile", async () => {
    const { bus, publish } = await setUp();
    const gate = new Gate();
    const consumer = bus.consumer({
      group: "billing",
      drainTimeoutMs: 0,
      handlers: [handler(() => gate.pass())],
    });
    expect(await refusal(() => consumer.idle())).toBeInstanceOf(ClosedError);
    await consumer.start();
    await publish("o1");
    const idle = refusal(() => consumer.idle());
    await until(() => gate.arrived === 1);
    await consumer.stop();
    expect(await idle).toBeInstanceOf(ClosedError);
  });
});

describe("pause and resume", () => {
  it("a paused consumer takes nothing more, finishes what it has, and goes on when resumed", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const seen: string[] = [];
    const consumer = await started(bus, {
      group: "billing",
      handlers: [
        handler(async (orderId) => {
          seen.push(orderId);
          if (orderId === "o1") await gate.pass();
        }),
      ],
    });
    await publish("o1");
    await until(() => gate.arrived === 1);
    consumer.pause();
    gate.open();
    await until(async () => (await look.processed()).length === 1);
    await publish("o2");
    await publish("o3");
    await delay(100);
    expect(seen).toEqual(["o1"]);
    consumer.resume();
    await consumer.idle();
    expect(seen.sort()).toEqual(["o1", "o2", "o3"]);
  });

  it("what a paused consumer has read ahead, or reads at that moment, goes to others at once", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const one = await started(bus, {
      group: "billing",
      consumer: "one",
      concurrency: 1,
      batchSize: 1,
      handlers: [handler(() => gate.pass())],
    });
    await publish("o1");
    await until(() => gate.arrived === 1);
    await publish("o2");
    await until(async () => (await look.pending()).length === 2);
    one.pause();
    const seen: string[] = [];
    const two = await started(bus, {
      group: "billing",
      handlers: [handler((orderId, attempt) => void seen.push(`${orderId} attempt ${attempt}`))],
    });
    await publish("o3");
    await publish("o4");
    // Under the first attempt: not for a lease that is over.
    await until(() => seen.length === 3);
    await two.idle();
    expect(seen.sort()).toEqual(["o2 attempt 1", "o3 attempt 1", "o4 attempt 1"]);
    expect((await look.pending()).map(({ consumer }) => consumer)).toEqual(["one"]);
  });
});

describe("stop", () => {
  it("lets handlers finish, and settles what they answered", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const consumer = await started(bus, { group: "billing", handlers: [handler(() => gate.pass())] });
    const handled = reports(consumer, "handled");
    await publish("o1");
    await until(() => gate.arrived === 1);
    const stopped = consumer.stop();
    await delay(20);
    gate.open();
    await stopped;
    expect(handled.map(({ idempotencyKey }) => idempotencyKey)).toEqual(["o1"]);
    expect(await look.processed()).toEqual(["o1"]);
    expect(await look.pending()).toEqual([]);
  });

  it("tells of what is settled at the last moment", async () => {
    const { bus, look, publish } = await setUp();
    for (let round = 0; round < 30; round++) {
      const consumer = await started(bus, { group: "billing", handlers: [handler()] });
      const handled = reports(consumer, "handled");
      await publish(`o${round}`);
      await delay(round % 3);
      await consumer.stop();
      const processed = await look.processed();
      for (const { idempotencyKey } of handled) expect(processed).toContain(idempotencyKey);
      const before = await bus.consumer({ group: "billing", handlers: [handler()] }).runOnce();
      // Each is told of by the one that handled it.
      expect(handled.length + before.handled).toBe(1);
    }
  });

  it("gives back what was not finished: due at once for others, the attempt's number the same", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const reasons: unknown[] = [];
    const one = await started(bus, {
      group: "billing",
      concurrency: 2,
      drainTimeoutMs: 50,
      handlers: [
        handler(async (_, __, signal) => {
          signal.addEventListener("abort", () => reasons.push(signal.reason));
          await gate.pass();
        }),
      ],
    });
    // Two in hand, two read ahead.
    for (let n = 0; n < 4; n++) await publish(`o${n}`);
    await until(() => gate.arrived === 2);
    await until(async () => (await look.pending()).length === 4);
    await one.stop();
    expect(reasons).toEqual([expect.any(ConsumerStoppedError), expect.any(ConsumerStoppedError)]);
    const pending = await look.pending();
    expect(pending.map(({ consumer, deliveries }) => `${consumer} ${deliveries}`)).toEqual(
      Array(4).fill("/waiting 1"),
    );

    const seen: string[] = [];
    const two = bus.consumer({
      group: "billing",
      handlers: [handler((orderId, attempt) => void seen.push(`${orderId} attempt ${attempt}`))],
    });
    await two.start();
    const recovery = await two.recovery;
    await two.idle();
    expect(recovery).toMatchObject({ retried: 4, stale: 0, own: 0 });
    expect(seen.sort()).toEqual([0, 1, 2, 3].map((n) => `o${n} attempt 1`));
    // What the first one's handlers do now is of no consequence.
    gate.open();
    await delay(20);
    expect(await look.processed()).toHaveLength(4);
  });

  it("is what Symbol.asyncDispose does", async () => {
    const { bus } = await setUp();
    const consumer = await started(bus, { group: "billing", handlers: [handler()] });
    await consumer[Symbol.asyncDispose]();
    expect(await refusal(() => consumer.idle())).toBeInstanceOf(ClosedError);
  });

  it("may be called before start, twice, and while start is under way", async () => {
    const { bus } = await setUp();
    const consumer = bus.consumer({ group: "billing", handlers: [handler()] });
    await consumer.stop();
    const starting = consumer.start().then(
      () => "started",
      (error: unknown) => error,
    );
    await Promise.all([consumer.stop(), consumer.stop()]);
    expect(await starting).toBeInstanceOf(ConsumerStoppedError);
    // Nothing of it goes on.
    expect(await refusal(() => consumer.idle())).toBeInstanceOf(ClosedError);
  });

  it("a stopped consumer may start again", async () => {
    const { bus, publish } = await setUp();
    const seen: string[] = [];
    const consumer = await started(bus, {
      group: "billing",
      handlers: [handler((orderId) => void seen.push(orderId))],
    });
    expect(await refusal(() => consumer.start())).toBeInstanceOf(AlreadyRunningError);
    await consumer.stop();
    await publish("o1");
    await consumer.start();
    await consumer.idle();
    expect(seen).toEqual(["o1"]);
  });
});

describe("close", () => {
  it("stops the consumers, waits for what is being published, and refuses what comes later", async () => {
    const { bus, look, publish } = await setUp();
    const seen: string[] = [];
    const consumer = await started(bus, {
      group: "billing",
      handlers: [handler((orderId) => void seen.push(orderId))],
    });
    const publishing = publish("o1");
    await bus.close();
    await bus.close();
    const { id } = await publishing;
    expect((await look.entries()).map((entry) => entry.id)).toEqual([id]);
    expect(await refusal(() => publish("o2"))).toBeInstanceOf(ClosedError);
    expect(
      await refusal(() => bus.publishMany([{ type: "order.shipped", data: { orderId: "o3" } }])),
    ).toBeInstanceOf(ClosedError);
    expect(await refusal(() => consumer.start())).toBeInstanceOf(ClosedError);
    expect(await refusal(() => bus.consumer({ group: "billing", handlers: [handler()] }))).toBeInstanceOf(
      ClosedError,
    );
  });

  it("is what Symbol.asyncDispose does", async () => {
    const { bus, publish } = await setUp();
    await bus[Symbol.asyncDispose]();
    expect(await refusal(() => publish("o1"))).toBeInstanceOf(ClosedError);
  });
});
