/** Releases what this process has in flight and will not begin soon: it is due at once, for any consumer of the group. */
import type { ReleaseItem } from "@sluice/lua-scripts";
import type { Logger } from "../logger.js";
import type { Executor } from "./executor.js";
import type { FailureHandler } from "./failure-handler.js";
import type { GroupCalls } from "./group-calls.js";
import type { Membership } from "./membership.js";
import type { ReadAhead } from "./read-ahead.js";

export interface ReleasesParts {
  readonly membership: Membership;
  readonly calls: GroupCalls;
  readonly executor: Executor;
  readonly readAhead: ReadAhead;
  readonly failures: FailureHandler;
  readonly logger: Logger;
}

export class Releases {
  constructor(private readonly parts: ReleasesParts) {}

  /** What was not begun. */
  unstarted(): void {
    this.send(this.parts.membership.inFlight.takeUnstarted());
  }

  /** What was delivered beyond so many entries. */
  surplus(capacity: number): void {
    this.send(this.parts.membership.inFlight.takeDelivered(capacity));
  }

  /** Looks once, later, at what waits for a slot now, and releases what waits still. */
  watchLate(): void {
    const { readAhead, membership } = this.parts;
    readAhead.watch(membership.inFlight, this.late);
  }

  /** After handlers kept the thread for long: what has waited for too long meanwhile. */
  afterSlowHandlers(): void {
    const { readAhead, membership, executor } = this.parts;
    const late = readAhead.takeLate(membership.inFlight);
    // What was read before that handler began has waited for as long as it kept the thread.
    if (executor.oneAtATime) late.push(...membership.inFlight.takeDelivered(0));
    this.late(late);
  }

  /** What waits for a slot for too long: others may have one. */
  private readonly late = (items: readonly ReleaseItem[]): void => {
    if (items.length === 0) return;
    const { membership, logger } = this.parts;
    // What `runOnce` may lease is for what it handles.
    membership.budget.left += items.filter(({ token }) => token !== undefined).length;
    // Nothing is read ahead until a handler has shown to be quick.
    membership.lastBatchMs = Number.POSITIVE_INFINITY;
    logger.debug("released entries that found no free slot", { entries: items.length });
    this.send(items);
  };

  private send(items: readonly ReleaseItem[]): void {
    if (items.length > 0) void this.items(items);
  }

  /** What is out of flight already. Never rejects. */
  async items(items: readonly ReleaseItem[]): Promise<void> {
    try {
      await this.parts.calls.release(items);
    } catch (error) {
      // It is still pending with this consumer, and found there by recovery.
      await this.parts.failures.failed(error);
    }
  }
}
