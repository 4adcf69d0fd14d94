/**
 * Our consumer, with idempotency, validation and everything else as it is by default, and the stream that it consumes:
 * a contender by itself, and a part of those that look at one in other circumstances.
 */

import type { Consumer } from "@sluice/node";
import type { Redis } from "ioredis";
import type { Contender, Outcome, Setting } from "../contender.js";
import { events as catalog } from "./catalog.js";
import { expectAcknowledged, GROUP } from "./consume/raw-group.js";
import { handler } from "./handler.js";
import { noteFor, TYPE } from "./order.js";
import { type OurBus, openBus, publishInBatches } from "./our-bus.js";
import { connectRaw } from "./redis.js";

export interface ConsumerOptions {
  /** Also how many entries are read at a time, as COUNT of the raw loops. */
  readonly concurrency: number;
  /** Of an order's JSON; about 150 unless given. */
  readonly payloadBytes?: number;
}

export interface OurConsumer extends Contender {
  readonly bus: OurBus;
  /** A plain connection, to fill and to verify. */
  readonly redis: Redis;
  fill(events: number): Promise<void>;
  /** From the consumer's start until nothing is left to do. */
  run(): Promise<Outcome>;
  verify(events: number): Promise<void>;
  rest(): Promise<void>;
}

/** @param handle what is called for every event, if it is not the empty handler. */
export async function openConsumer(
  setting: Setting,
  { concurrency, payloadBytes }: ConsumerOptions,
  handle = handler,
): Promise<OurConsumer> {
  const { url, name } = setting;
  const note = payloadBytes === undefined ? undefined : noteFor(payloadBytes);
  const [bus, redis] = [await openBus(setting), await connectRaw(url)];
  const handlers = [catalog.handler({ name: "orders", eventTypes: [TYPE], handle })];
  let consumer: Pick<Consumer, "stop"> | undefined;
  return {
    bus,
    redis,
    fill: (events) => publishInBatches(bus, events, 4, note),
    async run() {
      const started = bus.consumer({ group: GROUP, handlers, concurrency });
      consumer = started;
      await started.start();
      await started.idle();
      return { events: started.metrics().counters.sluice_events_handled_total ?? 0 };
    },
    verify: (events) => expectAcknowledged(redis, name, GROUP, events),
    async rest() {
      await consumer?.stop();
    },
    async close() {
      redis.disconnect();
      await bus.close();
    },
  };
}
