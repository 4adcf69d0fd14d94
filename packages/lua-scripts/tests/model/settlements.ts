/** How a handler may end: what its process then asks for. */
import { type Emit, partsOf } from "@sluice/lua-scripts";
import type { Held, Sent } from "./consumer.js";
import type { EntryRecord } from "./ledger.js";
import type { Random } from "./random.js";

/** Longer than any history: such a retry is due when a step says so. */
const LONG_MS = 3_600_000;

/**
 * A random end of the attempt. Most successes emit an event that tells entry and attempt, so the stream itself shows
 * what was committed; some emit one under a key that others use too. What was emitted is handled without emitting.
 */
export function settlementOf(held: Held, { emitted }: EntryRecord, random: Random): Sent {
  const { key, token } = held;
  const outcome = random.weighted([
    [55, "SUCCESS"],
    [22, "RETRY"],
    [10, "FAILURE"],
    [8, "SKIP"],
  ] as const);
  switch (outcome) {
    case "SUCCESS": {
      const emits = emitted ? [] : emitsOf(held, random);
      return { ...held, settlement: { outcome, key, ...partsOf(token), emits } };
    }
    case "RETRY": {
      const delayMs = random.pick([0, 0, LONG_MS]);
      return { ...held, settlement: { outcome, key, ...partsOf(token), delayMs, message: "again" } };
    }
    case "FAILURE":
      return { ...held, settlement: { outcome, key, ...partsOf(token), reason: "FAILED", message: "no" } };
    case "SKIP":
      return { ...held, settlement: { outcome, key, ...partsOf(token) } };
  }
}

/** A success that emits nothing. */
export function successOf(held: Held): Sent {
  const { key, token } = held;
  return { ...held, settlement: { outcome: "SUCCESS", key, ...partsOf(token), emits: [] } };
}

function emitsOf({ token }: Held, random: Random): Emit[] {
  const emits: Emit[] = [];
  if (random.chance(0.6)) {
    emits.push({ key: `~${token}`.slice(0, 250), event: `emitted by ${token}`, fingerprint: "" });
  }
  while (random.chance(0.3)) {
    const fingerprint = random.pick(["f", "g"]);
    emits.push({ key: random.pick(["k1", "named"]), event: `emitted ${fingerprint}`, fingerprint });
  }
  return emits;
}
