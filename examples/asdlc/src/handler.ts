/** What both groups do with an event: look whose it is, and leave a receipt. */
import { currentTenant } from "@sluice/node";
import { events as lifeCycle } from "./catalog.js";
import { events, RECEIPT } from "./receipt.js";

/** Told of each event before it is handled, and may hold it. */
export type Gate = () => Promise<void> | undefined;

/**
 * An agent of one group, working as one consumer. It takes every event of the life cycle. Receipts are events
 * of the stream like all others: both groups get them, no handler declares them, and so they are acknowledged
 * and left be.
 */
export function agent(group: string, consumer: string, gate: Gate) {
  return events.handler({
    name: group,
    eventTypes: lifeCycle.types,
    async handle(event, context) {
      await gate();
      // Every place that names a tenant, so that a foreign one shows wherever it came in.
      const named = [event.tenantId, context.tenantId, currentTenant(), event.data.metadata?.tenant];
      const tenants = [...new Set(named.map(String))];
      context.emit(RECEIPT, { group, consumer, key: event.idempotencyKey, tenants });
    },
  });
}
