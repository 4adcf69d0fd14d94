import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

const events = defineEvents({ "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }) });
const bus = await connect({
  redis: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  stream: "orders-of-all",
  events,
  tenancy: "multi",
  signals: true,
});

const billed: string[] = [];
const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed"],
  handle(event, context) {
    // In the context of the event's tenant: what is published here is published for it.
    billed.push(`${context.tenantId}: bill ${event.data.amount} cents`);
  },
});

// All tenants of the stream, those to come included, on two connections: no consumer for each of them.
const worker = bus.worker({ group: "billing", concurrency: 64, handlers: [billing] });
worker.on("error", ({ tenantId, error }) => console.log(`${tenantId ?? "all tenants"}: ${error}`));
await worker.start();

const orderId = crypto.randomUUID();
await Promise.all(
  ["acme", "globex", "initech"].map((tenant, n) => {
    return bus.tenant(tenant).publish("order.placed", { orderId, amount: (n + 1) * 100 });
  }),
);
await worker.idle(); // resolves when nothing is left to do for any tenant
console.log(billed.sort().join("\n"));
await bus.close(); // stops the worker first: running handlers finish
