/** What both groups do with an event: look whose it is, and leave a receipt. */
import { currentTenant } from "@sluice/node";
import { events as lifeCycle } from "./catalog.js";
import { events, RECEIPT } from "./receipt.js";

/**
 * An agent of one group, working as one consumer. It takes every event of the life cycle. Receipts are events
 * of the stream like all others: both groups get them, no handler declares them, and so they are acknowledged
 * and left be.
 */
export function agent(group: string, consumer: string) {
  return events.handler({
    name: group,
    eventTypes: lifeCycle.types,
    handle(event, context) {
      // Every place that names a tenant, so that a foreign one shows wherever it came in.
      const named = [event.tenantId, context.tenantId, currentTenant(), event.data.metadata?.tenant];
      const tenants = [...new Set(named.map(String))];
      context.emit(RECEIPT, { group, consumer, key: event.idempotencyKey, tenants });
    },
  });
}
