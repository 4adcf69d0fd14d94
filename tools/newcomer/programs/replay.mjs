/** A dead letter: a handler refuses an event, is repaired, and the event is replayed. */
import { connect, defineEvents, failure } from "@sluice/node";
import { z } from "zod";

const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const bus = await connect({ redis: process.env.REDIS_URL, stream: "replays", events, signals: true });
await bus.publish("order.placed", { orderId: "o1" });

let repaired = false;
const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed"],
  handle({ data }, { attempt }) {
    if (!repaired) return failure({ reason: `no price for ${data.orderId}` });
    console.log(`billed ${data.orderId}, attempt ${attempt}`);
  },
});
const consumer = bus.consumer({ group: "billing", handlers: [billing] });
await consumer.start();
await consumer.idle();
const letters = bus.deadLetters("billing");
const { items } = await letters.list();
for (const { reason, message } of items) console.log(`dead letter: ${reason}: ${message}`);
repaired = true;
console.log(`replayed: ${(await letters.replay("all")).done}`);
await consumer.idle();
console.log(`dead letters left: ${(await letters.list()).items.length}`);
await bus.close();
