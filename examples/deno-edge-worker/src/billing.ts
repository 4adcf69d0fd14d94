/** The consumers of the worker: one for each tenant, all in one group with those of other workers. */

import type { Bus, Consumer, Logger } from "@sluice/deno";
import { events } from "./catalog.ts";

type Schemas = typeof events.schemas;

/** Consumers that run, and what has ended any of them. */
export interface Billing {
  /** Names of the tenants whose consumer has stopped at an error that it cannot go on from. */
  readonly stopped: ReadonlySet<string>;
}

/**
 * Starts a consumer for each tenant; the bus stops them when it is closed.
 *
 * What a handler does outside of Redis is at least once, so what it calls should be given the event's key. What it
 * emits is published together with the acknowledgement of its event, or not at all.
 */
export async function startBilling(
  bus: Bus<"multi", Schemas>,
  tenants: readonly string[],
  log: Logger,
): Promise<Billing> {
  const stopped = new Set<string>();
  const billing = events.handler({
    name: "billing",
    eventTypes: ["order.placed"],
    handle(event, context) {
      log.info("order billed", about(event, event.data.orderId));
      context.emit("order.billed", { orderId: event.data.orderId });
    },
  });
  const receipts = events.handler({
    name: "receipts",
    eventTypes: ["order.billed"],
    handle: (event) => log.info("receipt sent", about(event, event.data.orderId)),
  });
  await Promise.all(
    tenants.map(async (tenant) => {
      const consumer: Consumer<Schemas> = bus
        .tenant(tenant)
        .consumer({ group: "billing", handlers: [billing, receipts] });
      consumer.on("error", ({ fatal }) => {
        if (fatal) stopped.add(tenant);
      });
      await consumer.start();
    }),
  );
  return { stopped };
}

function about(event: { readonly id: string; readonly tenantId?: string }, orderId: string): object {
  return { tenant: event.tenantId, id: event.id, orderId };
}
