/**
 * The receipt: what a group leaves in the stream for each event that it handled, and the reason why the
 * demo's books are exact even when a consumer is killed with SIGKILL.
 *
 * A worker's own word is worth little: killed between the settle call and its report, it has handled an event
 * that nobody hears of; killed before the settle call, it has run a handler that does not count. The
 * processed marks in Redis are honest, but sets: an event that was committed twice is in there once. An event
 * that a handler emits is committed by the same script call as the acknowledgement, or not at all, so there
 * are as many receipts as there were commits, whoever died when. `audit.ts` counts them in the stream itself.
 *
 * A receipt names no idempotency key of its own. Under a named key the publish window would drop the second
 * of two, which is the very thing to be found.
 */
import { defineEvents } from "@sluice/node";
import { z } from "zod";
import { events as lifeCycle } from "./catalog.js";

export const RECEIPT = "demo.receipt";

const receipt = z.object({
  group: z.string(),
  /** The consumer that handled it. */
  consumer: z.string(),
  /** Idempotency key of the event that was handled. */
  key: z.string(),
  /** Every tenant that the handler saw named: on the event, in its data, in the context. */
  tenants: z.array(z.string()),
});
export type Receipt = z.infer<typeof receipt>;

/** What the demo's stream carries: the life cycle, and the receipts for it. */
export const events = defineEvents({ ...lifeCycle.schemas, [RECEIPT]: receipt });

export type Schemas = typeof events.schemas;

/** @throws when the data is no receipt. */
export function receiptFrom(data: unknown): Receipt {
  return receipt.parse(data);
}
