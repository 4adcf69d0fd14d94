/**
 * A process that handles events and is told to end. It prints a line for each step.
 *
 * Arguments: the URL, the stream, how many buses, how long a handler takes in milliseconds, and what else: `own` to
 * listen for SIGTERM itself, `by-signal` to end by the signal, `serves` to have a server that keeps the process alive.
 */

import { createServer } from "node:http";
import { connect, defineEvents } from "@sluice/node";
import { z } from "zod";

const [url = "", stream = "", buses = "1", handlerMs = "0", mode] = process.argv.slice(2);
const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const say = (line: string) => process.stdout.write(`${line}\n`);

if (mode === "own") process.on("SIGTERM", () => say("own listener"));
process.on("warning", ({ name }) => say(name));
if (mode === "serves") createServer(() => {}).listen(0, "127.0.0.1");
const signals = mode === "by-signal" ? ({ exit: "signal" } as const) : true;
for (let number = 0; number < Number(buses); number++) {
  const bus = await connect({ redis: url, stream: `${stream}-${number}`, events, signals });
  const consumer = bus.consumer({
    group: "billing",
    handlers: [
      {
        name: "billing",
        eventTypes: ["order.placed"],
        async handle() {
          say(`handling ${number}`);
          await new Promise((resolve) => setTimeout(resolve, Number(handlerMs)));
          say(`handled ${number}`);
        },
      },
    ],
  });
  await consumer.start();
  await bus.publish("order.placed", { orderId: "o1" });
}
// Something that would keep the process alive.
setInterval(() => {}, 60_000);
