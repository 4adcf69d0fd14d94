/**
 * How much of what is published is on its way to Redis at once, and what waits its turn.
 *
 * What is written to a socket may run, and its deadline runs with it: of 600,000 events written at once, those that
 * the server gets to after the deadline would be told as failed, and be in the stream. So no more is written than a
 * server gets through in time; the rest waits here, where giving up means that nothing was sent.
 */

import { PublishBackpressureError, type SluiceError } from "./errors.js";
import { clearTimeout, performance, setTimeout } from "./timing.js";

/**
 * Events under way per millisecond of the deadline. Of what is written half of the deadline is left to each call, which
 * a server meets that takes 8,000 events a second; they take several times as many.
 */
const EVENTS_PER_MS = 4;

/** Characters under way per millisecond of the deadline: 4 MB a second, by the same reckoning. */
const CHARS_PER_MS = 2_048;

/** What a call costs beside its events, counted in events: 1,000 calls of one event take longer than one of 1,000. */
const EVENTS_OF_A_CALL = 10;

/** Most events that wait: more than a server takes within the usual deadline would wait for nothing. */
export const MAX_WAITING_EVENTS = 100_000;

/** Most characters that wait, of the events as they are sent. */
export const MAX_WAITING_CHARS = 64 * 1_048_576;

/** One script call. */
export interface Job {
  readonly stream: string;
  readonly events: number;
  readonly chars: number;
  /** Sends it; never rejects. */
  readonly run: (deadlineMs: number) => Promise<void>;
  /** Nothing is sent. */
  readonly refuse: (error: SluiceError) => void;
}

interface Waiting {
  readonly job: Job;
  readonly since: number;
}

export class PublishLine {
  readonly #deadlineMs: number;
  readonly #maxEvents: number;
  readonly #maxChars: number;
  /** First come, first served: calls of one stream keep their order. */
  #queue: Waiting[] = [];
  #calls = 0;
  #events = 0;
  #chars = 0;
  #waitingEvents = 0;
  #waitingChars = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onIdle: (() => void)[] = [];

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#maxEvents = deadlineMs * EVENTS_PER_MS;
    this.#maxChars = deadlineMs * CHARS_PER_MS;
  }

  /** Calls under way and calls that wait. */
  get calls(): number {
    return this.#calls + this.#queue.length;
  }

  /**
   * Makes room for events that are about to be sent; {@link send} is told of the same.
   *
   * @throws {PublishBackpressureError} when too many wait. One alone is always let in.
   */
  admit(stream: string, events: number, chars: number): void {
    const nextEvents = this.#waitingEvents + events;
    const nextChars = this.#waitingChars + chars;
    if (this.#waitingEvents > 0 && (nextEvents > MAX_WAITING_EVENTS || nextChars > MAX_WAITING_CHARS)) {
      throw new PublishBackpressureError({ stream, waiting: this.#waitingEvents });
    }
    this.#waitingEvents = nextEvents;
    this.#waitingChars = nextChars;
  }

  /** Sends what was admitted, now or when its turn comes; after the deadline not at all. */
  send(job: Job): void {
    if (this.#queue.length === 0 && this.#fits(job)) {
      this.#start(job, this.#deadlineMs);
      return;
    }
    this.#queue.push({ job, since: performance.now() });
    this.#timer ??= setTimeout(() => this.#expire(), this.#deadlineMs);
  }

  /** Resolves when nothing is under way and nothing waits. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#tellIdle();
    });
  }

  #fits({ events, chars }: Job): boolean {
    if (this.#calls === 0) return true;
    return this.#events + costOf(events) <= this.#maxEvents && this.#chars + chars <= this.#maxChars;
  }

  #start(job: Job, deadlineMs: number): void {
    this.#leaveWaiting(job);
    this.#calls += 1;
    this.#events += costOf(job.events);
    this.#chars += job.chars;
    void job.run(deadlineMs).then(() => {
      this.#calls -= 1;
      this.#events -= costOf(job.events);
      this.#chars -= job.chars;
      if (this.#queue.length > 0) this.#next();
      this.#tellIdle();
    });
  }

  #next(): void {
    const now = performance.now();
    let at = 0;
    for (const { job, since } of this.#queue) {
      if (!this.#fits(job)) break;
      at += 1;
      // What is written has the time to be answered, or it would be told as failed when it is not.
      this.#start(job, Math.max(this.#deadlineMs / 2, this.#deadlineMs - (now - since)));
    }
    this.#queue.splice(0, at);
    if (this.#queue.length === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  #expire(): void {
    this.#timer = undefined;
    const over = performance.now() - this.#deadlineMs;
    let at = 0;
    while ((this.#queue[at]?.since ?? Number.POSITIVE_INFINITY) <= over) at += 1;
    const expired = this.#queue.splice(0, at);
    const waiting = this.#waitingEvents;
    for (const { job } of expired) {
      this.#leaveWaiting(job);
      const { stream } = job;
      job.refuse(new PublishBackpressureError({ stream, waiting, waitedMs: this.#deadlineMs }));
    }
    const first = this.#queue[0];
    if (first !== undefined)
      this.#timer = setTimeout(() => this.#expire(), Math.ceil(first.since - over) + 1);
    this.#tellIdle();
  }

  #leaveWaiting({ events, chars }: Job): void {
    this.#waitingEvents -= events;
    this.#waitingChars -= chars;
  }

  #tellIdle(): void {
    if (this.#calls > 0 || this.#queue.length > 0 || this.#onIdle.length === 0) return;
    const listeners = this.#onIdle;
    this.#onIdle = [];
    for (const tell of listeners) tell();
  }
}

function costOf(events: number): number {
  return events + EVENTS_OF_A_CALL;
}
