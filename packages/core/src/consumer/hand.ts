/**
 * What a consumer's process has in hand: entries read and not leased yet, attempts leased that wait for a slot, attempts
 * that run, attempts that ended and are not settled yet. An entry is in one of the four.
 */
import type { Attempt as SettleItem } from "@sluice/lua-scripts";
import type { Attempt, Entry } from "./entry.js";

/** How an attempt ended, and what is told about it once it is settled. */
export interface Ending {
  readonly attempt: Attempt;
  readonly item: SettleItem;
  readonly type: string | undefined;
  readonly durationMs: number;
  /** Why it was acknowledged without being handled. */
  readonly skipped?: "unhandled" | "otherGroup";
}

export class Hand {
  /** Delivered by Redis, in that order. */
  readonly prefetched: Entry[] = [];
  /** In the order leased. */
  readonly waiting: Attempt[] = [];
  readonly running = new Map<string, Attempt>();
  readonly ended: Ending[] = [];

  get empty(): boolean {
    const { prefetched, waiting, running, ended } = this;
    return prefetched.length + waiting.length + running.size + ended.length === 0;
  }

  /** The IDs of all of it. */
  ids(): string[] {
    const ids = this.prefetched.map(({ id }) => id);
    for (const { entry } of this.waiting) ids.push(entry.id);
    for (const id of this.running.keys()) ids.push(id);
    for (const { attempt } of this.ended) ids.push(attempt.entry.id);
    return ids;
  }
}
