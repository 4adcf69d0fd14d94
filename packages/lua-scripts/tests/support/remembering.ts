/**
 * A group that processes keys while time passes, beside what is promised of its memory: at least the shortest TTL
 * that was configured since a key was processed, at most 4/3 of the longest one, rounded up to whole buckets.
 *
 * Times are the scripts' own answers plus what was made to pass, so that nothing here is approximate.
 */
import { EXPIRY_SLACK_MS } from "@sluice/lua-scripts";
import { skip, success } from "./attempts.js";
import { openGroup, type TestGroup } from "./group.js";
import type { Client } from "./redis.js";
import { passTime } from "./time.js";

/** The buckets that are remembered, of which the TTL spans one less. */
const REMEMBERED = 4;

export function widthOf(ttlMs: number): number {
  return Math.ceil(ttlMs / (REMEMBERED - 1));
}

/** TTL, one width, and what rounding a third up adds. */
export function longestMs(ttlMs: number): number {
  return REMEMBERED * widthOf(ttlMs);
}

interface Marked {
  readonly key: string;
  readonly at: number;
  /** The shortest and longest TTL that was configured since. */
  shortestTtlMs: number;
  longestTtlMs: number;
}

/** What was found of a key, with what was promised of it at that age. */
export interface Finding {
  readonly key: string;
  readonly ageMs: number;
  readonly remembered: boolean;
  readonly mustBeRemembered: boolean;
  readonly mustBeForgotten: boolean;
}

export class RememberingGroup {
  readonly group: TestGroup;
  readonly #marked: Marked[] = [];
  #ttlMs: number;
  /** The TTL that the bucket being filled was opened under may be any that was configured. */
  #longestTtlMs: number;
  #passedMs = 0;

  private constructor(group: TestGroup) {
    this.group = group;
    this.#ttlMs = group.settings.idempotencyTtlMs;
    this.#longestTtlMs = this.#ttlMs;
  }

  static async open(client: Client, idempotencyTtlMs: number): Promise<RememberingGroup> {
    return new RememberingGroup(await openGroup(client, { idempotencyTtlMs, consumers: ["c1"] }));
  }

  async pass(ms: number): Promise<void> {
    const whole = Math.round(ms);
    await passTime(this.group, whole);
    this.#passedMs += whole;
  }

  async changeTtl(idempotencyTtlMs: number): Promise<void> {
    await this.group.open({ idempotencyTtlMs, change: true });
    this.#ttlMs = idempotencyTtlMs;
    this.#longestTtlMs = Math.max(this.#longestTtlMs, idempotencyTtlMs);
    for (const marked of this.#marked) {
      marked.shortestTtlMs = Math.min(marked.shortestTtlMs, idempotencyTtlMs);
      marked.longestTtlMs = Math.max(marked.longestTtlMs, idempotencyTtlMs);
    }
  }

  /** Processes an event under a key of its own. */
  async mark(): Promise<void> {
    const taken = await this.group.inHand(`key-${this.#marked.length}`);
    const { now } = await this.group.settleReply("c1", [success(taken)]);
    const at = now + this.#passedMs;
    this.#marked.push({
      key: taken.key,
      at,
      shortestTtlMs: this.#ttlMs,
      longestTtlMs: this.#longestTtlMs,
    });
  }

  /** Publishes every key again and lets `lease` say which are remembered. */
  async ask(): Promise<readonly Finding[]> {
    if (this.#marked.length === 0) return [];
    await this.group.add(...this.#marked.map(({ key }) => key));
    const entries = await this.group.read();
    const nonce = "ask";
    const { now, verdicts } = await this.group.leaseReply("c1", entries, nonce);
    const run = entries.filter((_, at) => verdicts[at] === "LEASED");
    if (run.length > 0) {
      // Skipping leaves no mark, so that a forgotten key stays forgotten.
      await this.group.settle(
        "c1",
        ...run.map(({ id, key }) => skip({ key, token: `${id}|c1|1|${nonce}.${now}` })),
      );
    }
    return this.#marked.map((marked, at) => {
      const ageMs = now + this.#passedMs - marked.at;
      return {
        key: marked.key,
        ageMs,
        remembered: verdicts[at] === "DUPLICATE",
        mustBeRemembered: ageMs < marked.shortestTtlMs,
        mustBeForgotten: ageMs >= longestMs(marked.longestTtlMs),
      };
    });
  }

  /** The keys that Redis will hold for longer than promised, also if nobody ever calls again. */
  async heldTooLong(): Promise<readonly string[]> {
    const { client, buckets } = this.group;
    const held = await Promise.all(
      buckets.map(async (bucket) => {
        const [members, expiresAt] = await Promise.all([client.smembers(bucket), expiryOf(client, bucket)]);
        return this.#marked.filter(({ key, at, longestTtlMs }) => {
          const slackMs = Math.min(Math.ceil(widthOf(longestTtlMs) / 10), EXPIRY_SLACK_MS);
          const goneBy = at + longestMs(longestTtlMs) + slackMs;
          return members.includes(key) && !(expiresAt + this.#passedMs <= goneBy);
        });
      }),
    );
    return held.flat().map(({ key }) => key);
  }
}

/** Infinity for a key that never expires. */
async function expiryOf(client: Client, key: string): Promise<number> {
  const [[, [seconds, micros]], [, left]] = ((await client.multi().time().pttl(key).exec()) ??
    []) as unknown as [[unknown, [string, string]], [unknown, number]];
  if (left < 0) return left === -1 ? Number.POSITIVE_INFINITY : 0;
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000) + left;
}
