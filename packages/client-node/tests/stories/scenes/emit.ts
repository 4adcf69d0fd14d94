/** What the tests about emitted events begin with. */
import { createHash } from "node:crypto";
import type { HandlerContext, HandlerResult } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { Look, plainRedis } from "../look.js";
import { events, memoryLogger, openBus, type Schemas } from "../support.js";

type Handle = (context: HandlerContext<Schemas>, orderId: string) => HandlerResult | Promise<HandlerResult>;

/** A bus, and a consumer that emits. */
export async function setUp(options: { publishWindowMs?: number; maxLength?: number } = {}) {
  const stream = uniqueName("orders");
  const logger = memoryLogger();
  const bus = await openBus({ stream, events, logger, ...options });
  const look = new Look(plainRedis(), stream, "billing");
  const publish = (orderId: string) =>
    bus.publish("order.shipped", { orderId }, { idempotencyKey: orderId, correlationId: "story" });
  /** A consumer that emits as the test wants. What is emitted is nobody's to handle, and skipped. */
  const consumer = (handle: Handle, more: { concurrency?: number } = {}) =>
    bus.consumer({
      group: "billing",
      maxAttempts: 3,
      retry: { minDelayMs: 1, maxDelayMs: 5 },
      ...more,
      handlers: [
        events.handler({
          name: "emitting",
          eventTypes: ["order.shipped"],
          handle: ({ data }, context) => handle(context, data.orderId),
        }),
      ],
    });
  const emitted = async () => (await look.entries()).filter(({ event }) => event.type !== "order.shipped");
  return { bus, look, logger, publish, consumer, emitted };
}

/** As DESIGN has it: `~` and the SHA-256 of key, group and position; the key of `order.shipped` as it is stored. */
export const emitKey = (key: string, n: number) =>
  `~${createHash("sha256").update(`order.shipped:${key}\nbilling\n${n}`).digest("hex")}`;
