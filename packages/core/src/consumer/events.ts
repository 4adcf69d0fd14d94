/** What a consumer tells while it works: typed events, and plain numbers. */

import type { AsyncContext } from "../async-context.js";
import { type AnyFunction, callGuarded } from "../guard.js";
import type { Logger } from "../logger.js";
import { toLoggable } from "../thrown.js";
import type { Recovery } from "./recovery.js";

/** What every event about one entry says. Never the payload. */
export interface EntryReport {
  readonly entryId: string;
  /** As the publisher gave it; empty for an entry that carries none. */
  readonly idempotencyKey: string;
  /** Undefined for an entry that is not ours to read. */
  readonly type?: string;
  readonly tenantId?: string;
}

export interface ConsumerEvents {
  /** A handler succeeded, and its success is recorded. */
  handled: EntryReport & { readonly attempt: number; readonly durationMs: number; readonly emitted: number };
  /** Acknowledged without being handled. */
  skipped: EntryReport & { readonly reason: "duplicate" | "unhandled" | "otherGroup" };
  /** Waiting for its next attempt. */
  retry: EntryReport & { readonly attempt: number; readonly delayMs: number; readonly message: string };
  /** In the dead-letter stream. */
  deadLetter: EntryReport & { readonly attempt: number; readonly reason: string; readonly message: string };
  /**
   * The entry went to a newer attempt: whatever this one ends with is of no consequence. Taken over by a newer process
   * of this consumer's name, or by another consumer, since the lease was over.
   */
  leaseLost: EntryReport & { readonly attempt: number; readonly takenBy: "newerProcess" | "otherConsumer" };
  /** Others removed events of the group, or made it pass over them, before it had settled them: they are lost to it. */
  trimmed: { readonly group: string; readonly tenantId?: string; readonly entries: number };
  /** A recovery pass ended that had something to do, or the first one. */
  recovered: Recovery & { readonly tenantId?: string };
  /** Something went wrong that the consumer goes on from, or, if `fatal`, stops at. */
  error: { readonly error: unknown; readonly fatal: boolean; readonly tenantId?: string };
}

/** What it returns is of no consequence; the promise that an async one returns is watched for rejections. */
export type ConsumerListener<E extends keyof ConsumerEvents> = (report: ConsumerEvents[E]) => unknown;

/**
 * Calls listeners in the order they came, each in the async context of the consumer's `start()`. One that throws, or
 * rejects, keeps neither the others nor the consumer from going on.
 */
export class Emitter {
  /** That of the `start()` under way, or the last one. */
  context: AsyncContext | undefined;
  private readonly listeners = new Map<keyof ConsumerEvents, Set<(report: never) => unknown>>();

  constructor(private readonly onListenerError: (event: string, thrown: unknown) => void) {}

  /** Returns the way to stop listening. */
  on<E extends keyof ConsumerEvents>(event: E, listener: ConsumerListener<E>): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Whether anybody listens: a report that nobody wants need not be made. */
  wants(event: keyof ConsumerEvents): boolean {
    return (this.listeners.get(event)?.size ?? 0) > 0;
  }

  emit<E extends keyof ConsumerEvents>(event: E, report: ConsumerEvents[E]): void {
    const listeners = this.listeners.get(event);
    if (listeners === undefined || listeners.size === 0) return;
    const onThrown = (thrown: unknown) => this.onListenerError(event, thrown);
    for (const listener of listeners) {
      // `on` put it under its own event.
      const call = () => callGuarded(listener as AnyFunction, undefined, [report], onThrown);
      if (this.context === undefined) call();
      else this.context.run(call, undefined);
    }
  }
}

/** An emitter that logs what its listeners throw. */
export function emitterFor(logger: Logger): Emitter {
  return new Emitter((event, thrown) => logger.error("listener threw", { event, err: toLoggable(thrown) }));
}
