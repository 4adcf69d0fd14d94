/**
 * What "nothing was written" means: for every key the same DUMP, which holds pending lists, attempts and delivery times
 * too, and the same moment of expiry.
 */
import type { VectorConnection } from "./connection.js";

/** How far apart two looks at one expiry may be, in milliseconds, on a server that tells only how long is left. */
const LOOK_MS = 50;

interface Look {
  readonly dump: string;
  /** Milliseconds since 1970, negative without expiry. */
  readonly expiresAt: number;
}

export type Snapshot = ReadonlyMap<string, Look>;

export async function snapshot(connection: VectorConnection, keys: readonly string[]): Promise<Snapshot> {
  const looks = keys.map(async (key) => {
    const [dump, expiresAt] = await Promise.all([
      connection.callBuffer("DUMP", key),
      expiryOf(connection, key),
    ]);
    return [
      key,
      { dump: dump instanceof Uint8Array ? Buffer.from(dump).toString("base64") : "", expiresAt },
    ] as const;
  });
  return new Map(await Promise.all(looks));
}

/** Servers before 7.0 do not know PEXPIRETIME. */
async function expiryOf(connection: VectorConnection, key: string): Promise<number> {
  try {
    return Number(await connection.callBuffer("PEXPIRETIME", key));
  } catch {
    const left = Number(await connection.callBuffer("PTTL", key));
    return left < 0 ? left : Date.now() + left;
  }
}

/** The keys that differ. A key that only the later one has is new. */
export function changedKeys(before: Snapshot, after: Snapshot): string[] {
  return [...after].flatMap(([key, now]) => {
    const was = before.get(key) ?? { dump: "", expiresAt: -2 };
    const same = was.dump === now.dump && Math.abs(was.expiresAt - now.expiresAt) <= LOOK_MS;
    return same ? [] : [key];
  });
}
