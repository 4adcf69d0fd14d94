/** What a handler sees of an event, what it may emit and return, and which handlers fit which consumer. */
import { z } from "zod";
import {
  type AnyEventCatalog,
  defineEvents,
  type EventCatalog,
  type EventOf,
  type EventSchemas,
} from "../../src/catalog.js";
import {
  type AnyEventHandler,
  checkHandlers,
  defineHandler,
  type EventHandler,
  type HandlerContext,
} from "../../src/handler.js";
import { failure, retry, success } from "../../src/results.js";
import { events, type Schemas, same } from "./catalog.js";

// ---- the event ----

events.handler({
  name: "one type",
  eventTypes: ["order.placed"],
  canHandle: (event) => event.data.amount > 0,
  async handle(event) {
    same<typeof event.type, "order.placed">(true);
    same<typeof event.data.mode, "normal" | "express">(true);
    same<typeof event.data.placedAt, Date | undefined>(true);
    same<typeof event.tenantId, string | undefined>(true);
    // @ts-expect-error a field that the type has not
    event.data.carrier;
    // @ts-expect-error not a field of events
    event.stream;
    // @ts-expect-error events are read-only
    event.data = { orderId: "o1", amount: 1, mode: "normal" };
  },
});

events.handler({
  name: "several types",
  eventTypes: ["order.placed", "order.shipped"],
  handle(event) {
    same<typeof event.type, "order.placed" | "order.shipped">(true);
    same<typeof event.data.orderId, string>(true);
    // @ts-expect-error a field that only one of the types has
    event.data.amount;
    if (event.type === "order.placed") {
      same<typeof event.data.amount, number>(true);
      // @ts-expect-error a field of the other type
      event.data.carrier;
    } else {
      same<typeof event.data.carrier, string>(true);
    }
    // @ts-expect-error a type that it does not declare
    if (event.type === "order.noted") return;
  },
});

events.handler({
  name: "unknown type",
  // @ts-expect-error a type that the catalog has not
  eventTypes: ["order.lost"],
  handle() {},
});

// ---- results ----

events.handler({
  name: "every result",
  eventTypes: ["order.placed"],
  async handle(event) {
    if (event.data.amount === 1) return success();
    if (event.data.amount === 2) return retry({ delayMs: 5, reason: "busy" });
    if (event.data.amount === 3) return failure({ reason: "declined" });
  },
});
events.handler({ name: "at once", eventTypes: ["order.placed"], handle: () => success() });
events.handler({ name: "nothing", eventTypes: ["order.placed"], handle() {} });
events.handler({
  name: "foreign result",
  eventTypes: ["order.placed"],
  // @ts-expect-error a value that is no result
  handle: async () => ({ ok: true }),
});
events.handler({
  name: "asynchronous filter",
  eventTypes: ["order.placed"],
  // @ts-expect-error a promise is always true
  canHandle: async () => false,
  handle() {},
});
// @ts-expect-error no function to handle with
events.handler({ name: "no handle", eventTypes: ["order.placed"] });

// ---- emitting ----

events.handler({
  name: "emits",
  eventTypes: ["order.placed"],
  handle(event, context) {
    context.emit("order.shipped", { orderId: event.data.orderId, carrier: "post" });
    context.emit("order.shipped", { orderId: "o1", carrier: "post" }, { idempotencyKey: "k", subject: "s" });
    // @ts-expect-error a missing property
    context.emit("order.shipped", { orderId: "o1" });
    // @ts-expect-error the data of another event
    context.emit("order.shipped", { orderId: "o1", amount: 5 });
    // @ts-expect-error an unknown type
    context.emit("order.lost", {});
    const either = event.data.amount > 5 ? "order.placed" : "order.shipped";
    // @ts-expect-error suits one of the types only
    context.emit(either, { orderId: "o1", carrier: "post" });
    same<typeof context.signal, AbortSignal>(true);
    same<typeof context.attempt, number>(true);
  },
});

// ---- the other forms ----

defineHandler(events, {
  name: "typed by a catalog",
  eventTypes: ["order.placed"],
  handle(event, context) {
    same<typeof event.data.amount, number>(true);
    // @ts-expect-error a missing property
    context.emit("order.shipped", {});
  },
});

const untyped = defineHandler({
  name: "untyped",
  eventTypes: ["order.placed"],
  handle(event, context) {
    same<typeof event.data, unknown>(true);
    same<typeof event.type, "order.placed">(true);
    context.emit("whatever", { any: "data" });
    // @ts-expect-error nothing is known of the data
    event.data.amount;
  },
});

const plain = {
  name: "plain",
  eventTypes: ["order.placed"],
  async handle(event, context) {
    same<typeof event.data, unknown>(true);
    context.logger.info("seen", { eventId: event.id });
  },
} satisfies EventHandler;

class Billing implements EventHandler<Schemas, "order.placed"> {
  readonly name = "billing";
  readonly eventTypes = ["order.placed"] as const;

  async handle(event: EventOf<Schemas, "order.placed">, context: HandlerContext<Schemas>) {
    context.emit("order.shipped", { orderId: event.data.orderId, carrier: "post" });
  }
}

class Untyped implements EventHandler {
  readonly name = "untyped class";
  readonly eventTypes = ["order.placed"];

  async handle() {}
}

class Wrong implements EventHandler<Schemas, "order.placed"> {
  readonly name = "wrong";
  readonly eventTypes = ["order.placed"] as const;

  // @ts-expect-error the event of another type
  async handle(event: EventOf<Schemas, "order.shipped">) {
    event.data.carrier;
  }
}

// ---- what a consumer takes ----

declare function consumer(handlers: readonly AnyEventHandler<Schemas>[]): void;

const placed = events.handler({ name: "a", eventTypes: ["order.placed"], handle() {} });
const shipped = events.handler({ name: "b", eventTypes: ["order.shipped", "order.noted"], handle() {} });
consumer([placed, shipped, untyped, plain, new Billing(), new Untyped(), events.handler(new Billing())]);
consumer([{ name: "inline", eventTypes: ["order.placed"], handle() {} }]);

const others = defineEvents({
  "order.placed": z.object({ quite: z.literal("different") }),
  "user.added": z.object({ userId: z.string() }),
});
const otherType = others.handler({ name: "c", eventTypes: ["user.added"], handle() {} });
// @ts-expect-error a handler of another catalog, for a type that this one has not
consumer([otherType]);
const otherData = others.handler({ name: "d", eventTypes: ["order.placed"], handle() {} });
// @ts-expect-error a handler of another catalog, for a type with other data
consumer([otherData]);
// @ts-expect-error no handler
consumer([{ name: "e" }]);

// Whatever takes a catalog of any kind, or a handler of any kind, takes these.
declare function anyCatalog(catalog: AnyEventCatalog): void;
anyCatalog(events);
export function anyCatalogOf<C extends EventSchemas>(catalog: EventCatalog<C>) {
  anyCatalog(catalog);
}
declare const name: string;
if (events.has(name)) same<typeof name, keyof Schemas>(true);
declare function anyHandlers(handlers: readonly AnyEventHandler<EventSchemas>[]): void;
anyHandlers([placed, untyped, plain, new Untyped()]);
checkHandlers([placed, shipped, untyped, plain, new Billing(), new Wrong()], events);
