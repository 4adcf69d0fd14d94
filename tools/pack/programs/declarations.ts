/**
 * What a module exports whose types are made by Sluice: `declaration: true` needs a name for each of them that can be
 * written down in another file.
 */
import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

export const events = defineEvents({
  "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }),
  "order.billed": z.object({ orderId: z.string() }),
});

export const bus = await connect({ redis: "redis://127.0.0.1:6379", stream: "orders", events });
export const shared = await connect({
  redis: "redis://127.0.0.1:6379",
  stream: "orders",
  events,
  tenancy: "multi",
});
export const acme = shared.tenant("acme");
export const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed"],
  handle(event, context) {
    context.emit("order.billed", { orderId: event.data.orderId });
  },
});
export const consumer = acme.consumer({ group: "billing", handlers: [billing] });
export const letters = acme.deadLetters("billing");
export const receipt = await bus.publish("order.placed", { orderId: "o1", amount: 1299 });
export const recovery = consumer.recovery;
export const open = () => connect({ redis: "redis://127.0.0.1:6379", stream: "orders", events });
export class Orders {
  readonly bus = bus;
  readonly consumers = [consumer];
}
