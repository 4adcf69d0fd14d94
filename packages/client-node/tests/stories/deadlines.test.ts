/** Deadlines cover everything: connections that nobody says are dead, more events than get through, clocks that stand still. */
import { connect, PublishBackpressureError, SluiceError, silentLogger } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { plainRedis } from "./look.js";
import { LossyNetwork } from "./lossy.js";
import { events, openBus, privateServer, started, until } from "./support.js";

const order = (orderId: string) => ({ orderId });

describe("a connection that a router forgot", () => {
  it("costs a publish within the window a part of its deadline: it is sent again on a new one", async () => {
    const server = await privateServer();
    const network = await LossyNetwork.to(server.url);
    const bus = await openBus({ events, redis: network.url, deadlineMs: 8_000 });
    await bus.publish("order.shipped", order("o1"));
    network.forget();
    // Several, on one connection.
    const keys = ["o2", "o3"];
    const receipts = await Promise.all(
      keys.map((idempotencyKey) => bus.publish("order.shipped", order("o"), { idempotencyKey })),
    );
    expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, false]);
    network.forget();
    expect(await bus.getStreamInfo()).toMatchObject({ length: 3 });
    network.forget();
    expect(await bus.health()).toMatchObject({ status: expect.not.stringMatching("down") });
  });

  it("costs a publish without a window no more time than it takes to find out, and tells that it may have run", async () => {
    const server = await privateServer();
    const network = await LossyNetwork.to(server.url);
    const bus = await openBus({ events, redis: network.url, deadlineMs: 8_000, publishWindowMs: 0 });
    await bus.publish("order.shipped", order("o1"));
    network.forget();
    await expect(bus.publish("order.shipped", order("o2"))).rejects.toMatchObject({
      code: "CONNECTION",
      maybeExecuted: true,
    });
    await bus.publish("order.shipped", order("o3"));
  });

  it("holds a consumer up for a part of its deadline: what comes meanwhile is handled once", async () => {
    const server = await privateServer();
    const network = await LossyNetwork.to(server.url);
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events, redis: network.url, deadlineMs: 4_000 });
    const publisher = await openBus({ stream, events, redis: server.url });
    const handled: string[] = [];
    await started(bus, {
      group: "billing",
      blockMs: 500,
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          handle: ({ data }) => void handled.push(data.orderId),
        }),
      ],
    });
    await publisher.publish("order.shipped", order("o1"));
    await until(() => handled.length === 1);
    network.forget();
    await publisher.publish("order.shipped", order("o2"));
    await until(() => handled.length === 2);
    expect(handled).toEqual(["o1", "o2"]);
  });
});

describe("more events at once than get through", () => {
  /** Publishes so many at once; how each of them ended, by code. */
  async function burst(bus: Awaited<ReturnType<typeof openBus<typeof events.schemas>>>, count: number) {
    const outcomes = await Promise.allSettled(
      Array.from({ length: count }, (_, n) =>
        bus.publish("order.shipped", order("o"), { idempotencyKey: `k${n}` }),
      ),
    );
    const errors = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    for (const error of errors) expect(error).toBeInstanceOf(SluiceError);
    return { published: count - errors.length, errors };
  }

  it("are refused beyond what may wait, at once and saying so; all others are published", async () => {
    const bus = await openBus({ events, deadlineMs: 60_000 });
    const { published, errors } = await burst(bus, 101_000);
    expect(published).toBe(100_000);
    expect(errors).toHaveLength(1_000);
    for (const error of errors) {
      expect(error).toBeInstanceOf(PublishBackpressureError);
      expect(error).toMatchObject({ code: "PUBLISH_BACKPRESSURE", retryable: true, maybeExecuted: false });
    }
    expect(await bus.getStreamInfo()).toMatchObject({ length: published });
    // And it is over when it is over.
    await bus.publish("order.shipped", order("o"));
    await until(() => bus.metrics().gauges.sluice_publishes_in_flight === 0);
  }, 90_000);

  it("fail by the deadline without being sent, but for the few that were: what is said not to have run did not", async () => {
    const server = await privateServer();
    const bus = await openBus({ events, redis: server.url, deadlineMs: 500, stream: uniqueName("orders") });
    await bus.publish("order.shipped", order("o"));
    server.pause();
    const { published, errors } = await burst(bus, 20_000);
    server.resume();
    const unsent = errors.filter((error) => (error as { maybeExecuted?: boolean }).maybeExecuted === false);
    expect(unsent.length).toBeGreaterThan(10_000);
    for (const error of unsent) {
      if (error instanceof PublishBackpressureError) expect(error.waitedMs).toBe(500);
    }
    // What was sent runs now, as it was said that it may.
    await bus.publish("order.shipped", order("last"));
    const { length } = await bus.getStreamInfo();
    expect(length).toBeLessThanOrEqual(2 + published + errors.length - unsent.length);
  });

  it("are bounded in characters as well", async () => {
    const bus = await openBus({ events, deadlineMs: 60_000 });
    const orderId = "x".repeat(1_000_000);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 80 }, () => bus.publish("order.shipped", { orderId })),
    );
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(5);
    expect(refused.every((one) => "reason" in one && one.reason.code === "PUBLISH_BACKPRESSURE")).toBe(true);
    expect(await bus.getStreamInfo()).toMatchObject({ length: 80 - refused.length });
  }, 60_000);

  it("that wait are published before the bus is closed", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ events, stream, deadlineMs: 30_000 });
    const publishing = burst(bus, 30_000);
    await bus.close();
    expect(await publishing).toMatchObject({ published: 30_000, errors: [] });
    expect(await plainRedis().xlen(stream)).toBe(30_000);
  });
});

describe("under the fake timers of a test", () => {
  const fakes = {
    "vitest's own": () => vi.useFakeTimers(),
    "timers, clocks and Date": () => {
      vi.useFakeTimers({
        toFake: [
          "setTimeout",
          "clearTimeout",
          "setInterval",
          "clearInterval",
          "setImmediate",
          "clearImmediate",
          "Date",
          "performance",
          "queueMicrotask",
        ],
      });
    },
    // As sinon replaces it: what is scheduled is not called.
    "process.nextTick lost": () => {
      vi.spyOn(process, "nextTick").mockImplementation(() => {});
      vi.useFakeTimers();
    },
  };

  it.each(Object.entries(fakes))("publishing and consuming go on: %s", async (name, fake) => {
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const bus = await openBus({ events });
    const handled: string[] = [];
    await started(bus, {
      group: "billing",
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          handle: ({ data }) => void handled.push(data.orderId),
        }),
      ],
    });
    fake();
    const during = bus.publish("order.shipped", order("o1"));
    // Node's own sockets need it: what was published then has its result when it is back.
    if (name.startsWith("process")) vi.restoreAllMocks();
    expect(await during).toMatchObject({ duplicate: false });
    expect(await bus.publish("order.shipped", order("o2"))).toMatchObject({ duplicate: false });
    vi.useRealTimers();
    await bus.publish("order.shipped", order("o3"));
    await until(() => handled.length === 3);
  });

  it("a connection that is lost is made again, and a deadline comes", async () => {
    onTestFinished(() => void vi.useRealTimers());
    const server = await privateServer();
    const bus = await openBus({ events, redis: server.url, deadlineMs: 1_000 });
    await bus.publish("order.shipped", order("o1"));
    vi.useFakeTimers();
    server.pause();
    await expect(bus.publish("order.shipped", order("o2"))).rejects.toMatchObject({ code: "DEADLINE" });
    server.resume();
    await plainRedis(server.url).call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    expect(await bus.publish("order.shipped", order("o3"))).toMatchObject({ duplicate: false });
    vi.useRealTimers();
    expect(await bus.publish("order.shipped", order("o4"))).toMatchObject({ duplicate: false });
  });

  it("that were there before the package is loaded, publishing works, and after them too", async () => {
    onTestFinished(() => void vi.useRealTimers());
    const real = await openBus({ events });
    vi.useFakeTimers({ toFake: ["setImmediate", "setInterval", "clearInterval", "performance", "Date"] });
    vi.resetModules();
    const { connect: connectAfresh, defineEvents } = await import("@sluice/node");
    const { z } = await import("zod");
    const fresh = defineEvents({ "order.shipped": z.object({ orderId: z.string() }) });
    expect(connectAfresh).not.toBe(connect);
    const redis = (await import("@sluice/test-server")).sharedServerUrl();
    const bus = await connectAfresh({
      redis,
      stream: uniqueName("orders"),
      events: fresh,
      logger: silentLogger,
    });
    expect(await bus.publish("order.shipped", order("o1"))).toMatchObject({ duplicate: false });
    vi.useRealTimers();
    expect(await bus.publish("order.shipped", order("o2"))).toMatchObject({ duplicate: false });
    await bus.close();
    await real.publish("order.shipped", order("o3"));
  });
});
