import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

// What may be published, and the data of each type of event. Any library of Standard Schema will do.
const events = defineEvents({
  "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }),
  "order.billed": z.object({ orderId: z.string() }),
});

const bus = await connect({
  redis: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  stream: "orders",
  events,
  tenancy: "multi",
  signals: true, // SIGTERM and SIGINT let handlers finish; without it they are a crash, which costs attempts
});
const acme = bus.tenant("acme");

// The order's own ID is the key: it makes this one event, however often it is published.
const order = { orderId: crypto.randomUUID(), amount: 1299 };
const first = await acme.publish("order.placed", order, { idempotencyKey: order.orderId });
const again = await acme.publish("order.placed", order, { idempotencyKey: order.orderId });
console.log(`published twice, in the stream once: ${first.id === again.id && again.duplicate}`);

const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed"],
  handle(event, context) {
    console.log(`${context.tenantId}: bill ${event.data.amount} cents`);
    // Published together with this event's acknowledgement: both, or neither.
    context.emit("order.billed", { orderId: event.data.orderId });
  },
});
const receipts = events.handler({
  name: "receipts",
  eventTypes: ["order.billed"],
  handle(_event, context) {
    console.log(`${context.tenantId}: send a receipt`);
  },
});

const consumer = acme.consumer({ group: "billing", handlers: [billing, receipts] });
consumer.on("handled", ({ type, attempt }) => console.log(`handled ${type}, attempt ${attempt}`));
await consumer.start();
await consumer.idle(); // resolves when nothing is left to do, emitted events included
await bus.close(); // stops the consumer first: running handlers finish
