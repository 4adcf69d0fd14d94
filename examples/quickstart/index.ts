import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

// What may be published, and what the data of each event is. Any Standard Schema will do.
const events = defineEvents({
  "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }),
  "order.billed": z.object({ orderId: z.string() }),
});

const bus = await connect({
  redis: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  stream: "orders",
  events,
  tenancy: "multi",
  // At SIGTERM and SIGINT handlers finish, and what they did not come to goes to others.
  signals: true,
});
const acme = bus.tenant("acme");

// Published twice and in the stream once: the second receipt has the ID of the first.
const order = { orderId: "o1", amount: 1299 };
const first = await acme.publish("order.placed", order, { idempotencyKey: "o1" });
const again = await acme.publish("order.placed", order, { idempotencyKey: "o1" });
console.log(`published o1, duplicate: ${first.duplicate}; again, duplicate: ${again.duplicate}`);

const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed"],
  handle(event, context) {
    console.log(`${context.tenantId}: bill ${event.data.orderId}, ${event.data.amount} cents`);
    // Published together with this event's acknowledgement: both, or neither.
    context.emit("order.billed", { orderId: event.data.orderId });
  },
});
const receipts = events.handler({
  name: "receipts",
  eventTypes: ["order.billed"],
  handle(event, context) {
    console.log(`${context.tenantId}: send a receipt for ${event.data.orderId}`);
  },
});

const consumer = acme.consumer({ group: "billing", handlers: [billing, receipts] });
consumer.on("handled", ({ type, attempt }) => console.log(`handled ${type}, attempt ${attempt}`));
await consumer.start();
await consumer.idle(); // resolves when nothing is left to do, what was emitted included
await consumer.stop();
await bus.close();
