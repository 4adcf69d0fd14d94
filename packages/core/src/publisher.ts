/**
 * Publishing to Redis: concurrent publishes to one stream travel in one script call per tick (in two where they follow
 * on results), each with a result of its own; a lost reply is made up for under the same key.
 */
import {
  type PublishItem,
  type PublishReply,
  publishCall,
  publishReply,
  type StreamKeys,
} from "@sluice/lua-scripts";
import { type Connection, evaluate, goesAwaySoon, hasMaybeExecuted } from "./connection.js";
import {
  ClosedError,
  ConnectionError,
  DeadlineError,
  IdempotencyMismatchError,
  SluiceError,
  StreamFullError,
} from "./errors.js";
import { type Job, PublishLine } from "./publish-line.js";
import { refusalError } from "./refusals.js";
import type { Enrolment } from "./registry/enrolment.js";
import { partsOfKey } from "./stored-key.js";
import { nextTick, performance, sleep } from "./timing.js";

/** What a publish resolves with. */
export interface Receipt {
  /** The entry's ID, as Redis assigned it. */
  readonly id: string;
  /** True if the key had been published within the publish window: `id` is that first entry's. */
  readonly duplicate: boolean;
}

export interface PublisherSettings {
  /** Publish window in milliseconds; 0 for none. */
  readonly publishWindowMs: number;
  /** Most entries a stream may have; 0 for no limit. */
  readonly maxLength: number;
  readonly deadlineMs: number;
}

/** Most events that one script call takes. */
export const MAX_BATCH = 1_000;

/**
 * Callers who publish again once they have a result keep in step: all of them wait for one call, then Redis waits for all
 * of them. What follows on results therefore travels in two calls, of this many events at least: while Redis is at the
 * one, this process is at the results of the other. With 64 in flight that is 1.5 times as fast as one call of 64;
 * smaller parts cost Redis more than they gain.
 */
const MIN_PART = 32;

/** A call's events take about this many characters at most, so that one call does not hold up the server. */
const MAX_BATCH_CHARS = 4 * 1_024 * 1_024;

/** Pause before a publish whose reply was lost is sent again, in milliseconds; the second half is jitter. */
const RESEND_DELAY_MS = 50;

/** Where events go. */
export interface Destination {
  readonly stream: string;
  readonly keys: StreamKeys;
  readonly tenantId: string | undefined;
  /** Of the tenants of a multi-tenant stream. */
  readonly enrolment: Enrolment | undefined;
}

interface Waiting {
  readonly item: PublishItem;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly to: Destination;
  readonly waiting: Waiting[];
  /** Begun in the tick in which results were told. */
  readonly inStep: boolean;
}

/** Plain numbers, for `metrics()`. */
export interface PublisherStats {
  readonly published: number;
  readonly duplicates: number;
  readonly failures: number;
  /** Script calls. */
  readonly calls: number;
  /** Script calls that are under way or wait their turn. */
  readonly inFlight: number;
}

export class Publisher {
  private readonly counts = { published: 0, duplicates: 0, failures: 0, calls: 0 };
  private batches = new Map<string, Batch>();
  private readonly line: PublishLine;
  private closed = false;
  /** Results were told in this tick: what is published now most likely follows on them. */
  private tellingResults = false;

  constructor(
    private readonly connection: Connection,
    private readonly settings: PublisherSettings,
  ) {
    this.line = new PublishLine(settings.deadlineMs);
  }

  get stats(): PublisherStats {
    return { ...this.counts, inFlight: this.line.calls };
  }

  /** Publishes one event, together with what else is published to its stream in this tick. */
  publish(to: Destination, item: PublishItem): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.closed) throw new ClosedError({ attempted: "publish", closed: "bus" });
      this.admit(to.stream, 1, item.event.length);
      let batch = this.batches.get(to.keys.stream);
      if (batch === undefined) {
        batch = { to, waiting: [], inStep: this.tellingResults };
        if (this.batches.size === 0) nextTick(() => this.flush());
        this.batches.set(to.keys.stream, batch);
      }
      batch.waiting.push({ item, resolve, reject });
    });
  }

  /** Publishes all of 1 to 1,000 events, or none. */
  publishAll(to: Destination, items: readonly PublishItem[]): Promise<Receipt[]> {
    return new Promise((resolve, reject) => {
      if (this.closed) throw new ClosedError({ attempted: "publishMany", closed: "bus" });
      const chars = items.reduce((sum, { event }) => sum + event.length, 0);
      const { stream } = to;
      this.admit(stream, items.length, chars);
      const refuse = (error: unknown) => {
        this.counts.failures += items.length;
        reject(error);
      };
      const run = (deadlineMs: number) => this.sendAll(to, items, deadlineMs).then(resolve, refuse);
      this.line.send({ stream, events: items.length, chars, run, refuse });
    });
  }

  private async sendAll(
    to: Destination,
    items: readonly PublishItem[],
    deadlineMs: number,
  ): Promise<Receipt[]> {
    const { reply, resent } = await this.send(to, items, true, deadlineMs);
    for (const index of reply.refused ? items.keys() : []) {
      const error = this.verdictError(to.stream, reply, items, index, index);
      if (error) throw atIndex(error, index);
    }
    return items.map((_, index) => this.receipt(reply, index, resent));
  }

  /** Resolves when everything that was published has its result. What is published later is refused. */
  async close(): Promise<void> {
    this.closed = true;
    this.flush();
    await this.line.idle();
  }

  private admit(stream: string, events: number, chars: number): void {
    try {
      this.line.admit(stream, events, chars);
    } catch (error) {
      this.counts.failures += events;
      throw error;
    }
  }

  private flush(): void {
    const { batches } = this;
    this.batches = new Map();
    for (const { to, waiting, inStep } of batches.values()) {
      const half = Math.max(MIN_PART, Math.ceil(waiting.length / 2));
      for (const part of parts(waiting, inStep ? Math.min(half, MAX_BATCH) : MAX_BATCH)) {
        this.line.send(this.jobOf(to, part));
      }
    }
  }

  private jobOf(to: Destination, { waiting, chars }: Part): Job {
    return {
      stream: to.stream,
      events: waiting.length,
      chars,
      run: (deadlineMs) => this.publishPart(to, waiting, deadlineMs),
      refuse: (error) => this.reject(waiting, error),
    };
  }

  private reject(waiting: readonly Waiting[], error: unknown): void {
    this.counts.failures += waiting.length;
    for (const { reject } of waiting) reject(error);
  }

  private async publishPart(to: Destination, part: readonly Waiting[], deadlineMs: number): Promise<void> {
    const items = part.map(({ item }) => item);
    try {
      const { reply, resent } = await this.send(to, items, false, deadlineMs);
      this.tellingResults = true;
      nextTick(() => {
        this.tellingResults = false;
      });
      for (const [index, { resolve, reject }] of part.entries()) {
        const error = this.verdictError(to.stream, reply, items, index, undefined);
        if (error) {
          this.counts.failures += 1;
          reject(error);
        } else {
          resolve(this.receipt(reply, index, resent));
        }
      }
    } catch (error) {
      this.reject(part, error);
    }
  }

  /**
   * One script call. With a publish window it is sent again, under the same keys, after an error that goes away by
   * itself, as long as the deadline allows; without one only if it surely did not run. A tenant that is new goes into the
   * registry first: if this process ended between the two, nobody would find the event.
   */
  private async send(
    { stream, keys, tenantId, enrolment }: Destination,
    events: readonly PublishItem[],
    atomic: boolean,
    deadlineMs: number,
  ): Promise<{ readonly reply: PublishReply; readonly resent: boolean }> {
    const { publishWindowMs: windowMs, maxLength } = this.settings;
    const call = publishCall(keys, { windowMs, maxLength, atomic, events });
    this.counts.calls += 1;
    const startedAt = performance.now();
    let maybeExecuted = false;
    const enrolling = tenantId === undefined ? undefined : enrolment?.enroll(tenantId);
    if (enrolling !== undefined) await enrolling;
    const leftMs = () => Math.max(1, Math.ceil(deadlineMs - (performance.now() - startedAt)));
    for (;;) {
      try {
        const reply = publishReply(
          await evaluate(this.connection, call, { deadlineMs: leftMs() }),
          events.length,
        );
        if (reply.status !== "OK") throw refusalError("publish", reply, { stream });
        return { reply, resent: maybeExecuted };
      } catch (error) {
        maybeExecuted ||= hasMaybeExecuted(error);
        const delayMs = RESEND_DELAY_MS * (0.5 + Math.random() / 2);
        const again = goesAwaySoon(error) && (windowMs > 0 || !maybeExecuted) && delayMs < leftMs();
        if (!again) throw overall(error, maybeExecuted, deadlineMs);
        await sleep(delayMs);
      }
    }
  }

  // After a lost reply DUPLICATE most likely means the call that lost it, and the caller is told of its own entry.
  private receipt(reply: PublishReply, at: number, resent: boolean): Receipt {
    const result = reply.results[at];
    const duplicate = result?.verdict === "DUPLICATE" && !resent;
    if (duplicate) this.counts.duplicates += 1;
    else this.counts.published += 1;
    return { id: result?.id ?? "", duplicate };
  }

  private verdictError(
    stream: string,
    reply: PublishReply,
    items: readonly PublishItem[],
    at: number,
    index: number | undefined,
  ): SluiceError | undefined {
    const result = reply.results[at];
    if (result?.verdict === "MISMATCH") {
      // A key that was generated has no type, and comes back with its own payload only.
      const { type = "", key } = partsOfKey(items[at]?.idempotencyKey ?? "");
      return new IdempotencyMismatchError({
        eventType: type,
        idempotencyKey: key,
        firstId: result.id,
        index,
      });
    }
    if (result?.verdict === "FULL") {
      const { length, maxLength, slowestGroup } = reply;
      return new StreamFullError({ stream, length, maxLength, slowestGroup });
    }
    return undefined;
  }
}

interface Part {
  readonly waiting: readonly Waiting[];
  readonly chars: number;
}

/** Parts of at most `most` events. */
function* parts(waiting: readonly Waiting[], most: number): Generator<Part> {
  let first = 0;
  let chars = 0;
  for (const [at, { item }] of waiting.entries()) {
    const next = chars + item.event.length;
    if (at - first === most || (next > MAX_BATCH_CHARS && at > first)) {
      yield { waiting: waiting.slice(first, at), chars };
      first = at;
      chars = item.event.length;
    } else chars = next;
  }
  yield { waiting: waiting.slice(first), chars };
}

/** The error, with the position in the list of the event that it is about. */
export function atIndex(error: unknown, index: number): unknown {
  if (error instanceof SluiceError && !("index" in error)) {
    Object.defineProperty(error, "index", { value: index, enumerable: true });
  }
  return error;
}

// The last attempt's error, as that of them all.
function overall(error: unknown, maybeExecuted: boolean, deadlineMs: number): unknown {
  if (error instanceof DeadlineError) {
    return new DeadlineError({ attempted: "publish", deadlineMs, maybeExecuted, cause: error.cause });
  }
  if (!maybeExecuted || !(error instanceof SluiceError) || hasMaybeExecuted(error)) return error;
  return new ConnectionError({
    attempted: "publish",
    reason: error.message,
    maybeExecuted: true,
    cause: error,
  });
}
