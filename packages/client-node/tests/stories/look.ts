/** What Redis holds, looked at with a plain client and none of the code under test but the names of keys. */
import { type GroupKeys, groupKeys } from "@sluice/lua-scripts";
import { sharedServerUrl } from "@sluice/test-server";
import { Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";

/** A plain client, closed when the test ends. */
export function plainRedis(url: string = sharedServerUrl()): Redis {
  const redis = new Redis(url, { protocol: 2, lazyConnect: true });
  // A server that is restarted on purpose is no news.
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}

export interface StoredEntry {
  readonly id: string;
  /** The idempotency key as its publisher named it, or as it was generated. */
  readonly key: string;
  /** The CloudEvents document as text, and parsed. */
  readonly text: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** A stream and one of its groups as they are in Redis. */
export class Look {
  readonly keys: GroupKeys;

  constructor(
    readonly redis: Redis,
    stream: string,
    readonly group = "none",
    tenantId?: string,
  ) {
    this.keys = groupKeys(stream, group, tenantId);
  }

  async entries(): Promise<StoredEntry[]> {
    return (await this.redis.xrange(this.keys.stream, "-", "+")).map(([id, fields]) => {
      expect([fields[0], fields[2]]).toEqual(["key", "event"]);
      const [, stored = "", , text = ""] = fields;
      return { id, key: keyIn(stored), text, event: JSON.parse(text) };
    });
  }

  /** The dead letters' fields by name; those of the original entry are behind `layout`. */
  async deadLetters(): Promise<Record<string, string>[]> {
    const letters = await this.redis.xrange(this.keys.dead, "-", "+");
    return letters.map(([, fields]) => Object.fromEntries(pairs(fields)));
  }

  /** Who holds which entry, and at which delivery. `/waiting` holds what waits to be due. */
  async pending(): Promise<{ id: string; consumer: string; deliveries: number }[]> {
    const found = await this.redis.xpending(this.keys.stream, this.group, "-", "+", 10_000);
    // [[id, consumer, idle, deliveries], …]: the command's documented shape.
    return (found as [string, string, number, number][]).map(([id, consumer, , deliveries]) => ({
      id,
      consumer,
      deliveries,
    }));
  }

  /** The processed keys as their publishers named them, and the marks of dead letters. */
  async processed(): Promise<string[]> {
    const buckets = await Promise.all(this.rings().map((key) => this.redis.smembers(key)));
    return buckets.flat().map(keyIn).sort();
  }

  rings(): string[] {
    const { keys } = this;
    return [
      keys["processed.0"],
      keys["processed.1"],
      keys["processed.2"],
      keys["processed.3"],
      keys["processed.4"],
    ];
  }

  state(): Promise<Record<string, string>> {
    return this.redis.hgetall(this.keys.state);
  }

  /**
   * Lets `ms` pass for the ring of processed keys: it is as if everything in it had happened that much earlier. Buckets
   * that would have expired by themselves meanwhile are removed.
   */
  async age(ms: number): Promise<void> {
    await this.redis.hincrby(this.keys.state, "ringOpenedAt", -ms);
    for (const key of this.rings()) {
      const at = await expiresAt(this.redis, key);
      if (at > 0) await this.redis.pexpireat(key, Math.round(at - ms));
    }
  }
}

/** The key in a stored one, which has the event's type and a colon in front if the publisher named it. */
export function keyIn(stored: string): string {
  return stored.replace(/^[^:]*:/, "");
}

/** When a key expires, in milliseconds since 1970; -1 if never, -2 if there is no such key. */
export async function expiresAt(redis: Redis, key: string): Promise<number> {
  // PEXPIRETIME would be exact, and does not exist before 7.0; this is so to the millisecond.
  const replies = await redis.multi().time().pttl(key).exec();
  const [[, time] = [], [, left] = []] = replies ?? [];
  const [seconds, micros] = time as [string | number, string | number]; // of TIME
  return Number(left) < 0 ? Number(left) : Number(seconds) * 1_000 + Number(micros) / 1_000 + Number(left);
}

/** Every key whose name holds `part`: its bytes, and when it expires. */
export async function contents(redis: Redis, part: string) {
  const names: string[] = [];
  for await (const page of redis.scanStream({ match: `*${part}*`, count: 1_000 })) names.push(...page);
  const found = new Map<string, { dump: string | undefined; expiresAt: number }>();
  for (const name of [...new Set(names)].sort()) {
    const dump = (await redis.dumpBuffer(name))?.toString("base64");
    found.set(name, { dump, expiresAt: await expiresAt(redis, name) });
  }
  return found;
}

/** Nothing was written in between: every key, its bytes and its expiry are the same. */
export function expectUnchanged(
  before: Awaited<ReturnType<typeof contents>>,
  after: Awaited<ReturnType<typeof contents>>,
): void {
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [name, { dump, expiresAt }] of after) {
    expect(dump, name).toBe(before.get(name)?.dump);
    expect(Math.abs(expiresAt - (before.get(name)?.expiresAt ?? 0)), name).toBeLessThan(5);
  }
}

function pairs(fields: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) found.push([fields[at] ?? "", fields[at + 1] ?? ""]);
  return found;
}
