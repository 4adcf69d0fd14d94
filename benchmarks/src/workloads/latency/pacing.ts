/** A light load that is steady over time and in step with nothing: no timer, no tick of the server. */

import { setTimeout as sleep } from "node:timers/promises";

export const EVENTS_PER_SECOND = 200;
const EVERY_MS = 1_000 / EVENTS_PER_SECOND;

/**
 * Calls `publish` with 0 to `events` - 1, each at a random moment of its own 5 ms, counted from the beginning, so that
 * what comes late does not delay the rest. Waits for no call before the next one.
 */
export async function paced(events: number, publish: (index: number) => Promise<unknown>): Promise<void> {
  const startedAtMs = performance.now();
  const calls: Promise<unknown>[] = [];
  for (let index = 0; index < events; index++) {
    const dueAtMs = startedAtMs + (index + Math.random()) * EVERY_MS;
    const waitMs = dueAtMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    calls.push(publish(index));
  }
  await Promise.all(calls);
}
