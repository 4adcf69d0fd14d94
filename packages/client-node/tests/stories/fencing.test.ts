import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { describe, expect, it, onTestFinished } from "vitest";
import { Child, type ChildSettings } from "./child.js";
import { Look, plainRedis } from "./look.js";
import { events, memoryLogger, openBus, reports, started, until } from "./support.js";

const LEASE_MS = 250;

/** A consumer in another process with one event in its hands, and the file that lets its handler return. */
async function setUp(handle: ChildSettings["handle"]) {
  const stream = uniqueName("orders");
  const folder = mkdtempSync(join(tmpdir(), "sluice-fencing-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "go");
  const bus = await openBus({ stream, events, logger: memoryLogger() });
  const child = await Child.start({
    redis: sharedServerUrl(),
    stream,
    group: "billing",
    leaseMs: LEASE_MS,
    concurrency: 1,
    name: "the stopped one",
    handle,
    until: file,
  });
  await bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "o1" });
  await until(() => child.said("handling").length === 1);
  const look = new Look(plainRedis(), stream, "billing");
  return { bus, child, look, letReturn: () => writeFileSync(file, "") };
}

/** The consumer that takes over, in this process. */
const other = {
  group: "billing",
  leaseMs: LEASE_MS,
  handlers: [
    events.handler({
      name: "other",
      eventTypes: ["order.shipped"],
      handle({ data }, { attempt, emit }) {
        emit("order.placed", { orderId: `${data.orderId} by the other one`, amount: attempt });
      },
    }),
  ],
};

const placed = async (look: Look) =>
  (await look.entries()).flatMap(({ event }) => (event.type === "order.placed" ? [event.data] : []));

describe("fencing", () => {
  it("a consumer that was stopped past its lease and whose entry was taken over settles FENCED", async () => {
    const { bus, child, look, letReturn } = await setUp("hold");
    child.pause();
    const consumer = await started(bus, other);
    const handled = reports(consumer, "handled");
    await until(() => handled.length === 1);
    expect(handled).toMatchObject([{ idempotencyKey: "o1", attempt: 2 }]);
    letReturn();
    child.resume();
    await until(() => child.said("leaseLost").length === 1);

    // Only one result is committed, and so is only what goes with it.
    await consumer.idle();
    expect(child.said("leaseLost")).toEqual([{ leaseLost: "o1", attempt: 1 }]);
    expect(child.said("handled")).toEqual([]);
    expect(await placed(look)).toEqual([{ orderId: "o1 by the other one", amount: 2 }]);
    expect(await look.processed()).toEqual(["o1"]);
    expect(await look.pending()).toEqual([]);
    // It learnt it from settling: nothing had told it before.
    expect(child.said("returning")).toEqual([{ returning: "o1", aborted: false }]);
    expect(await look.redis.hlen(look.keys.leases)).toBe(0);
  });

  it("also while the one that took over still has it in hand", async () => {
    const { bus, child, look, letReturn } = await setUp("hold");
    child.pause();
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const [handler] = other.handlers;
    const consumer = await started(bus, {
      ...other,
      handlers: [
        events.handler({
          name: "slow",
          eventTypes: ["order.shipped"],
          async handle(event, context) {
            await finished;
            return handler?.handle(event, context);
          },
        }),
      ],
    });
    await until(async () => (await look.pending()).some((entry) => entry.consumer === consumer.name));
    letReturn();
    child.resume();
    await until(() => child.said("leaseLost").length === 1);
    expect(await look.processed()).toEqual([]);
    expect(await placed(look)).toEqual([]);
    finish();
    await consumer.idle();
    expect(await look.processed()).toEqual(["o1"]);
    expect(await placed(look)).toEqual([{ orderId: "o1 by the other one", amount: 2 }]);
  });

  it("a handler that still runs then has its signal aborted, and its result does not count", async () => {
    const { bus, child, look, letReturn } = await setUp("wait");
    child.pause();
    const consumer = await started(bus, other);
    const handled = reports(consumer, "handled");
    await until(() => handled.length === 1);
    child.resume();
    await until(() => child.said("leaseLost").length === 1);
    expect(child.lines).toContainEqual({ aborted: "LEASE_LOST" });
    letReturn();
    await until(() => child.said("returning").length === 1);
    await delay(100);
    await consumer.idle();
    expect(child.said("handled")).toEqual([]);
    expect(await placed(look)).toEqual([{ orderId: "o1 by the other one", amount: 2 }]);
  });

  it("a consumer that was stopped past its lease and whose entry nobody took is not fenced", async () => {
    const { child, look, letReturn } = await setUp("hold");
    child.pause();
    await delay(2 * LEASE_MS);
    letReturn();
    child.resume();
    await until(() => child.said("handled").length === 1);
    expect(child.said("leaseLost")).toEqual([]);
    expect(await placed(look)).toEqual([{ orderId: "o1 by the stopped one", amount: 1 }]);
    expect(await look.processed()).toEqual(["o1"]);
  });

  it("of three consumers that are stopped and go on at random, each event has one result", async () => {
    const ORDERS = 400;
    const stream = uniqueName("orders");
    const settings = {
      redis: sharedServerUrl(),
      stream,
      group: "billing",
      leaseMs: 60,
      // On a machine that is busy otherwise a lease is lost many times; this is not about dead letters.
      maxAttempts: 1_000,
      concurrency: 8,
      handle: "work",
      until: "",
    } as const;
    const children = await Promise.all(["a", "b", "c"].map((name) => Child.start({ ...settings, name })));
    const bus = await openBus({ stream, events });
    const look = new Look(plainRedis(), stream, "billing");
    const keys = Array.from({ length: ORDERS }, (_, n) => `o${n}`);
    const publishing = (async () => {
      for (const key of keys) {
        await bus.publish("order.shipped", { orderId: key }, { idempotencyKey: key });
        await delay(2);
      }
    })();
    // Each in turn is stopped for about two leases, so that there is always one who takes over.
    let published = false;
    void publishing.then(() => {
      published = true;
    });
    for (let n = 0; !published; n++) {
      const child = children[n % children.length];
      child?.pause();
      await delay(60 + Math.random() * 90);
      child?.resume();
      await delay(Math.random() * 30);
    }
    await until(async () => (await look.processed()).length >= ORDERS && (await look.pending()).length === 0);

    const emitted = (await look.entries()).filter(({ event }) => event.type === "order.placed");
    expect(emitted.map(({ event }) => event.causationid).sort()).toEqual([...keys].sort());
    expect(await look.processed()).toEqual([...keys].sort());
    expect(await look.deadLetters()).toEqual([]);
    const handled = children.flatMap((child) => child.said("handled"));
    expect(handled.map((line) => line.handled).sort()).toEqual([...keys].sort());
    // It was put to the test: entries did change hands, and late results were refused.
    expect(handled.filter(({ attempt }) => attempt > 1).length).toBeGreaterThan(0);
    expect(children.flatMap((child) => child.said("leaseLost")).length).toBeGreaterThan(0);
  });
});
