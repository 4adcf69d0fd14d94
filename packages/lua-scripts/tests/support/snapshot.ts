/**
 * What "nothing was written" means: for every key, DUMP (which holds pending lists, counts and delivery times, unlike
 * DEBUG DIGEST) and the moment of expiry. Of a HASH its fields and values, in any order: a large one is dumped in the
 * order of its table, which Redis rebuilds while it is only read.
 */
import { expect } from "vitest";
import type { Client } from "./redis.js";

/** How far apart two looks at one expiry may be, in milliseconds, on a server that tells only how long is left. */
const LOOK_MS = 5;

interface Expiry {
  /** Milliseconds since 1970, negative without expiry. */
  readonly at: number;
  readonly exact: boolean;
}

/** By key; a key that is not there has no dump. */
export type Snapshot = Readonly<Record<string, { readonly dump: string; readonly expiry: Expiry }>>;

/** Takes DUMP and expiry of the keys. */
export async function snapshot(client: Client, keys: readonly string[]): Promise<Snapshot> {
  const taken = await Promise.all(
    keys.map(async (key) => {
      const [dump, expiry] = await Promise.all([dumpOf(client, key), expiryOf(client, key)]);
      return [key, { dump, expiry }] as const;
    }),
  );
  return Object.fromEntries(taken);
}

async function dumpOf(client: Client, key: string): Promise<string> {
  if ((await client.type(key)) === "hash") {
    const fields = await client.hgetallBuffer(key);
    const shown = Object.entries(fields).map(([field, value]) => [field, value.toString("base64")]);
    return JSON.stringify(shown.sort());
  }
  const dump = await client.callBuffer("DUMP", key);
  return dump instanceof Uint8Array ? Buffer.from(dump).toString("base64") : "none";
}

/** Servers before 7.0 do not know PEXPIRETIME. */
async function expiryOf(client: Client, key: string): Promise<Expiry> {
  try {
    return { at: Number(await client.call("PEXPIRETIME", key)), exact: true };
  } catch {
    const left = Number(await client.pttl(key));
    return { at: left < 0 ? left : Date.now() + left, exact: false };
  }
}

/** Fails with the names of the keys that differ. */
export function expectUnchanged(before: Snapshot, after: Snapshot): void {
  const changed = Object.entries(before).filter(([key, was]) => {
    const is = after[key];
    if (is === undefined || was.dump !== is.dump) return true;
    return Math.abs(was.expiry.at - is.expiry.at) > (was.expiry.exact ? 0 : LOOK_MS);
  });
  expect(
    changed.map(([key]) => key),
    "keys that were written",
  ).toEqual([]);
}

/** Takes a snapshot, does something, and fails if the keys differ then. Answers what was done's result. */
export async function unchanged<T>(
  client: Client,
  keys: readonly string[],
  act: () => Promise<T>,
): Promise<T> {
  const before = await snapshot(client, keys);
  const result = await act();
  expectUnchanged(before, await snapshot(client, keys));
  return result;
}
