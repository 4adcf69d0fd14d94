/** What the compiler allows on a bus, a tenant's bus and a consumer. */
import {
  type Bus,
  type Consumer,
  connect,
  defineEvents,
  defineHandler,
  type Event,
  type EventHandler,
  type EventOf,
  type HandlerContext,
  type Receipt,
  retry,
  success,
  type TenantBus,
  withTenant,
} from "@sluice/node";
import * as v from "valibot";
import { z } from "zod";

export const events = defineEvents({
  "order.placed": z.object({
    orderId: z.string(),
    amount: z.number().int(),
    mode: z.enum(["normal", "express"]).default("normal"),
  }),
  "order.shipped": v.object({ orderId: v.string(), carrier: v.string() }),
});
type Schemas = typeof events.schemas;

/** Fails to compile unless both types are the same. */
function same<A, B>(
  _same: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
) {}

const options = { redis: "redis://127.0.0.1:6379", stream: "orders", events };

// ---- connecting ----

const single = await connect(options);
const multi = await connect({ ...options, tenancy: "multi" });
same<typeof single, Bus<"single", Schemas>>(true);
same<typeof multi, Bus<"multi", Schemas>>(true);
same<typeof multi.tenancy, "multi">(true);

// @ts-expect-error no stream
await connect({ redis: options.redis, events });
// @ts-expect-error no catalog
await connect({ redis: options.redis, stream: "orders" });
// @ts-expect-error neither "single" nor "multi"
await connect({ ...options, tenancy: "many" });
// @ts-expect-error an option that there is not
await connect({ ...options, publishWindow: 5 });

// ---- tenancy ----

// @ts-expect-error a single-tenant bus has no tenants
single.tenant("acme");
const acme = multi.tenant("acme");
same<typeof acme, TenantBus<Schemas>>(true);
same<typeof acme.tenantId, string>(true);
// @ts-expect-error a tenant has no tenants
acme.tenant("globex");
// @ts-expect-error a tenant's name is text
multi.tenant(5);
for await (const { tenantId, lastSeenAt } of multi.tenants({ seenSince: new Date() })) {
  same<typeof tenantId, string>(true);
  same<typeof lastSeenAt, Date | undefined>(true);
}
same<ReturnType<typeof multi.forgetTenant>, Promise<boolean>>(true);
// @ts-expect-error a single-tenant bus has none to list
single.tenants();
// @ts-expect-error and none to forget
single.forgetTenant("acme");
// @ts-expect-error a tenant lists no others
acme.tenants();
same<ReturnType<typeof publishInTenant>, Promise<Receipt>>(true);
export function publishInTenant() {
  return withTenant("acme", () => multi.publish("order.placed", { orderId: "o1", amount: 5 }));
}

// ---- publishing, on each of the three ----

for (const bus of [single, multi, acme]) {
  const receipt = await bus.publish("order.placed", { orderId: "o1", amount: 5 });
  same<typeof receipt.id, string>(true);
  same<typeof receipt.duplicate, boolean>(true);
  await bus.publish("order.shipped", { orderId: "o1", carrier: "post" }, { idempotencyKey: "k" });

  // @ts-expect-error an unknown type
  await bus.publish("order.lost", { orderId: "o1" });
  // @ts-expect-error a missing property
  await bus.publish("order.placed", { orderId: "o1" });
  // @ts-expect-error a property of another type
  await bus.publish("order.placed", { orderId: 1, amount: 5 });
  // @ts-expect-error the data of another event
  await bus.publish("order.shipped", { orderId: "o1", amount: 5 });
  // @ts-expect-error no data
  await bus.publish("order.placed");
  // @ts-expect-error an option that there is not
  await bus.publish("order.placed", { orderId: "o1", amount: 5 }, { key: "k" });

  const receipts = await bus.publishMany([
    { type: "order.placed", data: { orderId: "o1", amount: 5, mode: "express" } },
    { type: "order.shipped", data: { orderId: "o1", carrier: "post" }, subject: "s" },
  ]);
  same<typeof receipts, Receipt[]>(true);
  // @ts-expect-error an unknown type
  await bus.publishMany([{ type: "order.lost", data: {} }]);
  // @ts-expect-error the data of another event
  await bus.publishMany([{ type: "order.shipped", data: { orderId: "o1", amount: 5 } }]);
}

declare const either: "order.placed" | "order.shipped";
// @ts-expect-error suits order.placed only
await single.publish(either, { orderId: "o1", amount: 5 });
// Suits both.
await single.publish(either, { orderId: "o1", amount: 5, carrier: "post" });

// ---- another stream ----

const others = defineEvents({ "user.added": z.object({ userId: z.string() }) });
const users = multi.stream("users", { events: others });
same<typeof users, Bus<"multi", typeof others.schemas>>(true);
await users.tenant("acme").publish("user.added", { userId: "u1" });
// @ts-expect-error an event of the first stream
await users.publish("order.placed", { orderId: "o1", amount: 5 });
// @ts-expect-error single-tenant streams have no tenants either
single.stream("users", { events: others }).tenant("acme");

// ---- handlers and consumers ----

const placed = events.handler({
  name: "placed",
  eventTypes: ["order.placed"],
  canHandle: (event) => event.data.amount > 0,
  async handle(event, context) {
    same<typeof event, EventOf<Schemas, "order.placed">>(true);
    same<typeof event.data.mode, "normal" | "express">(true);
    // @ts-expect-error a field that its types do not have
    event.data.carrier;
    context.emit("order.shipped", { orderId: event.data.orderId, carrier: "post" });
    // @ts-expect-error the data of another event
    context.emit("order.shipped", { orderId: "o1", amount: 5 });
    // @ts-expect-error an unknown type
    context.emit("order.lost", {});
    return event.data.amount > 5 ? retry({ delayMs: 5 }) : success();
  },
});

const plain = {
  name: "plain",
  eventTypes: ["order.shipped"],
  async handle(event, context) {
    same<typeof event, Event>(true);
    same<typeof event.data, unknown>(true);
    context.logger.info("seen", { entry: event.id });
  },
} satisfies EventHandler;

class Shipping implements EventHandler<Schemas, "order.shipped"> {
  readonly name = "shipping";
  readonly eventTypes = ["order.shipped"] as const;

  async handle(event: EventOf<Schemas, "order.shipped">, context: HandlerContext<Schemas>) {
    context.emit("order.placed", { orderId: event.data.carrier, amount: 1 });
  }
}

const consumer = single.consumer({ group: "billing", handlers: [placed, plain, new Shipping()] });
same<typeof consumer, Consumer<Schemas>>(true);
acme.consumer({ group: "billing", handlers: [defineHandler(events, placed), defineHandler(plain)] });

// @ts-expect-error no group
single.consumer({ handlers: [placed] });
// @ts-expect-error no handlers
single.consumer({ group: "billing" });
// @ts-expect-error an option that there is not
single.consumer({ group: "billing", handlers: [placed], leaseSeconds: 5 });
// @ts-expect-error neither "skip" nor "retry" nor "deadLetter"
single.consumer({ group: "billing", handlers: [placed], unhandled: "drop" });
// @ts-expect-error a handler of another catalog
users.consumer({ group: "billing", handlers: [placed] });
single.consumer({
  group: "billing",
  // @ts-expect-error a handler whose result is none
  handlers: [events.handler({ name: "h", eventTypes: ["order.placed"], handle: async () => 5 })],
});

consumer.on("handled", ({ entryId, attempt, durationMs }) => {
  same<typeof entryId, string>(true);
  same<typeof attempt | typeof durationMs, number>(true);
});
consumer.on("skipped", ({ reason }) => same<typeof reason, "duplicate" | "unhandled" | "otherGroup">(true));
// @ts-expect-error an event that consumers do not tell
consumer.on("done", () => {});
// @ts-expect-error an option that there is not
await consumer.runOnce({ maximum: 5 });

await using disposable = consumer;
await using bus = multi;
same<typeof disposable, typeof consumer>(true);
same<typeof bus, typeof multi>(true);
