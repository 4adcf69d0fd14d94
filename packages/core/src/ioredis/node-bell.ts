/**
 * The bell of one node: the server remembers what the link has read `tracked`, and names each of those keys on a second
 * connection when it changes (CLIENT TRACKING ON REDIRECT). Either connection can be lost at any time, the redirection
 * ends in silence when the subscriber goes, and what rings meanwhile is lost: so each loss of either makes both anew,
 * the subscriber first and then the redirection to it, and all that was read has to be read again.
 *
 * OPTIN, because only what a `tracked` request reads is to ring. Never NOLOOP: a write of our own would take the key out
 * of the server's memory without a word, and the next write of others would ring nobody.
 */

import { retryDelayMs } from "../backoff.js";
import { ClosedError, isRetryable, SluiceError } from "../errors.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import type { Link } from "./link.js";
import type { IoredisClient } from "./types.js";

/** Where Redis publishes what is redirected. */
const CHANNEL = "__redis__:invalidate";

/** Delays between attempts. */
const RETRY = { minDelayMs: 25, maxDelayMs: 2_000, factor: 2 };

/** Time until a server that refused is asked again, in milliseconds: permissions change, and so do servers. */
const REFUSED_RETRY_MS = 60_000;

/** A bell that rang for this long, in milliseconds, was not made in vain: the next attempt is soon. */
const STEADY_MS = 250;

/** Time between two looks at connections on which nothing may arrive for hours, in milliseconds. */
const WATCH_MS = 5_000;

/**
 * For what is sent here. The deadline is longer than that of calls: where the whole server stands still, it is for them to
 * give the connection up. A dead connection is found long before, by asking on another one (`silence.ts`).
 */
const PATIENT = { deadlineMs: 60_000, patienceMs: 2_000 };

const PING = { kind: "command", name: "PING", args: [] } as const;
const CLIENT_ID = client("ID");
const CACHING = client("CACHING", "YES");
const TRACKING_OFF = client("TRACKING", "OFF");
const SUBSCRIBE = { kind: "command", name: "subscribe", args: [CHANNEL] } as const;

/** What a link tells whoever depends on its tracking. */
export interface LinkWatcher {
  /** The connection was lost, with what the server remembered of it; or an attempt to make it failed. */
  onLost(): void;
  /** The connection is there, for the first time or again; nothing is tracked on it. */
  onReady(): void;
  /** The server did not track a request. The request has a reply of its own. */
  onUntracked(error: SluiceError): void;
}

export interface NodeBellEvents {
  ring(key: string): void;
  /** Nothing of this node is armed any more. */
  deaf(): void;
  /** It has come to ring, or was refused; see {@link NodeBell.trouble}. */
  onSettled(): void;
}

/** Why a bell does not ring. */
export interface BellTrouble {
  readonly reason: string;
  readonly refused: boolean;
}

const STARTING: BellTrouble = { reason: "it is being set up", refused: false };
const LOST: BellTrouble = { reason: "a connection was lost", refused: false };

export class NodeBell {
  readonly link: Link;
  readonly #events: NodeBellEvents;
  #subscriber: Link | undefined;
  /** Undefined while it rings. */
  #trouble: BellTrouble | undefined = STARTING;
  /** Raised by each loss, so that a set-up during which one occurred is known to have failed. */
  #losses = 0;
  #closed: Promise<void> | undefined;
  #endPause: () => void = () => {};
  /** The server refused, and is to be asked again after a while. */
  #isPutOff = false;

  constructor(link: Link, events: NodeBellEvents) {
    this.link = link;
    this.#events = events;
    link.watcher = {
      onLost: () => this.#lose(this.#isPutOff && this.#trouble !== undefined ? this.#trouble : LOST),
      // It may be another server now, or another user.
      onReady: () => {
        if (this.#isPutOff) this.#endPause();
      },
      // Whether the server refuses it for good shows when the bell is set up again.
      onUntracked: ({ message }) => this.#lose({ reason: message, refused: false }),
    };
    void this.#run();
  }

  /** Undefined while it rings. */
  get trouble(): BellTrouble | undefined {
    return this.#trouble;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Whether it rings, was refused or is closed. */
  get settled(): boolean {
    return this.closed || this.#trouble === undefined || this.#trouble.refused;
  }

  /** Resolves when the subscriber's socket is closed; the link stays. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const wasRinging = this.#trouble === undefined;
    this.link.watcher = undefined;
    this.link.tracking = false;
    const subscriber = this.#subscriber;
    this.#lose({ reason: "it is closed", refused: false });
    this.#endPause();
    // What it answers, and whether, is of no consequence any more.
    if (wasRinging) void this.link.send([TRACKING_OFF], PATIENT);
    await subscriber?.close();
  }

  async #run(): Promise<void> {
    for (let failures = 0; this.#closed === undefined; ) {
      const trouble = await this.#setUp();
      if (this.#closed !== undefined) return;
      if (trouble === undefined) {
        if (await this.#ringUntilLost()) failures = 0;
      } else {
        this.#lose(trouble);
        this.#events.onSettled();
      }
      this.#isPutOff = trouble?.refused === true;
      await this.#pause(this.#isPutOff ? REFUSED_RETRY_MS : retryDelayMs(RETRY, ++failures));
      this.#isPutOff = false;
    }
  }

  /** Makes the subscriber and the redirection to it; returns why it could not. */
  async #setUp(): Promise<BellTrouble | undefined> {
    // Connects, and tells whether the server knows the command at all.
    const [own] = await this.link.send([CLIENT_ID], PATIENT);
    if (own instanceof SluiceError) return troubleOf(own);
    if (this.#closed !== undefined) return undefined;
    const losses = this.#losses;
    const subscriber = this.#subscribe();
    // Some proxies hang up on what they do not know: that must not cost the link its calls, so it is asked here first.
    const replies = await subscriber.send([CLIENT_ID, TRACKING_OFF, SUBSCRIBE], PATIENT);
    const failed = replies.find((reply) => reply instanceof SluiceError);
    if (failed !== undefined) return troubleOf(failed);
    const [id] = replies;
    if (typeof id !== "number") return { reason: `CLIENT ID was answered ${String(id)}`, refused: true };
    if (this.#losses !== losses) return LOST;
    const redirect = client("TRACKING", "ON", "REDIRECT", id, "OPTIN");
    const [tracking, caching] = await this.link.send([redirect, CACHING], PATIENT);
    for (const reply of [tracking, caching]) {
      if (reply instanceof SluiceError) return troubleOf(reply);
      if (reply !== "OK") return { reason: `CLIENT TRACKING was answered ${String(reply)}`, refused: true };
    }
    return this.#losses === losses ? undefined : LOST;
  }

  #subscribe(): Link {
    const current = () => this.#subscriber === subscriber && this.#closed === undefined;
    const subscriber: Link = this.link.sibling({
      onCreated: (created) => this.#listen(created, current),
      // Attempts to connect may fail, and are repeated; once it was there, its redirection is gone with it.
      onTrouble: () => {
        if (current() && subscriber.session.lost) this.#lose(LOST);
      },
    });
    this.#subscriber = subscriber;
    return subscriber;
  }

  #listen(created: IoredisClient, current: () => boolean): void {
    // Not "message", which joins the keys with commas.
    created.on("messageBuffer", (_channel, keys) => {
      if (!current()) return;
      // FLUSHALL and FLUSHDB name no key.
      if (!Array.isArray(keys)) this.#events.deaf();
      // Each is a Buffer, which core has no name for.
      else for (const key of keys) this.#events.ring(String(key));
    });
  }

  /** Returns whether it rang for long enough to be tried again at once. */
  async #ringUntilLost(): Promise<boolean> {
    const losses = this.#losses;
    const since = performance.now();
    this.#trouble = undefined;
    this.link.tracking = true;
    this.#events.onSettled();
    this.#events.deaf();
    let asking = false;
    while (this.#losses === losses) {
      // A server that is busy answers the first question late, and needs no second one.
      if (!asking) {
        asking = true;
        void this.#ask().then(() => {
          asking = false;
        });
      }
      await this.#pause(WATCH_MS);
    }
    return performance.now() - since >= STEADY_MS;
  }

  /** Asks both connections whether they are there. A link that owes replies is watched on their account. */
  #ask(): Promise<unknown> {
    const asked = [this.#subscriber, this.link.idle ? this.link : undefined];
    return Promise.all(asked.map((one) => one?.send([PING], PATIENT)));
  }

  #lose(trouble: BellTrouble): void {
    const wasRinging = this.#trouble === undefined;
    const subscriber = this.#subscriber;
    this.#losses++;
    this.#trouble = trouble;
    this.#subscriber = undefined;
    this.link.tracking = false;
    void subscriber?.close();
    if (wasRinging) this.#endPause();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function client(...args: (string | number)[]) {
  return { kind: "command", name: "CLIENT", args } as const;
}

function troubleOf(error: SluiceError): BellTrouble {
  return { reason: error.message, refused: isRefusal(error) };
}

/** An outage is none, and neither is a subscriber that the server has lost before we have. */
function isRefusal(error: SluiceError): boolean {
  return (
    !isRetryable(error) && !(error instanceof ClosedError) && !/ID .*does not exist/i.test(error.message)
  );
}
