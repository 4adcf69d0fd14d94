/** What the tests about the life of a consumer begin with. */
import type { retry } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { Look, plainRedis } from "../look.js";
import { events, openBus } from "../support.js";

/** A bus, and a way to publish under keys that say what is what. */
export async function setUp() {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events });
  const look = new Look(plainRedis(), stream, "billing");
  const publish = (orderId: string) => bus.publish("order.shipped", { orderId }, { idempotencyKey: orderId });
  return { bus, look, publish };
}

/** A handler that does with an order what the test wants. */
export const handler = (
  handle: (orderId: string, attempt: number, signal: AbortSignal) => unknown = () => {},
) =>
  events.handler({
    name: "h",
    eventTypes: ["order.shipped"],
    handle: async ({ data }, { attempt, signal }) => {
      const answer = await handle(data.orderId, attempt, signal);
      return answer as ReturnType<typeof retry>; // what the test returns on purpose
    },
  });
