/** What may be published under which type. `publish` is declared as a bus declares it. */
import type { EventInput, EventType, PublishEntry } from "../../src/catalog.js";
import type { PublishOptions } from "../../src/event.js";
import { type Schemas, same } from "./catalog.js";

declare function publish<T extends EventType<Schemas>>(
  type: T,
  data: EventInput<Schemas, T>,
  options?: PublishOptions,
): void;
declare function publishMany(entries: readonly PublishEntry<Schemas>[]): void;

// ---- the data of each type ----

publish("order.placed", { orderId: "o1", amount: 5 });
publish("order.placed", { orderId: "o1", amount: 5, mode: "express", placedAt: "2025-01-31T12:00:00Z" });
publish("order.noted", { kind: "flag", flagged: true });
publish("order.shipped", { orderId: "o1", carrier: "post" }, { idempotencyKey: "k", subject: undefined });

// @ts-expect-error an unknown type
publish("order.lost", { orderId: "o1" });
// @ts-expect-error a missing property
publish("order.placed", { orderId: "o1" });
// @ts-expect-error a property of another type
publish("order.placed", { orderId: 1, amount: 5 });
// @ts-expect-error a property that the schema has not
publish("order.shipped", { orderId: "o1", carrier: "post", amount: 5 });
// @ts-expect-error the data of another event
publish("order.shipped", { orderId: "o1", amount: 5 });
// @ts-expect-error a mixture of the members of a union
publish("order.noted", { kind: "flag", text: "x" });
// @ts-expect-error the output of the schema where its input is wanted
publish("order.placed", { orderId: "o1", amount: 5, placedAt: new Date() });
// @ts-expect-error no data
publish("order.placed");
// @ts-expect-error an option that there is not
publish("order.shipped", { orderId: "o1", carrier: "post" }, { idempotencykey: "k" });

same<EventInput<Schemas, "order.placed">["mode"], "normal" | "express" | undefined>(true);
same<EventType<Schemas>, "order.placed" | "order.shipped" | "order.noted">(true);

// ---- unions of types ----

declare const either: "order.placed" | "order.shipped";

// @ts-expect-error suits order.placed only
publish(either, { orderId: "o1", amount: 5 });
// @ts-expect-error suits order.shipped only
publish(either, { orderId: "o1", carrier: "post" });
// @ts-expect-error the same, by naming the type argument
publish<"order.placed" | "order.shipped">("order.placed", { orderId: "o1", carrier: "post" });
declare const eitherData: EventInput<Schemas, "order.placed"> | EventInput<Schemas, "order.shipped">;
// @ts-expect-error which data goes with which type is not known
publish(either, eitherData);
// Suits both, whichever it is.
publish(either, { orderId: "o1", amount: 5, carrier: "post" });
if (either === "order.shipped") publish(either, { orderId: "o1", carrier: "post" });

/** A function that passes type and data on keeps the rule. */
export function publishLater<T extends EventType<Schemas>>(type: T, data: EventInput<Schemas, T>) {
  publish(type, data);
}
publishLater("order.shipped", { orderId: "o1", carrier: "post" });
// @ts-expect-error the data of another event
publishLater("order.shipped", { orderId: "o1", amount: 5 });

// ---- batches ----

publishMany([
  { type: "order.placed", data: { orderId: "o1", amount: 5 }, idempotencyKey: "k1" },
  { type: "order.shipped", data: { orderId: "o1", carrier: "post" }, timestamp: new Date() },
]);
// @ts-expect-error an unknown type
publishMany([{ type: "order.lost", data: {} }]);
// @ts-expect-error the data of another event
publishMany([{ type: "order.shipped", data: { orderId: "o1", amount: 5 } }]);
// @ts-expect-error the output of the schema where its input is wanted
publishMany([{ type: "order.placed", data: { orderId: "o1", amount: 5, placedAt: new Date() } }]);
declare const eitherEntry: { type: typeof either; data: typeof eitherData };
// @ts-expect-error which data goes with which type is not known
publishMany([eitherEntry]);
