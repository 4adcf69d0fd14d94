/** Lives through many random histories, some at a time over one connection, so that the server is kept busy. */
import fc from "fast-check";
import type { Client } from "../support/redis.js";
import { History, type Outcome, type Step, steps } from "./history.js";

const AT_A_TIME = 25;

export interface Lives {
  /** How many histories; rounded up to a multiple of 25. */
  readonly count: number;
  /** Steps of the longest; the shortest has half as many. */
  readonly length: number;
  /** How often each kind of step is taken, relative to the others. */
  readonly kinds: Partial<Record<Step["do"], number>>;
  /** How attempts end; all outcomes unless given. */
  readonly outcomes?: readonly Outcome[];
  /** Looked at after every step. */
  readonly check?: (history: History) => Promise<void>;
}

/**
 * Throws what a step or the check throws, with the shortest history that fast-check finds for it. Answers how often
 * what is worth seeing happened.
 */
export async function live(client: Client, { count, length, kinds, outcomes, check }: Lives) {
  const happened = new Map<string, number>();
  const keepsDeleted = await claimsKeepDeleted(client);
  const property = fc.asyncProperty(steps(kinds, length, outcomes), fc.nat(3), async (taken, oldEntries) => {
    const history = await History.begin(client, keepsDeleted, oldEntries);
    for (const step of taken) {
      await history.take(step);
      await check?.(history);
    }
    await client.unlink(...history.groups.flatMap(({ group }) => group.allKeys));
    for (const [what, times] of history.happened) happened.set(what, (happened.get(what) ?? 0) + times);
  });
  const numRuns = Math.ceil(count / AT_A_TIME);
  await Promise.all(Array.from({ length: AT_A_TIME }, () => fc.assert(property, { numRuns })));
  return Object.fromEntries(happened);
}

async function claimsKeepDeleted(client: Client): Promise<boolean> {
  const version = /redis_version:(\d+)/.exec(await client.info("server"))?.[1];
  return Number(version) < 7;
}
