/** A rolling deploy: half of the group's processes know a type of event that the other half does not. */
import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

const EVENTS = 40;
const placed = { "order.placed": z.object({ orderId: z.string() }) };
const cancelled = { "order.cancelled": z.object({ orderId: z.string() }) };
const handled = [];

async function release(name, catalog) {
  const events = defineEvents(catalog);
  const bus = await connect({ redis: process.env.REDIS_URL, stream: "deploys", events });
  const handler = events.handler({
    name: "warehouse",
    eventTypes: Object.keys(catalog),
    handle: ({ type }) => void handled.push(`${type} by ${name}`),
  });
  const consumer = bus.consumer({ group: "warehouse", handlers: [handler], concurrency: 2 });
  await consumer.start();
  return { bus, consumer };
}

const old = await release("old", placed);
const young = await release("new", { ...placed, ...cancelled });
// The ID of the order is the key of every event about it: a key identifies one event of one type.
for (let n = 0; n < EVENTS; n++) {
  const data = { orderId: `o${n}` };
  await young.bus.publish("order.placed", data, { idempotencyKey: data.orderId });
  await young.bus.publish("order.cancelled", data, { idempotencyKey: data.orderId });
}
await old.consumer.idle();
await young.consumer.idle();
await old.bus.close();
await young.bus.close();
const count = (wanted) => handled.filter((one) => one.startsWith(wanted)).length;
console.log(`order.placed handled: ${count("order.placed")} of ${EVENTS}`);
console.log(`order.cancelled handled by the new release: ${count("order.cancelled by new")} of ${EVENTS}`);
