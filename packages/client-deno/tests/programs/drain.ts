/**
 * A process that handles events and is told to end. It prints a line for each step.
 *
 * Arguments: the URL, the stream, how many buses, how long a handler takes in milliseconds, and `own` to
 * listen for SIGTERM itself, or `by-signal` to end by the signal.
 */

import process from "node:process";
import { connect } from "@sluice/deno";
import { events } from "./catalog.ts";

const [url = "", stream = "", buses = "1", handlerMs = "0", mode] = process.argv.slice(2);

if (mode === "own") process.on("SIGTERM", () => console.log("own listener"));
const signals = mode === "by-signal" ? ({ exit: "signal" } as const) : true;
for (let number = 0; number < Number(buses); number++) {
  const bus = await connect({ redis: url, stream: `${stream}-${number}`, events, signals });
  const billing = events.handler({
    name: "billing",
    eventTypes: ["order.placed"],
    async handle() {
      console.log(`handling ${number}`);
      await new Promise((resolve) => setTimeout(resolve, Number(handlerMs)));
      console.log(`handled ${number}`);
    },
  });
  await bus.consumer({ group: "billing", handlers: [billing] }).start();
  await bus.publish("order.placed", { orderId: "o1" });
}
// Something that would keep the process alive, as a server's socket does.
setInterval(() => {}, 60_000);
