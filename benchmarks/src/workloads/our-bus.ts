/** A bus of ours with everything as it is by default, and publishing orders on it. */

import { type Bus, connect } from "@sluice/node";
import type { Setting } from "../contender.js";
import { events } from "./catalog.js";
import { batchesInFlight } from "./in-flight.js";
import { orderOf, TYPE } from "./order.js";

export type OurBus = Bus<"single", typeof events.schemas>;

export function openBus({ url, name }: Setting): Promise<OurBus> {
  return connect({ redis: url, stream: name, events });
}

/**
 * @param atATime calls of `publishMany` under way.
 * @param note of each order, if it is not the usual one.
 */
export function publishInBatches(bus: OurBus, events: number, atATime: number, note?: string): Promise<void> {
  return batchesInFlight(events, atATime, (indices) =>
    bus.publishMany(indices.map((index) => ({ type: TYPE, data: orderOf(index, note) }))),
  );
}
