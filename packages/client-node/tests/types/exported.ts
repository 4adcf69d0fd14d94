/** What users export, with declarations emitted: every inferred type has a name that others can import. */
import {
  connect,
  defineEvents,
  type Event,
  type EventHandler,
  type EventInput,
  type EventOf,
  type EventOutput,
  type EventType,
  type PublishEntry,
} from "@sluice/node";
import { z } from "zod";

export const events = defineEvents({
  "order.placed": z.object({ orderId: z.string(), mode: z.enum(["normal", "express"]).default("normal") }),
  "order.shipped": z.object({ orderId: z.string(), carrier: z.string() }),
});

const options = { redis: "redis://127.0.0.1:6379", stream: "orders", events };

export const bus = await connect(options);
export const tenants = await connect({ ...options, tenancy: "multi" });
export const acme = tenants.tenant("acme");
export const others = bus.stream("others", { events });
export const handler = events.handler({ name: "h", eventTypes: ["order.placed"], handle: () => {} });
export const consumer = acme.consumer({ group: "billing", handlers: [handler] });
export const receipt = await bus.publish("order.placed", { orderId: "o1" });
export const health = await bus.health();
export const letters = bus.deadLetters("billing");
export const publish = (orderId: string) => acme.publish("order.placed", { orderId });

/** Fails to compile unless both types are the same. */
function same<A, B>(
  _same: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
) {}

// ---- the helpers take a catalog as well as its schemas ----

type Catalog = typeof events;
type Schemas = typeof events.schemas;
type Placed = { orderId: string; mode: "normal" | "express" };

same<EventType<Catalog>, "order.placed" | "order.shipped">(true);
same<EventOf<Catalog, "order.placed">, Event<"order.placed", Placed>>(true);
same<EventOf<Catalog, "order.placed">, EventOf<Schemas, "order.placed">>(true);
same<EventOf<Catalog>, EventOf<Catalog, "order.placed"> | EventOf<Catalog, "order.shipped">>(true);
same<EventOutput<Catalog, "order.placed">, Placed>(true);
same<EventInput<Catalog, "order.placed">, { orderId: string; mode?: "normal" | "express" | undefined }>(true);
same<PublishEntry<Catalog>, PublishEntry<Schemas>>(true);
// @ts-expect-error a type that the catalog has not
export type Lost = EventOf<Catalog, "order.lost">;

export class Shipping implements EventHandler<Schemas, "order.shipped"> {
  readonly name = "shipping";
  readonly eventTypes = ["order.shipped"] as const;
  handle(event: EventOf<Catalog, "order.shipped">) {
    same<typeof event.data.carrier, string>(true);
  }
}
