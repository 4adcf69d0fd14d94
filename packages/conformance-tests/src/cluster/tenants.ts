/**
 * Many tenants on a Cluster, and which master serves each by the Cluster's own account. Nothing places them: their
 * names do.
 */

import { uniqueName } from "@sluice/test-server";
import type { RedisCaller } from "../runner/server.js";

export interface SpreadTenant {
  readonly name: string;
  /** The key of its stream. */
  readonly key: string;
  readonly slot: number;
  /** The port of the master that serves the slot, as the tenants were made. */
  readonly masterPort: number;
}

/** A run of slots and the port of their master. */
interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly masterPort: number;
}

export async function makeTenants(
  count: number,
  stream: string,
  redis: RedisCaller,
): Promise<readonly SpreadTenant[]> {
  const ranges = await slotRanges(redis);
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const name = uniqueName("tenant");
      const key = `tenant:{${name}}:${stream}`;
      const slot = Number(await redis.call("CLUSTER", "KEYSLOT", key));
      return { name, key, slot, masterPort: portOf(slot, ranges) };
    }),
  );
}

/** The port of the master that serves a slot by now. */
export async function masterOfSlot(slot: number, redis: RedisCaller): Promise<number> {
  return portOf(slot, await slotRanges(redis));
}

/** By the port of each master, how many of the tenants it serves, and on how many slots they lie. */
export function spreadOf(
  tenants: readonly SpreadTenant[],
): ReadonlyMap<number, { readonly tenants: number; readonly slots: number }> {
  const ports = [...new Set(tenants.map(({ masterPort }) => masterPort))].sort((a, b) => a - b);
  return new Map(
    ports.map((port) => {
      const served = tenants.filter(({ masterPort }) => masterPort === port);
      return [port, { tenants: served.length, slots: new Set(served.map(({ slot }) => slot)).size }] as const;
    }),
  );
}

async function slotRanges(redis: RedisCaller): Promise<readonly SlotRange[]> {
  const reply = await redis.call("CLUSTER", "SLOTS");
  // As the command is documented: first and last slot, then [ip, port, id, …] of each node, the master first.
  return (reply as [number, number, [string, number]][]).map(([first, last, [, masterPort]]) => ({
    first,
    last,
    masterPort,
  }));
}

function portOf(slot: number, ranges: readonly SlotRange[]): number {
  const range = ranges.find(({ first, last }) => first <= slot && slot <= last);
  if (range === undefined) throw new Error(`find the master of slot ${slot}: no node serves it`);
  return range.masterPort;
}
