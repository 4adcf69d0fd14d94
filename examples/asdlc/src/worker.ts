/**
 * A worker process: one consumer of one group for each tenant. It is told what to do by its parent, says
 * nothing about what it handled (`receipt.ts` says why), and ends with its parent in whatever way that ends.
 */
import { connect, silentLogger } from "@sluice/node";
import { agent, type Gate } from "./handler.js";
import type { FromWorker, Order, ToWorker } from "./messages.js";
import { events } from "./receipt.js";

/** Short, so that the work of a consumer that was killed is taken over while one is still watching. */
const LEASE_MS = 2_000;
/** Also how many events a process takes at once: the more, the faster, and the less evenly shared. */
const CONCURRENCY = 64;

let stop: (() => Promise<void>) | undefined;
let go: () => void = () => {};

/** Holds events from the first one on until `go`, and says so once; lets everything pass if nothing is to be held. */
function gateOf(order: Order): Gate {
  if (!order.holds) return () => undefined;
  let open = false;
  let holding = false;
  const opened = new Promise<void>((resolve) => {
    go = () => {
      open = true;
      resolve();
    };
  });
  return () => {
    if (open) return undefined;
    if (!holding) tell({ kind: "holding" });
    holding = true;
    return opened;
  };
}

async function work(order: Order): Promise<void> {
  const bus = await connect({
    redis: order.redisUrl,
    stream: order.stream,
    events,
    tenancy: "multi",
    source: order.consumer,
    // What matters is told to the parent, which has a progress bar to keep intact.
    logger: silentLogger,
    // What ends one worker alone. SIGINT is the parent's to decide on.
    signals: ["SIGTERM"],
  });
  stop = () => {
    go();
    return bus.close();
  };
  const gate = gateOf(order);
  const consumers = order.tenants.map((tenant) =>
    bus.tenant(tenant).consumer({
      group: order.group,
      consumer: order.consumer,
      handlers: [agent(order.group, order.consumer, gate)],
      concurrency: CONCURRENCY,
      leaseMs: LEASE_MS,
    }),
  );
  for (const consumer of consumers) {
    consumer.on("recovered", ({ stale }) => {
      if (stale > 0) tell({ kind: "recovered", stale });
    });
    consumer.on("error", ({ error, fatal }) => {
      if (fatal) fail(error);
      else tell({ kind: "trouble", message: messageOf(error) });
    });
  }
  await Promise.all(consumers.map((consumer) => consumer.start()));
  tell({ kind: "ready" });
}

/** Finishes what is in hand. */
async function end(): Promise<void> {
  await stop?.();
  process.disconnect();
}

function tell(message: FromWorker): void {
  // Without a parent there is nobody to tell, and "disconnect" ends the process.
  if (process.connected) process.send?.(message, () => {});
}

function fail(error: unknown): void {
  process.exitCode = 1;
  if (!process.connected) process.exit();
  process.send?.({ kind: "failed", message: messageOf(error) } satisfies FromWorker, () => process.exit());
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Ctrl-C in a terminal reaches every process of the demo; the parent decides what becomes of it.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("uncaughtException", fail);
process.on("message", (message: ToWorker) => {
  if (message.kind === "go") return go();
  const done = message.kind === "work" ? work(message.order) : end();
  done.catch(fail);
});
