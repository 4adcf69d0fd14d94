/** What the tests about tenants begin with. */
import { uniqueName } from "@sluice/test-server";
import { Look, plainRedis } from "../look.js";
import { events, memoryLogger, openBus } from "../support.js";

/** A bus of many tenants, with a log that is kept. */
export async function setUp() {
  const stream = uniqueName("orders");
  const logger = memoryLogger();
  const bus = await openBus({ stream, events, tenancy: "multi", logger });
  const redis = plainRedis();
  const look = (tenant: string, group = "billing") => new Look(redis, stream, group, tenant);
  return { bus, stream, logger, redis, look };
}

/** Makes every kind of key there is: entries, windows, leases, processed keys, waiting entries and dead letters. */
export const eventful = events.handler({
  name: "eventful",
  eventTypes: ["order.shipped", "order.placed"],
  async handle({ type, data }, context) {
    context.logger.info("handling");
    if (type === "order.placed") return;
    if (data.orderId === "bad") return { kind: "failure", reason: "is bad" };
    if (data.orderId === "later") return { kind: "retry", delayMs: 60_000 };
    if (data.orderId === "throws") throw new Error("is broken");
    context.emit("order.placed", { orderId: data.orderId, amount: 1 });
  },
});

export const ORDERS = ["good", "bad", "later", "throws"];
