import { setTimeout as delay } from "node:timers/promises";
import { failure, retry } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { emitKey, setUp } from "./scenes/emit.js";
import { events, Gate, reports, started, until } from "./support.js";

describe("events emitted by a handler", () => {
  describe("appear", () => {
    it("when it succeeds, in the order emitted, with time, source and where they come from", async () => {
      const { bus, publish, consumer, emitted } = await setUp();
      await publish("o1");
      await consumer(({ emit }, orderId) => {
        emit("order.placed", { orderId, amount: 1 });
        emit("order.noted", { text: "shipped" }, { subject: "s", timestamp: "2025-01-31T12:00:00Z" });
      }).runOnce();
      const [first, second, ...rest] = await emitted();
      expect(rest).toEqual([]);
      expect(first?.event).toEqual({
        specversion: "1.0",
        id: emitKey("o1", 0),
        source: bus.streamName,
        type: "order.placed",
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        datacontenttype: "application/json",
        correlationid: "story",
        causationid: "o1",
        data: { orderId: "o1", amount: 1 },
      });
      expect(second?.event).toMatchObject({
        id: emitKey("o1", 1),
        subject: "s",
        time: "2025-01-31T12:00:00Z",
        data: { text: "shipped" },
      });
      expect([first?.key, second?.key]).toEqual([emitKey("o1", 0), emitKey("o1", 1)]);
    });

    it("together with its acknowledgement: at no moment is one there without the other", async () => {
      const { look, publish, consumer } = await setUp();
      const orders = 200;
      for (let n = 0; n < orders; n++) await publish(`o${n}`);
      const running = consumer(async ({ emit }, orderId) => {
        emit("order.placed", { orderId, amount: 1 });
        emit("order.noted", { text: orderId });
        await delay(Math.random() * 5);
      });
      let done = false;
      const looked: string[] = [];
      const looking = (async () => {
        while (!done) {
          // One moment of the server's.
          const replies = await look.redis
            .multi()
            .xlen(look.keys.stream)
            .scard(look.keys["processed.0"])
            .exec();
          const [[, length] = [], [, processed] = []] = replies ?? [];
          looked.push(`${Number(length) - orders} emitted, ${Number(processed)} processed`);
        }
      })();
      await running.start();
      await running.idle();
      done = true;
      await looking;
      const moments = [...new Set(looked)];
      const wrong = moments.filter((moment) => {
        const [emitted, processed] = moment.match(/\d+/g)?.map(Number) ?? [];
        return emitted !== 2 * (processed ?? 0);
      });
      expect(wrong).toEqual([]);
      expect(moments.length).toBeGreaterThan(3);
      expect(looked.at(-1)).toBe(`${2 * orders} emitted, ${orders} processed`);
    });

    it("not before it succeeds", async () => {
      const { publish, consumer, emitted } = await setUp();
      const gate = new Gate();
      await publish("o1");
      const running = consumer(async ({ emit }, orderId) => {
        emit("order.placed", { orderId, amount: 1 });
        await gate.pass();
      });
      await running.start();
      await until(() => gate.arrived === 1);
      await delay(20);
      expect(await emitted()).toEqual([]);
      gate.open();
      await running.idle();
      expect(await emitted()).toHaveLength(1);
    });
  });

  it.each([
    ["asks for a retry", () => retry({ delayMs: 60_000 })],
    ["fails", () => failure()],
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
    ["returns something else", () => "done" as never],
  ])("do not appear when it %s", async (_, answer) => {
    const { publish, consumer, emitted } = await setUp();
    await publish("o1");
    await consumer(({ emit }, orderId) => {
      emit("order.placed", { orderId, amount: 1 });
      return answer();
    }).runOnce({ max: 1 });
    expect(await emitted()).toEqual([]);
  });

  it("do not appear when the consumer stops before it ends", async () => {
    const { bus, look, publish, emitted } = await setUp();
    const gate = new Gate();
    await publish("o1");
    const consumer = await started(bus, {
      group: "billing",
      drainTimeoutMs: 10,
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          async handle({ data }, { emit }) {
            emit("order.placed", { ...data, amount: 1 });
            await gate.pass();
          },
        }),
      ],
    });
    await until(() => gate.arrived === 1);
    await consumer.stop();
    gate.open();
    await delay(20);
    expect(await emitted()).toEqual([]);
    expect(await look.processed()).toEqual([]);
  });

  it("appear once, under the keys of the first attempt, when a later attempt succeeds", async () => {
    const { publish, consumer, emitted } = await setUp();
    await publish("o1");
    const running = consumer(({ emit, attempt }, orderId) => {
      emit("order.placed", { orderId, amount: attempt });
      emit("order.noted", { text: "x" });
      if (attempt === 1) return retry({ delayMs: 0 });
      if (attempt === 2) throw new Error("broken");
    });
    await running.start();
    await running.idle();
    expect((await emitted()).map(({ key, event }) => [key, event.data])).toEqual([
      [emitKey("o1", 0), { orderId: "o1", amount: 3 }],
      [emitKey("o1", 1), { text: "x" }],
    ]);
  });

  it("are handled once by a group, even if they are in the stream twice", async () => {
    const { bus, look, publish, consumer } = await setUp();
    await publish("o1");
    await consumer(({ emit }, orderId) => emit("order.placed", { orderId, amount: 1 })).runOnce();
    const entry = (await look.entries()).find(({ event }) => event.type === "order.placed");
    await look.redis.xadd(look.keys.stream, "*", "key", entry?.key ?? "", "event", entry?.text ?? "");
    const placed = events.handler({ name: "h", eventTypes: ["order.placed"], handle() {} });
    const audit = await started(bus, { group: "audit", handlers: [placed] });
    const handled = reports(audit, "handled");
    await audit.idle();
    expect(handled.map(({ idempotencyKey }) => idempotencyKey)).toEqual([emitKey("o1", 0)]);
  });

  it("pass maxLength, or a full stream could never drain", async () => {
    const { publish, consumer, emitted } = await setUp({ maxLength: 2 });
    await publish("o1");
    await publish("o2");
    await expect(publish("o3")).rejects.toMatchObject({ code: "STREAM_FULL" });
    await consumer(({ emit }, orderId) => emit("order.placed", { orderId, amount: 1 })).runOnce();
    expect(await emitted()).toHaveLength(2);
  });
});
