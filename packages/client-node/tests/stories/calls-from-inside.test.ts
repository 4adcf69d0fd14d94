/** Calls of `stop`, `close` and `idle` by what runs inside of a consumer: they never wait for their own caller. */
import { setTimeout as delay } from "node:timers/promises";
import { type Bus, ClosedError, type Consumer } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { handler, setUp } from "./scenes/lifecycle.js";
import { events, Gate, openBus, refusal, reports, type Schemas, started, until } from "./support.js";

/** A call that waited for its own caller would wait for this long, and its event would run again. */
const drainTimeoutMs = 10_000;

describe("in a handler", () => {
  it("of two that both stop their consumer, each event is settled as it ended", async () => {
    const { bus, look, publish } = await setUp();
    const both = new Gate();
    const consumer: Consumer<Schemas> = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler(async () => {
          void both.pass();
          await until(() => both.arrived === 2);
          await consumer.stop();
        }),
      ],
    });
    const handled = reports(consumer, "handled");
    await Promise.all([publish("o1"), publish("o2")]);
    await until(() => handled.length === 2);
    await consumer.stop();
    expect(handled.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect((await look.processed()).sort()).toEqual(["o1", "o2"]);
    expect(await look.pending()).toEqual([]);
  });

  it.each(["single", "multi"] as const)(
    "that waits by then and not by await, on a %s-tenant bus",
    async (tenancy) => {
      const shared = await openBus({ events, tenancy });
      const bus = tenancy === "multi" ? (shared as Bus<"multi", Schemas>).tenant("acme") : shared;
      const consumer: Consumer<Schemas> = await started(bus, {
        ...{ group: "billing", drainTimeoutMs },
        handlers: [
          handler(() =>
            delay(5)
              .then(() => Promise.all([delay(5), consumer.stop()]))
              .then(() => {}),
          ),
        ],
      });
      const handled = reports(consumer, "handled");
      await bus.publish("order.shipped", { orderId: "o1" });
      await until(() => handled.length === 1);
      await shared.close();
      expect(handled.map(({ attempt }) => attempt)).toEqual([1]);
    },
  );

  it("stop waits for the other handlers", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const order: string[] = [];
    const consumer: Consumer<Schemas> = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler(async (orderId) => {
          if (orderId === "stops") {
            await until(() => gate.arrived === 1);
            const stopped = consumer.stop();
            gate.open();
            await stopped;
          } else {
            await gate.pass();
          }
          order.push(orderId);
        }),
      ],
    });
    await Promise.all([publish("works"), publish("stops")]);
    await until(() => order.length === 2);
    expect(order).toEqual(["works", "stops"]);
    await consumer.stop();
    expect((await look.processed()).sort()).toEqual(["stops", "works"]);
  });

  it("of one bus, close of another waits until that is closed", async () => {
    const { bus, look, publish } = await setUp();
    const one = await openBus({ stream: bus.streamName, events });
    const gate = new Gate();
    const order: string[] = [];
    const two = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler(async () => {
          await gate.pass();
          order.push("handled");
        }),
      ],
    });
    await started(one, {
      ...{ group: "closing", drainTimeoutMs },
      handlers: [
        handler(async () => {
          await until(() => gate.arrived === 1);
          const closed = bus.close();
          gate.open();
          await closed;
          order.push("closed");
        }),
      ],
    });
    await publish("o1");
    await until(() => order.length === 2);
    expect(order).toEqual(["handled", "closed"]);
    expect(await refusal(() => two.idle())).toBeInstanceOf(ClosedError);
    expect(await look.processed()).toEqual(["o1"]);
  });

  it("of two buses, each that closes the other's is settled as it ended", async () => {
    const { bus, look, publish } = await setUp();
    const other = await openBus({ stream: bus.streamName, events });
    const both = new Gate();
    const closing = (own: typeof bus, group: string, others: typeof bus) =>
      started(own, {
        ...{ group, drainTimeoutMs },
        handlers: [
          handler(async () => {
            void both.pass();
            await until(() => both.arrived === 2);
            await others.close();
          }),
        ],
      });
    const handled = [
      reports(await closing(bus, "billing", other), "handled"),
      reports(await closing(other, "shipping", bus), "handled"),
    ];
    await publish("o1");
    await until(() => handled.every((one) => one.length === 1));
    await Promise.all([bus.close(), other.close()]);
    expect(handled.flat().map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(await look.pending()).toEqual([]);
  });

  it("`await using` ends with the handler that declared it, and so does what it closes", async () => {
    const { bus, look, publish } = await setUp();
    const consumer: Consumer<Schemas> = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler(async () => {
          await using own = bus;
          await using _ = consumer;
          expect(own.streamName).toBe(bus.streamName);
        }),
      ],
    });
    const handled = reports(consumer, "handled");
    await publish("o1");
    await until(() => handled.length === 1);
    await bus.close();
    expect(await look.processed()).toEqual(["o1"]);
  });

  it("idle does not wait for what its callers keep from beginning", async () => {
    const { bus, publish } = await setUp();
    const order: string[] = [];
    const gate = new Gate();
    const consumer: Consumer<Schemas> = await started(bus, {
      ...{ group: "billing", concurrency: 1 },
      handlers: [
        handler(async (orderId) => {
          await gate.pass();
          await consumer.idle();
          order.push(orderId);
        }),
      ],
    });
    await Promise.all([publish("o1"), publish("o2")]);
    gate.open();
    await consumer.idle();
    expect(order).toEqual(["o1", "o2"]);
  });

  it("idle is refused when its consumer begins to stop", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const consumer: Consumer<Schemas> = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler(async (orderId) => {
          if (orderId === "o2") return gate.pass();
          const refused = await refusal(() => consumer.idle());
          gate.open();
          expect(refused).toBeInstanceOf(ClosedError);
        }),
      ],
    });
    await Promise.all([publish("o1"), publish("o2")]);
    await until(() => gate.arrived === 1);
    await consumer.stop();
    expect((await look.processed()).sort()).toEqual(["o1", "o2"]);
  });

  it("that keeps the thread, pause and stop give back what waits and nothing that has begun", async () => {
    const { bus, look, publish } = await setUp();
    const seen: string[] = [];
    for (let n = 0; n < 8; n++) await publish(`o${n}`);
    const consumer = bus.consumer({
      group: "billing",
      handlers: [
        handler((orderId) => {
          seen.push(orderId);
          if (seen.length === 2) consumer.pause();
          if (seen.length === 4) void consumer.stop();
        }),
      ],
    });
    await consumer.start();
    await until(async () => (await look.processed()).length === 2);
    expect(seen).toEqual(["o0", "o1"]);
    consumer.resume();
    await until(async () => (await look.processed()).length === 4);
    await consumer.stop();
    expect(seen).toHaveLength(4);
    const again: string[] = [];
    const next = await started(bus, {
      group: "billing",
      handlers: [handler((orderId, attempt) => void again.push(`${orderId} attempt ${attempt}`))],
    });
    await next.idle();
    expect(again.sort()).toEqual(["o4 attempt 1", "o5 attempt 1", "o6 attempt 1", "o7 attempt 1"]);
  });
});

describe("outside of a handler, though called from there", () => {
  it("stop in a listener waits for everything, and the listener is waited for by nobody", async () => {
    const { bus, look, publish } = await setUp();
    const gate = new Gate();
    const order: string[] = [];
    const consumer = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler(async (orderId) => {
          if (orderId === "slow") await gate.pass();
          order.push(orderId);
        }),
      ],
    });
    consumer.on("handled", async ({ idempotencyKey }) => {
      if (idempotencyKey !== "quick") return;
      const stopped = consumer.stop();
      gate.open();
      await stopped;
      order.push("stopped");
    });
    await publish("slow");
    await until(() => gate.arrived === 1);
    await publish("quick");
    await until(() => order.includes("stopped"));
    expect(order).toEqual(["quick", "slow", "stopped"]);
    expect((await look.processed()).sort()).toEqual(["quick", "slow"]);
  });

  it("stop by what a handler has left behind waits for everything", async () => {
    const { bus, publish } = await setUp();
    const gate = new Gate();
    const order: string[] = [];
    const left = new Gate();
    const consumer: Consumer<Schemas> = await started(bus, {
      ...{ group: "billing", drainTimeoutMs },
      handlers: [
        handler((orderId) => {
          if (orderId === "slow") return gate.pass().then(() => void order.push("slow"));
          void left.pass().then(async () => {
            const stopped = consumer.stop();
            gate.open();
            await stopped;
            order.push("stopped");
          });
          return undefined;
        }),
      ],
    });
    const handled = reports(consumer, "handled");
    await Promise.all([publish("slow"), publish("leaves")]);
    await until(() => gate.arrived === 1 && handled.length === 1);
    left.open();
    await until(() => order.length === 2);
    expect(order).toEqual(["slow", "stopped"]);
  });
});
