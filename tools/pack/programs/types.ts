/**
 * What the declarations of the packed packages say to a compiler: every entry point is found, and the catalog types
 * what is published and handled. Compiled outside of the workspace, as an ES module, as CommonJS and for a bundler.
 */
import { type Connection, NonRetryableError, SluiceError } from "@sluice/core";
import { fromIoredis } from "@sluice/core/ioredis";
import { type ScriptCall, streamKeys } from "@sluice/lua-scripts";
import {
  type Bus,
  connect,
  defineEvents,
  type Event,
  type EventHandler,
  type EventOf,
  type Result,
  success,
} from "@sluice/node";
import { findServer, type TestServer } from "@sluice/test-server";
import { Redis } from "ioredis";
import { z } from "zod";

const events = defineEvents({
  "order.placed": z.object({ orderId: z.string(), amount: z.number() }),
  "order.shipped": z.object({ orderId: z.string() }),
});

/** Their types are inferred, and have to have names that can be written into declarations. */
export const openSingle = (redis: string) => connect({ redis, stream: "orders", events });
export const openMulti = (redis: string) => connect({ redis, stream: "orders", events, tenancy: "multi" });
export const amountOf = (event: EventOf<typeof events, "order.placed">) => event.data.amount;

export async function everyName(server: TestServer, call: ScriptCall): Promise<unknown[]> {
  const bus: Bus<"multi", typeof events.schemas> = await connect({
    redis: new Redis(server.url),
    stream: "orders",
    events,
    tenancy: "multi",
  });
  const billing = events.handler({
    name: "billing",
    eventTypes: ["order.placed"],
    handle(event, context): Result {
      const amount: number = event.data.amount;
      context.emit("order.shipped", { orderId: event.data.orderId });
      // @ts-expect-error: the catalog knows no such type
      context.emit("order.lost", {});
      return amount > 0 ? success() : { kind: "failure" };
    },
  });
  const untyped = {
    name: "audit",
    eventTypes: ["order.shipped"],
    handle: (event: Event) => {
      if (event.data === null) throw new NonRetryableError("no data");
    },
  } satisfies EventHandler;
  const acme = bus.tenant("acme");
  acme.consumer({ group: "billing", handlers: [billing, untyped] });
  await acme.publish("order.shipped", { orderId: "o1" });
  // @ts-expect-error: the amount is missing
  await acme.publish("order.placed", { orderId: "o1" });
  // @ts-expect-error: the catalog knows no such type
  await acme.publish("order.lost", {});

  const single: Bus<"single", typeof events.schemas> = await connect({
    redis: server.url,
    stream: "orders",
    events,
  });
  // @ts-expect-error: a bus of one tenant has no tenants
  single.tenant("acme");
  const connection: Connection = fromIoredis(new Redis(server.url));
  return [connection, call.keys, streamKeys("orders").meta, await findServer(), SluiceError];
}
