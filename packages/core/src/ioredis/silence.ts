/**
 * Finds a connection that is dead though nobody said so: a router that forgot it drops what is sent, and no error comes.
 *
 * Silence alone does not tell that from a server that is busy, and to drop the connection to that one would fail calls
 * that are about to be answered. So after a while without a byte a second connection is made to ask. If the server
 * answers there, it has had what was sent here, and would have answered that first.
 */

import { clearTimeout, performance, setTimeout } from "../timing.js";
import type { IoredisClient, IoredisSocket } from "./types.js";

/** The part of a call's time that may pass without a byte. What falls silent in mid-traffic is found in two of them. */
const PART = 4;

/** Shortest time without a byte that is looked into, in milliseconds. */
const MIN_PATIENCE_MS = 250;

/** What a late reply may take to get from the socket to whoever waits, in milliseconds. */
const CATCH_UP_MS = 20;

/** How long a call puts up with silence, in milliseconds; a blocking one from when it is due. */
export function patienceMs(deadlineMs: number, blockMs: number): number {
  return blockMs + Math.max(MIN_PATIENCE_MS, (deadlineMs - blockMs) / PART);
}

export interface SilenceEvents {
  /** The socket that calls are under way on; undefined if there is none, or no call is. */
  readonly socket: () => IoredisSocket | undefined;
  /** When the first of the calls under way runs out of patience if nothing arrives, by performance.now(). */
  readonly impatientAt: (heardAt: number) => number;
  /** Makes a client of the same server, not connected yet. */
  readonly create: () => IoredisClient;
  /** The server answers others, and nothing arrived here for so long. */
  readonly onDead: (silentMs: number) => void;
}

export class Silence {
  readonly #events: SilenceEvents;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the next look is due; Infinity while there is none. */
  #dueAt = Number.POSITIVE_INFINITY;
  #socket: IoredisSocket | undefined;
  #bytes = 0;
  #heardAt = 0;
  #asking: IoredisClient | undefined;
  #closed = false;

  constructor(events: SilenceEvents) {
    this.#events = events;
  }

  /** The server owes a reply, for the first time or again: what has arrived until now is no sign of life. */
  begin(): void {
    this.#note();
  }

  /** A call was written that runs out of patience then. */
  watch(impatientAt: number): void {
    if (impatientAt < this.#dueAt && !this.#closed) this.#lookAt(impatientAt);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#asking !== undefined) end(this.#asking);
  }

  #lookAt(at: number): void {
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(1, Math.ceil(at - performance.now())));
  }

  #look(): void {
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#events.socket() === undefined) return;
    if (!this.#isSilent()) this.#note();
    const impatientAt = this.#events.impatientAt(this.#heardAt);
    if (impatientAt <= performance.now()) void this.#ask();
    // Calls whose deadline is over wait for nothing.
    else if (impatientAt !== Number.POSITIVE_INFINITY) this.#lookAt(impatientAt);
  }

  /** Whether nothing has arrived since the last note. A runtime that does not count cannot tell. */
  #isSilent(): boolean {
    const socket = this.#events.socket();
    return socket !== undefined && socket === this.#socket && socket.bytesRead === this.#bytes;
  }

  #note(): void {
    this.#socket = this.#events.socket();
    this.#bytes = this.#socket?.bytesRead ?? Number.NaN;
    this.#heardAt = performance.now();
  }

  async #ask(): Promise<void> {
    if (this.#asking !== undefined) return;
    const askedAt = performance.now();
    const client = this.#events.create();
    this.#asking = client;
    const answered = await isAnswered(client, Math.max(MIN_PATIENCE_MS, askedAt - this.#heardAt));
    end(client);
    this.#asking = undefined;
    if (this.#closed) return;
    if (answered && this.#isSilent()) this.#events.onDead(performance.now() - this.#heardAt);
    // It may be that nobody is answered, or that calls go on: both are looked into again.
    else if (this.#timer === undefined && this.#events.socket() !== undefined) {
      this.#lookAt(performance.now() + MIN_PATIENCE_MS);
    }
  }
}

/** Asks twice: by the second answer, what the server wrote to others before the first is written too. */
function isAnswered(client: IoredisClient, limitMs: number): Promise<boolean> {
  client.on("error", () => {});
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    const ask = async () => {
      await client.connect();
      await client.call("PING", []);
      await client.call("PING", []);
    };
    // A server that refuses to answer may be busy with what was sent here: that is no answer.
    ask().then(
      () => {
        clearTimeout(timer);
        setTimeout(() => resolve(true), CATCH_UP_MS);
      },
      () => {
        clearTimeout(timer);
        resolve(false);
      },
    );
  });
}

function end(client: IoredisClient): void {
  client.disconnect();
  client.stream?.destroy?.();
}
