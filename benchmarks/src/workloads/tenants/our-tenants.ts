/** Events of many tenants, each with a stream of ours, and checking them afterwards, whatever consumes them. */

import { type AnyEventHandler, type Bus, connect } from "@sluice/node";
import type { Redis } from "ioredis";
import type { Contender, Setting } from "../../contender.js";
import { events as catalog } from "../catalog.js";
import { GROUP } from "../consume/raw-group.js";
import { handler } from "../handler.js";
import { inFlight } from "../in-flight.js";
import { orderOf, TYPE } from "../order.js";
import { connectRaw } from "../redis.js";

export interface Options {
  readonly tenants: number;
}

type Schemas = typeof catalog.schemas;

export interface Work {
  readonly bus: Bus<"multi", Schemas>;
  readonly tenantIds: readonly string[];
  readonly group: string;
  readonly handlers: readonly AnyEventHandler<Schemas>[];
}

/** What consumes the streams of all tenants, and has started. */
export interface Consumption {
  /** Resolves when nothing is left to do. */
  idle(): Promise<unknown>;
  /** Events handled so far. */
  handled(): number;
  stop(): Promise<unknown>;
}

/** @param start is measured too, as the start of every consumer of ours is. */
export async function openTenants(
  { url, name }: Setting,
  { tenants }: Options,
  start: (work: Work) => Promise<Consumption>,
): Promise<Contender> {
  const bus = await connect({ redis: url, stream: name, events: catalog, tenancy: "multi" });
  const redis = await connectRaw(url);
  const tenantIds = Array.from({ length: tenants }, (_, at) => `t${at}`);
  const publishers = tenantIds.map((tenantId) => bus.tenant(tenantId));
  const streams = tenantIds.map((tenantId) => `tenant:{${tenantId}}:${name}`);
  const handlers = [catalog.handler({ name: "orders", eventTypes: [TYPE], handle: handler })];
  let consumption: Consumption | undefined;
  return {
    // By turns, so that all tenants have as many.
    fill: (events) =>
      inFlight(events, 1_000, async (index) => publishers[index % tenants]?.publish(TYPE, orderOf(index))),
    async run() {
      const started = await start({ bus, tenantIds, group: GROUP, handlers });
      consumption = started;
      await started.idle();
      return { events: started.handled() };
    },
    verify: (events) => expectAllAcknowledged(redis, streams, events),
    async rest() {
      await consumption?.stop();
      consumption = undefined;
    },
    async close() {
      redis.disconnect();
      await bus.close();
    },
  };
}

/** @throws unless the group has read that many entries of all streams, and acknowledged every one. */
async function expectAllAcknowledged(
  redis: Redis,
  streams: readonly string[],
  wanted: number,
): Promise<void> {
  const pipeline = redis.pipeline();
  for (const stream of streams) pipeline.xinfo("GROUPS", stream);
  let [read, pending] = [0, 0];
  for (const [error, reply] of (await pipeline.exec()) ?? []) {
    // A tenant without events has no stream, unless somebody has opened a group in it.
    if (error !== null && !/no such key/.test(error.message)) throw error;
    // [["name", …, "pending", …, "entries-read", …], …]
    const [about = []] = (reply ?? []) as [(readonly (string | number | null)[])?];
    read += Number(about[about.indexOf("entries-read") + 1] ?? 0);
    pending += Number(about[about.indexOf("pending") + 1] ?? 0);
  }
  if (read !== wanted || pending !== 0) {
    const found = `${read} entries read, ${pending} pending`;
    throw new Error(`group '${GROUP}' of ${streams.length} tenants has ${found}: wanted ${wanted} and 0`);
  }
}
