/**
 * Publishes an event twice under one key, handles it, and prints a line for each step.
 *
 * Arguments: the URL, the stream, and `own` to connect with a `Redis` of the program's own.
 */

import process from "node:process";
import { connect } from "@sluice/deno";
import { Redis } from "ioredis";
import { events } from "./catalog.ts";

const [url = "", stream = "", own] = process.argv.slice(2);
const instance = own === "own" ? new Redis(url) : undefined;
const bus = await connect({ redis: instance ?? url, stream, events });

for (let time = 1; time <= 2; time++) {
  const { duplicate } = await bus.publish("order.placed", { orderId: "o1" }, { idempotencyKey: "o1" });
  console.log(`published, duplicate: ${duplicate}`);
}
const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed"],
  handle: (event) => console.log(`handled ${event.data.orderId}`),
});
const consumer = bus.consumer({ group: "billing", handlers: [billing] });
await consumer.start();
await consumer.idle();
const { groups } = await bus.getStreamInfo();
console.log(`pending: ${groups[0]?.pending}, lag: ${groups[0]?.lag}`);
await bus.close();
if (instance !== undefined) {
  console.log(`own: ${await instance.ping()}`);
  instance.disconnect();
}
