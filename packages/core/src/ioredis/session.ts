/**
 * Keeps one ioredis client connected: tries until it is ready, says when it is and when it no longer is, and
 * why not. Ready means that the server answered a PING as the right user on the right database, not just that
 * there is a socket. What is sent over it is the business of `link.ts`.
 */

import { retryDelayMs } from "../backoff.js";
import { prefixOf } from "../errors.js";
import type { Outages } from "../outages.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import { DISCONNECT_TIMEOUT_MS, describeTarget, readyTimeoutMs } from "./options.js";
import { refusalIn, replyOf, withoutCommand } from "./replies.js";
import type { IoredisClient } from "./types.js";

/** Delays between attempts to connect. */
const RECONNECT = { minDelayMs: 25, maxDelayMs: 2_000, factor: 2 };

/** Time between two looks at a server that is reading its data set into memory, in milliseconds. */
const LOADING_LOOK_MS = 100;

/** How long `close` waits for the socket, in milliseconds; it is destroyed well before that. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface SessionOptions {
  /** Makes the ioredis client, not connected yet. It does not connect again by itself. */
  readonly create: () => IoredisClient;
  /** What to call the connection in CLIENT LIST, if anything. */
  readonly clientName?: string | undefined;
  /** Told when a connection is lost or cannot be made, and when it is back or closed. */
  readonly outages: Outages;
}

export interface SessionEvents {
  /** Ready to be written to, for the first time or after a loss. */
  onReady(afterLoss: boolean): void;
  /** The server turned us away; see {@link Session.refusal}. */
  onRefused(): void;
  /** Lost, or an attempt to connect failed. */
  onTrouble(): void;
}

/** Why a server turns a connection away. */
export interface Refusal {
  /** Its error reply. */
  readonly reply: string;
  readonly cause: unknown;
}

export class Session {
  readonly client: IoredisClient;
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  #ready = false;
  #wasReady = false;
  #closed: Promise<void> | undefined;
  #attempts = 0;
  /** Raised at every loss, so that what a former socket still answers is not taken for the current one's. */
  #epoch = 0;
  /** The epoch whose socket was given up: many may give up on the same one. */
  #dropped: number | undefined;
  /** `epoch` is set if this socket can never become ready, e.g. on the wrong database. */
  #refusal: (Refusal & { readonly epoch: number | undefined }) | undefined;
  #outage: { error: unknown } | undefined;
  /** By performance.now(): when bytes came last. */
  #receivedAt = 0;
  /** Until ready: the limit on the handshake, or the next thing to try. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    this.client = options.create();
    this.client.on("connect", () => {
      this.client.stream?.on("data", () => {
        this.#receivedAt = performance.now();
      });
      this.#limitHandshake();
    });
    this.client.on("ready", () => this.#probe());
    this.client.on("error", (error) => this.#onError(error));
    this.client.on("close", () => this.#onClose());
    this.client.on("end", () => this.#onEnd());
  }

  /** Whether the client can be written to. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Whether it was ready and no longer is. */
  get lost(): boolean {
    return this.#wasReady && !this.#ready;
  }

  /** By performance.now(): when the server last sent anything, if only part of a reply. */
  get receivedAt(): number {
    return this.#receivedAt;
  }

  /** Why the server turned the last attempt away, until an attempt ends otherwise. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** What went wrong last, until the connection is ready. */
  get trouble(): unknown {
    return this.#outage?.error;
  }

  /** For people; never with credentials. */
  get target(): string {
    return describeTarget(this.client.options);
  }

  /** Begins to connect, unless that was done before. */
  start(): void {
    if (this.client.status === "wait") this.#connect();
  }

  /** Gives up on the socket, which may never close by itself, and connects anew. */
  drop(reason: string): void {
    if (this.#dropped === this.#epoch) return;
    this.#dropped = this.#epoch;
    this.#down(new Error(reason));
    this.client.disconnect(true);
    // It would wait for its peer to agree, on a timer that tests replace.
    this.client.stream?.destroy?.();
  }

  /** Resolves when the socket is closed. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#ready = false;
    this.#options.outages.end(this, false);
    clearTimeout(this.#timer);
    const { client } = this;
    const open = ["connecting", "connect", "ready"].includes(client.status);
    let destroyTimer: ReturnType<typeof setTimeout> | undefined;
    let giveUpTimer: ReturnType<typeof setTimeout> | undefined;
    const ended = new Promise<void>((resolve) => {
      client.on("end", () => resolve());
      // In the other states ioredis has no socket, and may never say "end".
      if (!open) return resolve();
      destroyTimer = setTimeout(() => client.stream?.destroy?.(), DISCONNECT_TIMEOUT_MS);
      giveUpTimer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    client.disconnect();
    await ended;
    clearTimeout(destroyTimer);
    clearTimeout(giveUpTimer);
  }

  #connect(): void {
    // Failures come as events, also those after the first attempt.
    this.client.connect().catch(() => {});
  }

  /**
   * ioredis bounds the TCP connection only; a server that is paused accepts it and never answers the
   * handshake.
   */
  #limitHandshake(): void {
    const limitMs = readyTimeoutMs(this.client.options);
    this.#later(limitMs, () => this.drop(`not ready within ${limitMs} ms`));
  }

  #probe(): void {
    if (this.#closed !== undefined) return;
    const epoch = this.#epoch;
    const { clientName } = this.#options;
    this.#limitHandshake();
    if (clientName !== undefined) this.client.call("CLIENT", ["SETNAME", clientName]).catch(() => {});
    let isReplica = false;
    if (this.client.options.sentinels) {
      // A Sentinel may not know yet that another is the master now. Who may not ask finds out at the first write.
      const note = (role: unknown) => {
        isReplica = Array.isArray(role) && role[0] !== "master";
      };
      this.client.call("ROLE", []).then(note, () => {});
    }
    // Replies come in order: the role is known by then.
    this.client.call("PING", []).then(
      () => {
        if (isReplica && epoch === this.#epoch) this.drop("Sentinel named a server that is not the master");
        else this.#up(epoch);
      },
      (error: unknown) => this.#probeFailed(epoch, error),
    );
  }

  #probeFailed(epoch: number, error: unknown): void {
    const reply = replyOf(error);
    // Without a reply the socket broke, and its own event follows.
    if (reply === undefined || epoch !== this.#epoch || this.#closed !== undefined) return;
    withoutCommand(error);
    if (prefixOf(reply) === "LOADING") {
      this.#down(error);
      this.#later(LOADING_LOOK_MS, () => this.#probe());
    } else if (prefixOf(reply) !== "NOPERM" && refusalIn(error) !== undefined) {
      this.#refuse({ reply, cause: error, epoch: undefined });
      this.#down(error);
      this.#later(retryDelayMs(RECONNECT, ++this.#attempts), () => this.#probe());
    } else if (reply.startsWith("ERR max number of clients")) {
      this.#down(error);
    } else {
      // It answers: that the user may not PING, or that a script keeps it busy, is for the requests to find
      // out.
      this.#up(epoch);
    }
  }

  #up(epoch: number): void {
    if (epoch !== this.#epoch || epoch === this.#refusal?.epoch || this.#closed !== undefined) return;
    clearTimeout(this.#timer);
    this.#attempts = 0;
    this.#refusal = undefined;
    this.#ready = true;
    const afterLoss = this.#wasReady;
    this.#wasReady = true;
    if (this.#outage !== undefined) {
      this.#options.outages.end(this, true);
      this.#outage = undefined;
    }
    this.#events.onReady(afterLoss);
  }

  #down(error: unknown): void {
    this.#ready = false;
    if (this.#closed !== undefined) return;
    if (this.#outage === undefined) {
      this.#outage = { error };
      this.#options.outages.begin("unreachable", this, { error, target: this.target });
    }
    this.#outage.error = error;
    this.#events.onTrouble();
  }

  #onError(error: unknown): void {
    withoutCommand(error);
    const reply = refusalIn(error);
    if (reply !== undefined) this.#refuse({ reply, cause: error, epoch: this.#epoch });
    else this.#refusal = undefined;
    this.#down(error);
  }

  #refuse(refusal: Refusal & { readonly epoch: number | undefined }): void {
    this.#refusal = refusal;
    if (this.#closed === undefined) this.#events.onRefused();
  }

  #onClose(): void {
    this.#epoch++;
    clearTimeout(this.#timer);
    this.#down(this.#outage?.error ?? new Error("the server closed the connection"));
  }

  /** The socket is gone, or could not even be made. */
  #onEnd(): void {
    if (this.#closed !== undefined) return;
    this.#later(retryDelayMs(RECONNECT, ++this.#attempts), () => this.#connect());
  }

  #later(delayMs: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
  }
}
