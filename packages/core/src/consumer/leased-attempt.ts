/** One attempt at handling an entry, from its lease until it is settled or released. */
import { attemptOf, partsOf, type RecoveredEntry, type ReleaseItem, tokenOf } from "@sluice/lua-scripts";
import { storyOf } from "../context.js";
import type { StoredEvent } from "../envelope.js";
import { givenKey, partsOfKey } from "../stored-key.js";
import { type Entry, entryFrom } from "./entry.js";
import type { InFlight } from "./in-flight.js";

export class LeasedAttempt {
  /** By performance.now(): when its handler was begun; infinity before that. */
  begunAt = Number.POSITIVE_INFINITY;
  /** The event, once it is read. */
  event: StoredEvent | undefined;
  /** Its handler has ended, or was given up. Written by the executor alone. */
  over = false;
  /** Calls of `stop`, `close` or `idle` that its handler waits in (`inside.ts`). */
  waits = 0;
  /** A settle call for it may have run although its reply was lost. Written by its InFlight alone. */
  maybeSettled = false;
  private isLost = false;
  private controller: AbortController | undefined;
  private reason: unknown;

  constructor(
    /** Where it is in flight. */
    readonly inFlight: InFlight,
    readonly entry: Entry,
    /** What follows the entry's ID in the attempt's token. */
    readonly tail: string,
    /** From 1. */
    readonly number: number,
    /** The run before died, and this is the last one: nothing fresh may run beside it. */
    readonly isSuspect: boolean,
    /** By performance.now(): when the lease clock was last known to be restarted. */
    public leasedAt: number,
  ) {}

  get token(): string {
    return tokenOf({ id: this.entry.id, tail: this.tail });
  }

  /** The event's type, once it is read. */
  get type(): string | undefined {
    return this.event?.type;
  }

  /** The correlation ID of the event's story, once it is read. */
  get correlationId(): string | undefined {
    return this.event && storyOf(this.event);
  }

  /** A newer attempt has the entry: what this one ends with is ignored. */
  get lost(): boolean {
    return this.isLost;
  }

  /** For its InFlight alone. */
  lose(): void {
    this.isLost = true;
  }

  /** Made when it is first asked for: most handlers never look, and making one costs more than settling. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.reason ??= reason;
    this.controller?.abort(this.reason);
  }

  /** As `release` takes it. */
  get asReleased(): ReleaseItem {
    return { id: this.entry.id, key: this.entry.key, token: this.token };
  }
}

/** What every log line about an attempt says. Never the payload. */
export function aboutAttempt(attempt: LeasedAttempt): object {
  const { entry, number, type, correlationId } = attempt;
  const { id, key } = entry;
  const idempotencyKey = type === undefined ? partsOfKey(key).key : givenKey(key, type);
  return { eventType: type, idempotencyKey, correlationId, entryId: id, attempt: number };
}

/** The attempt that recovery leased. */
export function recoveredAttempt(
  inFlight: InFlight,
  { token, suspect, fields }: RecoveredEntry,
  now: number,
): LeasedAttempt {
  const { id, tail } = partsOf(token);
  return new LeasedAttempt(inFlight, entryFrom(id, fields), tail, attemptOf(token), suspect, now);
}
