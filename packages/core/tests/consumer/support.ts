/** Entries, attempts and how they end, for tests of a consumer's parts that need no server. */
import type { Emit } from "@sluice/lua-scripts";
import { type Entry, entryFrom } from "../../src/consumer/entry.js";
import { type FinishedAttempt, finishedAttempt } from "../../src/consumer/finished-attempt.js";
import { InFlight } from "../../src/consumer/in-flight.js";
import { LeasedAttempt } from "../../src/consumer/leased-attempt.js";
import { silentLogger } from "../../src/logger.js";

export function inFlight(): InFlight {
  return new InFlight({ stream: "orders", tenantId: undefined, group: "billing", logger: silentLogger });
}

export function entries(...ids: readonly string[]): Entry[] {
  return ids.map((id) => entryFrom(id, ["key", `order.placed:${id}`, "event", "{}"]));
}

export function attempts(of: InFlight, batch: readonly Entry[], leasedAt = 0): LeasedAttempt[] {
  return batch.map((entry) => new LeasedAttempt(of, entry, "|c1|1|p_1.0", 1, false, leasedAt));
}

export function succeeded(attempt: LeasedAttempt, emits: readonly Emit[] = []): FinishedAttempt {
  attempt.begunAt = 0;
  return finishedAttempt(attempt, { outcome: "SUCCESS", emits }, 1);
}

/** Attempts that run, leased as of `leasedAt`. */
export function running(of: InFlight, leasedAt: number, ...ids: readonly string[]): LeasedAttempt[] {
  of.adopt(attempts(of, entries(...ids), leasedAt));
  return ids.flatMap(() => of.next() ?? []);
}
