import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const bus = await connect({
  redis: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  stream: "orders",
  events,
  tenancy: "multi",
});
const letters = bus.tenant("acme").deadLetters("billing");

// What died and why, a page at a time, oldest first.
const unwanted: string[] = [];
let page = await letters.list({ limit: 100 });
for (;;) {
  for (const { id, idempotencyKey, reason, message, attempts } of page.items) {
    console.log(`${idempotencyKey}: ${reason} after ${attempts} attempts: ${message}`);
    if (reason === "MALFORMED") unwanted.push(id);
  }
  if (page.next === undefined) break;
  page = await letters.list({ limit: 100, after: page.next });
}

// What nobody can handle goes for good; the rest gets a first attempt again, in this group and in no other.
const dropped = await letters.discard(unwanted);
const replayed = await letters.replay("all");
console.log(`discarded ${dropped.done}, replayed ${replayed.done}, left ${replayed.notFound.length}`);
await bus.close();
