/** A handler that throws what is no Error and has no prototype: attempts and a dead letter, like any error. */
import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

const events = defineEvents({ "mail.wanted": z.object({ to: z.string() }) });
const bus = await connect({ redis: process.env.REDIS_URL, stream: "mails", events, signals: true });
await bus.publish("mail.wanted", { to: "a@example.org" });

const thrown = Object.assign(Object.create(null), { code: "E_MAILBOX", message: "the mailbox is full" });
const mailer = events.handler({
  name: "mailer",
  eventTypes: ["mail.wanted"],
  handle() {
    throw thrown;
  },
});
const consumer = bus.consumer({
  group: "mailer",
  handlers: [mailer],
  maxAttempts: 2,
  retry: { minDelayMs: 1, maxDelayMs: 10 },
});
await consumer.start();
await consumer.idle();
await consumer.stop();
const { items } = await bus.deadLetters("mailer").list();
for (const { reason, attempts, message } of items) {
  console.log(`${reason} after ${attempts} attempts, readable: ${message.includes("the mailbox is full")}`);
}
await bus.close();
