/** The examples in the documentation of `EventHandler`, as they stand there. */
import { z } from "zod";
import { defineEvents, type EventOf } from "../../src/catalog.js";
import type { EventHandler } from "../../src/handler.js";
import { failure, type Result, retry, success } from "../../src/results.js";

const order = z.object({ orderId: z.string(), amount: z.number() });
const events = defineEvents({
  "order.placed": order,
  "order.cancelled": order,
  "invoice.created": z.object({ orderId: z.string(), invoiceId: z.string() }),
});

declare function refund(orderId: string): Promise<Result>;
declare function charge(
  data: { orderId: string; amount: number },
  options: { key: string; signal: AbortSignal },
): Promise<{ status: "busy" | "declined" | "charged"; invoiceId: string }>;
interface Payments {
  charge(orderId: string, amount: number): Promise<void>;
}

export const billing = events.handler({
  name: "billing",
  eventTypes: ["order.placed", "order.cancelled"],
  canHandle: (event) => event.data.amount > 0,
  async handle(event, context) {
    if (event.type === "order.cancelled") return refund(event.data.orderId);
    const answer = await charge(event.data, { key: context.idempotencyKey, signal: context.signal });
    if (answer.status === "busy") return retry({ delayMs: 5_000, reason: "the payment service is busy" });
    if (answer.status === "declined") return failure({ reason: "the card was declined" });
    context.emit("invoice.created", { orderId: event.data.orderId, invoiceId: answer.invoiceId });
    return success();
  },
});

export class Billing implements EventHandler<typeof events.schemas, "order.placed"> {
  readonly name = "billing";
  readonly eventTypes = ["order.placed"] as const;
  constructor(private readonly payments: Payments) {}

  async handle(event: EventOf<typeof events.schemas, "order.placed">) {
    await this.payments.charge(event.data.orderId, event.data.amount);
  }
}

export const audit = {
  name: "audit",
  eventTypes: ["order.placed"],
  async handle(event, context) {
    context.logger.info("seen", { eventId: event.id });
  },
} satisfies EventHandler;
