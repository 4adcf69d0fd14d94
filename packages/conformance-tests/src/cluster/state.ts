/** What is in Redis for a tenant, as the runner reads it by itself. */

import { setTimeout as delay } from "node:timers/promises";
import type { RedisCaller } from "../runner/server.js";
import { givenKey } from "../stored-key.js";
import type { TenantState } from "./judge.js";
import type { SpreadTenant } from "./tenants.js";
import { GROUP } from "./traffic.js";

const LOOK_EVERY_MS = 100;

/** Resolves when the group has read everything and nothing is pending, or at the deadline. */
export async function whenDrained(tenant: SpreadTenant, redis: RedisCaller, deadline: number): Promise<void> {
  while (!(await isDrained(tenant, redis)) && performance.now() < deadline) await delay(LOOK_EVERY_MS);
}

export async function stateOf({ name, key }: SpreadTenant, redis: RedisCaller): Promise<TenantState> {
  const entries = await redis.call("XRANGE", key, "-", "+");
  return {
    tenant: name,
    // An entry's fields are `key` and `event`, in this order.
    entries: (entries as [string, [string, string]][]).map(([id, [, entryKey]]) => ({
      id,
      key: givenKey(entryKey),
    })),
    pending: Number((await groupOf(key, redis)).get("pending")),
    deadLetters: Number(await redis.call("XLEN", `${key}/${GROUP}/dead`)),
  };
}

async function isDrained({ key }: SpreadTenant, redis: RedisCaller): Promise<boolean> {
  const stream = pairs(await redis.call("XINFO", "STREAM", key));
  const group = await groupOf(key, redis);
  return (
    Number(group.get("pending")) === 0 && group.get("last-delivered-id") === stream.get("last-generated-id")
  );
}

async function groupOf(key: string, redis: RedisCaller): Promise<ReadonlyMap<string, unknown>> {
  const groups = await redis.call("XINFO", "GROUPS", key);
  return pairs(Array.isArray(groups) ? groups[0] : []);
}

/** A flat list of names and values as a map. */
function pairs(reply: unknown): ReadonlyMap<string, unknown> {
  const items: readonly unknown[] = Array.isArray(reply) ? reply : [];
  return new Map(
    items.flatMap((name, index) => (index % 2 === 0 ? [[String(name), items[index + 1]] as const] : [])),
  );
}
