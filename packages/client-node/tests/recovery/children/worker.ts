/** A consumer in a process of its own, so that it can be killed, or stopped, in the middle of what it does. */
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connect, SluiceError } from "@sluice/node";
import { events } from "../events.js";
import type { Order, Report } from "./orders.js";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const held: (() => void)[] = [];
let holdNext = false;

function say(report: Report): void {
  process.send?.(report);
}

async function start(order: Extract<Order, { do: "start" }>): Promise<void> {
  const { redis, stream, options, handlerMs = 0, poison = [], dies = "SIGKILL", journal } = order;
  const { beside = [], ...alone } = order;
  for (const other of beside) await start({ ...alone, stream: other, poison: [] });
  const poisons = [poison].flat();
  const bus = await connect({ redis, stream, events, logger: quiet });
  const consumer = bus.consumer({
    ...options,
    handlers: [
      events.handler({
        name: "worker",
        eventTypes: ["job.todo"],
        async handle({ data: { n } }, { attempt, emit, signal }) {
          say({ say: "handling", n, attempt, at: Date.now() });
          emit("job.done", { n, by: consumer.name, attempt });
          signal.addEventListener("abort", () => {
            say({ say: "aborted", n, code: signal.reason instanceof SluiceError ? signal.reason.code : "" });
          });
          if (poisons.includes(n)) {
            if (journal !== undefined) appendFileSync(journal, `${n} ${attempt}\n`);
            await die(dies);
          }
          if (holdNext) {
            holdNext = false;
            say({ say: "held", n, attempt, at: Date.now() });
            await new Promise<void>((resolve) => held.push(resolve));
          } else if (handlerMs > 0) {
            await delay(Math.random() * handlerMs);
          }
        },
      }),
    ],
  });
  consumer.on("leaseLost", (report) => say({ say: "leaseLost", ...report }));
  consumer.on("error", ({ error, fatal }) => {
    say({ say: "error", code: error instanceof SluiceError ? error.code : String(error), fatal });
  });
  await consumer.start();
  say({ say: "started", recovery: await consumer.recovery });
}

async function die(how: "SIGKILL" | "exit" | "soon"): Promise<void> {
  if (how === "soon") await delay(100); // all others end it before anything else has a turn
  if (how === "exit") process.exit(1);
  process.kill(process.pid, "SIGKILL");
}

// What comes over the channel is what `orders.ts` has; nobody else has the other end of it.
process.on("message", (message) => {
  const order = message as Order;
  switch (order.do) {
    case "start":
      void start(order);
      break;
    case "hold":
      holdNext = true;
      break;
    case "letGo":
      for (const letGo of held.splice(0)) letGo();
  }
});
process.on("disconnect", () => process.exit());
say({ say: "ready" });
