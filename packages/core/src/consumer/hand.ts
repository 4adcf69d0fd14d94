/**
 * What a consumer's process has in hand: entries read and not leased yet, attempts leased that wait for a slot, attempts
 * that run, attempts that ended and are not settled yet. An entry is in one of the four.
 */
import type { ReleaseItem, SettleItem } from "@sluice/lua-scripts";
import type { Attempt, Entry } from "./entry.js";
import { MAX_CALL } from "./requests.js";

/** How an attempt ended, and what is told about it once it is settled. */
export interface Ending {
  readonly attempt: Attempt;
  readonly item: SettleItem;
  readonly type: string | undefined;
  /** Of the event's story. */
  readonly correlationId: string | undefined;
  readonly durationMs: number;
  /** Why it was acknowledged without being handled. */
  readonly skipped?: "unhandled" | "otherGroup";
  /** The log line of an attempt that is most likely the last one: part of the line about the dead letter. */
  readonly untold?: UntoldLine | undefined;
}

/** A log line that has not been written yet. */
export interface UntoldLine {
  readonly level: "error" | "warn" | "info";
  readonly message: string;
  readonly fields: { readonly err?: Error; readonly delayMs?: number; readonly reason?: string };
}

/** Events emitted in one settle call take about this many characters at most, unless one attempt alone takes more. */
const MAX_EMIT_CHARS = 4 * 1_024 * 1_024;

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

  /** Takes out of it what one call may settle. */
  takeEnded(): Ending[] {
    const { ended } = this;
    let count = 0;
    let chars = 0;
    for (const { item } of ended) {
      if (count === MAX_CALL) break;
      if (item.outcome === "SUCCESS") for (const { event } of item.emits) chars += event.length;
      if (count > 0 && chars > MAX_EMIT_CHARS) break;
      count += 1;
    }
    return ended.splice(0, count);
  }

  /** Takes out of it what was not begun, to be given back. */
  takeUnstarted(): ReleaseItem[] {
    return [...this.takePrefetched(0), ...this.waiting.splice(0).map(leased)];
  }

  /** Takes out of it what was read and not leased, but for the first `but`. */
  takePrefetched(but: number): ReleaseItem[] {
    return this.prefetched.splice(but).map(({ id, key }) => ({ id, key, token: undefined }));
  }

  /** Takes out of it what was leased before `before`, by performance.now(), and still waits. */
  takeLate(before: number): ReleaseItem[] {
    const onTime = this.waiting.findIndex(({ leasedAt }) => leasedAt >= before);
    return this.waiting.splice(0, onTime === -1 ? this.waiting.length : onTime).map(leased);
  }

  /** What runs, as it would be given back. */
  get unfinished(): ReleaseItem[] {
    return [...this.running.values()].map(leased);
  }

  /** What ended and is not settled, in the same form. */
  get unsettled(): ReleaseItem[] {
    return this.ended.map(({ attempt }) => leased(attempt));
  }
}

export function leased({ entry, token }: Attempt): ReleaseItem {
  return { id: entry.id, key: entry.key, token };
}
