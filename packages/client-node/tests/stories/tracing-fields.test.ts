/** What is published while a handler handles an event belongs to that event's story, as what is emitted does. */
import { setTimeout as delay } from "node:timers/promises";
import { type Bus, type HandlerContext, type PublishOptions, withTenant } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { Look, plainRedis } from "./look.js";
import { events, openBus, type Schemas } from "./support.js";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOTE = { text: "n" } as const;

type Act = (bus: Bus<"single", Schemas>, context: HandlerContext<Schemas>) => unknown;

/** What an event says of its story. */
const fieldsOf = ({ event }: { event: Record<string, unknown> }) =>
  ["correlationid", "causationid", "traceparent"].map((name) => event[name]);

/** Handles one event by `act`, and gives the story of each note published meanwhile. */
async function storiesAfter(
  act: Act,
  options: PublishOptions = { correlationId: "story", traceparent: TRACEPARENT },
) {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events });
  await bus.publish("order.shipped", { orderId: "o0" }, { idempotencyKey: "before" });
  await bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k1", ...options });
  const handler = events.handler({
    name: "h",
    eventTypes: ["order.shipped"],
    async handle(event, context) {
      // The first event of a process shows the bus that handlers publish.
      if (event.data.orderId === "o0") await bus.publish("order.placed", { orderId: "o0", amount: 1 });
      else await act(bus, context);
    },
  });
  await bus.consumer({ group: "billing", concurrency: 1, handlers: [handler] }).runOnce();
  const entries = await new Look(plainRedis(), stream, "billing").entries();
  return entries.filter(({ event }) => event.type === "order.noted").map(fieldsOf);
}

describe("within a handler", () => {
  it.each<[string, Act]>([
    ["publish", (bus) => bus.publish("order.noted", NOTE)],
    ["publish with other options", (bus) => bus.publish("order.noted", NOTE, { subject: "s" })],
    ["publishMany", (bus) => bus.publishMany([{ type: "order.noted", data: NOTE }])],
    ["emit", (_, context) => context.emit("order.noted", NOTE)],
    [
      "publish after waiting",
      async (bus) => {
        await delay(1);
        await bus.publish("order.noted", NOTE);
      },
    ],
    [
      "publish in a timer",
      (bus) => new Promise((resolve) => setTimeout(() => resolve(bus.publish("order.noted", NOTE)), 1)),
    ],
    ["publish in a tenant's context", (bus) => withTenant("acme", () => bus.publish("order.noted", NOTE))],
  ])("%s inherits correlation, cause and trace", async (_, act) => {
    expect(await storiesAfter(act)).toEqual([["story", "k1", TRACEPARENT]]);
  });

  it("an event that begins a story gives its key for the story's ID", async () => {
    expect(await storiesAfter((bus) => bus.publish("order.noted", NOTE), {})).toEqual([
      ["k1", "k1", undefined],
    ]);
  });

  it("what is given explicitly wins, and undefined leaves a field out", async () => {
    const given = { correlationId: "mine", causationId: undefined };
    const stories = await storiesAfter(async (bus, context) => {
      await bus.publish("order.noted", NOTE, given);
      await bus.publishMany([{ type: "order.noted", data: NOTE, ...given }]);
      context.emit("order.noted", NOTE, given);
    });
    expect(stories).toEqual(Array(3).fill(["mine", undefined, TRACEPARENT]));
  });

  it("what another producer wrote and we would refuse is not inherited", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events });
    const redis = plainRedis();
    const look = new Look(redis, stream, "billing");
    const event = {
      specversion: "1.0",
      id: "k1",
      source: "s",
      type: "order.shipped",
      time: "2025-01-31T12:00:00Z",
      correlationid: "x".repeat(2_000),
      traceparent: "",
      data: { orderId: "o1" },
    };
    await redis.xadd(look.keys.stream, "*", "key", "k1", "event", JSON.stringify(event));
    const handler = events.handler({
      name: "h",
      eventTypes: ["order.shipped"],
      handle: (_, context) => context.emit("order.noted", NOTE),
    });
    expect(await bus.consumer({ group: "billing", handlers: [handler] }).runOnce({ max: 1 })).toMatchObject({
      handled: 1,
    });
    expect((await look.entries()).slice(1).map(fieldsOf)).toEqual([["k1", "k1", undefined]]);
  });

  it("the first publish of a process inherits, where the handler has not waited for anything", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events });
    await bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k1", correlationId: "story" });
    const handler = events.handler({
      name: "h",
      eventTypes: ["order.shipped"],
      handle: async () => void (await bus.publish("order.noted", NOTE)),
    });
    await bus.consumer({ group: "billing", handlers: [handler] }).runOnce({ max: 1 });
    const entries = await new Look(plainRedis(), stream, "billing").entries();
    expect(entries.slice(1).map(fieldsOf)).toEqual([["story", "k1", undefined]]);
  });
});

describe("of tenants", () => {
  it("nothing is inherited by an event of another tenant", async () => {
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events, tenancy: "multi" });
    await bus.tenant("acme").publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "secret" });
    const handler = events.handler({
      name: "h",
      eventTypes: ["order.shipped"],
      async handle() {
        await bus.publish("order.noted", NOTE);
        await bus.tenant("globex").publish("order.noted", NOTE);
        await withTenant("globex", () => bus.publishMany([{ type: "order.noted", data: NOTE }]));
      },
    });
    await bus
      .tenant("acme")
      .consumer({ group: "billing", handlers: [handler] })
      .runOnce({ max: 1 });
    const stories = async (tenant: string) =>
      (await new Look(plainRedis(), stream, "billing", tenant).entries())
        .filter(({ event }) => event.type === "order.noted")
        .map(fieldsOf);
    expect(await stories("acme")).toEqual([["secret", "secret", undefined]]);
    expect(await stories("globex")).toEqual(Array(2).fill([undefined, undefined, undefined]));
  });
});

it("outside of every handler nothing is inherited", async () => {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events });
  await bus.publish("order.noted", NOTE);
  expect((await new Look(plainRedis(), stream, "billing").entries()).map(fieldsOf)).toEqual([
    [undefined, undefined, undefined],
  ]);
});
