/** What the tests of workers share. */
import type { Bus, Worker, WorkerOptions } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { events, memoryLogger, openBus, type Schemas } from "../stories/support.js";

export type MultiBus = Bus<"multi", Schemas>;

/** A multi-tenant bus whose log lines are kept, and a plain connection to look into Redis. */
export async function multi(redis: string = sharedServerUrl(), stream = uniqueName("orders")) {
  const logger = memoryLogger();
  const bus: MultiBus = await openBus({ events, tenancy: "multi", redis, stream, logger });
  return { bus, stream, logger };
}

export const names = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);

/** A handler that notes what it is given, as `tenant orderId`. */
export function noting(handled: string[], handle: (orderId: string) => unknown = () => undefined) {
  return events.handler({
    name: "noting",
    eventTypes: ["order.shipped"],
    handle: async ({ tenantId, data }) => {
      handled.push(`${tenantId} ${data.orderId}`);
      return (await handle(data.orderId)) as undefined; // what the test says
    },
  });
}

export async function publish(bus: MultiBus, tenantIds: readonly string[], orderId: string): Promise<void> {
  await Promise.all(tenantIds.map((tenantId) => bus.tenant(tenantId).publish("order.shipped", { orderId })));
}

export async function started(bus: MultiBus, options: WorkerOptions<Schemas>): Promise<Worker<Schemas>> {
  const worker = bus.worker(options);
  await worker.start();
  return worker;
}
