/**
 * What the tests for operators share: a bus from `connect()` under names of its own, a plain client to look at Redis
 * with, and servers of their own where a test changes one.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type GroupKeys, groupKeys } from "@sluice/lua-scripts";
import {
  type Bus,
  type ConnectOptions,
  type Consumer,
  type ConsumerOptions,
  connect,
  defineEvents,
  type HandlerResult,
  type Publishing,
  type SluiceEvent,
  silentLogger,
  type Tenancy,
} from "@sluice/node";
import {
  type StartOptions,
  sharedServerUrl,
  startServer,
  type TestServer,
  uniqueName,
} from "@sluice/test-server";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { z } from "zod";

export const events = defineEvents({
  "order.placed": z.object({ orderId: z.string() }),
  "order.billed": z.object({ orderId: z.string() }),
  "order.noted": z.object({ orderId: z.string() }),
});

export type Schemas = typeof events.schemas;
export type OrderBus = Bus<"single", Schemas>;

/** A bus on a stream of its own, on the run's server unless told otherwise; closed when the test ends. */
export async function openBus<T extends Tenancy = "single">(
  options: Partial<ConnectOptions<Schemas, T>> = {},
): Promise<Bus<T, Schemas>> {
  const defaults = { redis: sharedServerUrl(), stream: uniqueName("orders"), events, logger: silentLogger };
  const bus = await connect<Schemas, T>({ ...defaults, ...options });
  onTestFinished(() => bus.close());
  return bus;
}

/** A plain client, closed when the test ends. */
export function plainRedis(url: string = sharedServerUrl()): Redis {
  const redis = new Redis(url, { protocol: 2 });
  redis.on("error", () => {}); // some tests end the server under it
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** A server that ends with the test. */
export async function privateServer(options: StartOptions = {}): Promise<TestServer> {
  const server = await startServer(options);
  onTestFinished(() => server.stop());
  return server;
}

export function keysOf(bus: { readonly streamName: string }, group: string, tenantId?: string): GroupKeys {
  return groupKeys(bus.streamName, group, tenantId);
}

type Handle = (
  event: SluiceEvent<"order.placed", { orderId: string }>,
  attempt: number,
) => HandlerResult | Promise<HandlerResult>;

/** A handler of orders. */
export function onOrder(handle: Handle = () => undefined) {
  return events.handler({
    name: "orders",
    eventTypes: ["order.placed"],
    handle: (event, context) => handle(event, context.attempt),
  });
}

/** A consumer of group `billing` that has started and handles orders; the bus stops it. */
export async function started(
  bus: Publishing<Schemas>,
  handle?: Handle,
  options: Partial<ConsumerOptions<Schemas>> = {},
): Promise<Consumer<Schemas>> {
  const consumer = bus.consumer({ group: "billing", handlers: [onOrder(handle)], ...options });
  await consumer.start();
  await consumer.recovery;
  return consumer;
}

/** Publishes an order for each ID, under the ID as idempotency key, and answers the entries' IDs. */
export async function place(bus: Publishing<Schemas>, ...orderIds: readonly string[]): Promise<string[]> {
  const orders = orderIds.map((orderId) => {
    return { type: "order.placed", data: { orderId }, idempotencyKey: orderId } as const;
  });
  return (await bus.publishMany(orders)).map(({ id }) => id);
}

/** Looks until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { everyMs = 10, withinMs = 45_000 } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for: ${condition}`);
    await delay(everyMs);
  }
}

/** What a call is refused with. */
export async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown by: ${call}`);
}

/** An order that cannot be handled. */
export const fails = () => ({ kind: "failure", reason: "no such customer" }) as const;

/** Orders that group `billing` has failed at. */
export async function failedOrders(orderIds: readonly string[], bus?: OrderBus) {
  const open = bus ?? (await openBus());
  const entryIds = await place(open, ...orderIds);
  await open.consumer({ group: "billing", handlers: [onOrder(fails)] }).runOnce();
  return { bus: open, entryIds, letters: open.deadLetters("billing") };
}

/** What group `billing` handles now. */
export async function handledNow(bus: OrderBus, group = "billing"): Promise<string[]> {
  const handled: string[] = [];
  const handlers = [onOrder(({ data }) => void handled.push(data.orderId))];
  await bus.consumer({ group, handlers }).runOnce();
  return handled;
}

/** `o0`, `o1` and so on. */
export const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);
