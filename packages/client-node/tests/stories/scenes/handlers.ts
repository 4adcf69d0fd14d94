/** What the tests about handlers begin with. */
import type { EventHandler } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { Look, plainRedis } from "../look.js";
import { events, memoryLogger, openBus, type Schemas } from "../support.js";

/** A bus, with a log that is kept. */
export async function setUp() {
  const stream = uniqueName("orders");
  const logger = memoryLogger();
  const bus = await openBus({ stream, events, logger });
  const look = new Look(plainRedis(), stream, "billing");
  const publish = (orderId: string) => bus.publish("order.shipped", { orderId }, { idempotencyKey: orderId });
  return { bus, look, logger, publish };
}

/** A handler that does with an event what the test wants. */
export const shipped = (handle: EventHandler<Schemas, "order.shipped">["handle"]) =>
  events.handler({ name: "shipping", eventTypes: ["order.shipped"], handle });
