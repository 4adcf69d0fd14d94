/** Entries as Redis delivers them, and what a consumer has in hand of them. */
import { attemptOf, MAX_STORED_KEY_BYTES, partsOf, type RecoveredEntry, tokenOf } from "@sluice/lua-scripts";
import { fitsBytes } from "../envelope.js";
import { givenKey, partsOfKey } from "../stored-key.js";
import { performance } from "../timing.js";

/** An entry of the stream. */
export interface Entry {
  readonly id: string;
  /** The key as it is stored; empty for an entry that is not in our layout, which is known by its ID alone. */
  readonly key: string;
  /** Fields and values, flat and in order. */
  readonly fields: readonly string[];
}

/**
 * Control characters, what stands for bytes that are not UTF-8, and `#` at the beginning, by which scripts know entries
 * without a key. They read keys by the same rule.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that are looked for
const NOT_IN_A_KEY = /^#|[\u0000-\u001f\u007f\ufffd]/;

function keyOf(fields: readonly string[]): string {
  const ours =
    fields[0] === "key" &&
    fields[2] === "event" &&
    (fields.length === 4 || (fields.length === 6 && fields[4] === "group"));
  const key = ours ? (fields[1] ?? "") : "";
  return fitsBytes(key, MAX_STORED_KEY_BYTES) && !NOT_IN_A_KEY.test(key) ? key : "";
}

export function entryFrom(id: string, fields: readonly string[]): Entry {
  return { id, key: keyOf(fields), fields };
}

/** The entries in a reply of XREADGROUP for one stream; none in null, its answer when there is nothing to read. */
export function entriesIn(reply: unknown): Entry[] {
  if (!Array.isArray(reply)) return [];
  // [[stream, [[id, [field, value, …]], …]]]: the reply's documented shape in RESP2, which every connection gives.
  const [[, delivered]] = reply as [[string, [string, string[]][]]];
  return delivered.map((entry) => entryFrom(entry[0], entry[1]));
}

/** About how many bytes the fields of entries take. */
export function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { fields } of entries) {
    // The values of our layout, which most entries have; iterating over all of them takes ten times as long.
    if (fields.length === 4) bytes += (fields[1]?.length ?? 0) + (fields[3]?.length ?? 0);
    else for (const value of fields) bytes += value.length;
  }
  return bytes;
}

/** An entry that is leased to this process: one attempt at handling it. */
export class Attempt {
  /** By performance.now(): when the lease clock was last known to be restarted. */
  leasedAt = performance.now();
  /** By performance.now(): when its handler was begun. */
  begunAt = 0;
  /** The event's type, once it is read. */
  type: string | undefined;
  /** Of the event's story, once it is read. */
  correlationId: string | undefined;
  /** A newer attempt has the entry: whatever this one ends with is of no consequence. */
  lost = false;
  /** Its handler has ended, or was given up. */
  over = false;
  /** Calls of `stop`, `close` or `idle` that its handler waits in (`inside.ts`). */
  waits = 0;
  /** A settle call for it may have run although its reply was lost. */
  maybeSettled = false;
  private controller: AbortController | undefined;
  private reason: unknown;

  constructor(
    readonly entry: Entry,
    /** What follows the entry's ID in the attempt's token. */
    readonly tail: string,
    /** From 1. */
    readonly number: number,
    /** The run before died, and this is the last one: nothing fresh may run beside it. */
    readonly isSuspect: boolean,
  ) {}

  get token(): string {
    return tokenOf({ id: this.entry.id, tail: this.tail });
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
}

/** What every log line about an attempt says. Never the payload. */
export function aboutAttempt(
  { entry, number }: Attempt,
  eventType: string | undefined,
  correlationId: string | undefined,
): object {
  const { id, key } = entry;
  const idempotencyKey = eventType === undefined ? partsOfKey(key).key : givenKey(key, eventType);
  return { eventType, idempotencyKey, correlationId, entryId: id, attempt: number };
}

/** The attempt that recovery leased. */
export function recoveredAttempt({ token, suspect, fields }: RecoveredEntry): Attempt {
  const { id, tail } = partsOf(token);
  return new Attempt(entryFrom(id, fields), tail, attemptOf(token), suspect);
}
