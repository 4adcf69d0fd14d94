/** The event that all contenders carry, and the one field in which raw contenders write it: as ours do. */

import { randomUUID } from "node:crypto";

export const TYPE = "order.placed";

export interface Order {
  readonly orderId: string;
  readonly amount: number;
  readonly note: string;
}

/** About 150 bytes as JSON, unless `note` is longer. */
export function orderOf(index: number, note = NOTE): Order {
  return { orderId: `order-${index}`, amount: 1_000 + (index % 9_000), note };
}

/** A `note` with which the order's JSON takes about that many bytes. */
export function noteFor(bytes: number): string {
  const length = Math.max(0, bytes - JSON.stringify(orderOf(0, "")).length);
  return NOTE.repeat(Math.ceil(length / NOTE.length)).slice(0, length);
}

const NOTE = "Leave it with the neighbours on the second floor if nobody answers, and ring twice, please.";

/** The document that ours stores: CloudEvents 1.0 with these attributes, in this order. Its ID is the idempotency key. */
export function cloudEvent(order: Order, source: string, tenantid?: string): string {
  return JSON.stringify({
    specversion: "1.0",
    id: randomUUID(),
    source,
    type: TYPE,
    time: new Date().toISOString(),
    ...(tenantid !== undefined && { tenantid }),
    datacontenttype: "application/json",
    data: order,
  });
}

/** As much of the document as raw consumers use. */
export interface CloudEvent {
  readonly id: string;
  readonly data: Order;
}
