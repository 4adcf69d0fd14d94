/**
 * Sends to one server, and settles every call by its deadline whatever the socket does.
 *
 * ioredis does the socket, the handshake and the protocol. What it would do with a command across a loss
 * (queue it, send it again, wait for ever) is switched off (`options.ts`) and done here, because only the one
 * who sent a command can say whether it may have run.
 */

import type { Request } from "../connection.js";
import { ClosedError, ConnectionError, DeadlineError, prefixOf, SluiceError } from "../errors.js";
import { performance } from "../timing.js";
import { Exchange, type ExchangeOptions, type Form, nameOf, wireArgs } from "./exchange.js";
import type { LinkWatcher } from "./node-bell.js";
import { toldOf } from "./reasons.js";
import { errorOfReply, messageOf, replyOf, withoutCommand } from "./replies.js";
import { Session, type SessionOptions } from "./session.js";
import { Silence } from "./silence.js";
import type { IoredisClient, WireArg } from "./types.js";

/**
 * From when on a server that owes replies and sends none is taken for gone, at the next deadline, in
 * milliseconds.
 */
const SILENCE_MS = 2_000;

/**
 * While bytes come at least this often, in milliseconds, a reply is on its way: it is large, or the link is slow. With a
 * shorter deadline it is half of that.
 */
const RECEIVING_MS = 1_000;

/** Makes the server remember the keys that the next command reads. */
const CACHING: WireArg[] = ["CACHING", "YES"];

/** How ioredis refuses a command that it did not write, because the socket is closing. */
const NOT_WRITTEN = "Stream isn't writeable";

export interface LinkOptions extends SessionOptions {
  readonly toBuffer: (bytes: Uint8Array) => Uint8Array;
  /** The connection was lost, or an attempt to make it failed. */
  readonly onTrouble?: (() => void) | undefined;
  /** Ready again after a loss. */
  readonly onReconnect: () => void;
}

export class Link {
  /** Told of this link, where its reads are tracked. */
  watcher: LinkWatcher | undefined;
  /** Whether `tracked` requests are tracked. Set by the watcher; a loss ends it. */
  tracking = false;
  readonly #options: LinkOptions;
  readonly #session: Session;
  readonly #silence: Silence;
  /** Calls that are not settled, in the order made. */
  readonly #open = new Set<Exchange>();
  #closed = false;
  /** Replies owed by the server, and when it was last heard, or was asked the first of what it owes. */
  #owed = 0;
  #heardAt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#session = new Session(options, {
      onReady: (afterLoss) => this.#onReady(afterLoss),
      onRefused: () => this.#onRefused(),
      onTrouble: () => {
        this.tracking = false;
        this.watcher?.onLost();
        options.onTrouble?.();
      },
    });
    this.#silence = new Silence({
      socket: () => (this.#session.ready && this.#owed > 0 ? this.#session.client.stream : undefined),
      impatientAt: (heardAt) => this.#impatientAt(heardAt),
      create: options.create,
      onDead: (silentMs) => {
        this.#session.drop(`no reply for ${Math.round(silentMs)} ms, while others are answered`);
      },
    });
  }

  get session(): Pick<Session, "ready" | "lost" | "target"> {
    return this.#session;
  }

  /** Whether no call is waiting. */
  get idle(): boolean {
    return this.#open.size === 0;
  }

  /** See `Connection.send`. */
  send(requests: readonly Request[], options: ExchangeOptions): Promise<unknown[]> {
    if (requests.length === 0) return Promise.resolve([]);
    if (this.#closed) return Promise.resolve(requests.map(closedError));
    const exchange = new Exchange(requests, options, this.#onDeadline, this.#onSettled);
    this.#open.add(exchange);
    if (this.#session.ready) this.#write(exchange);
    else if (this.#session.refusal !== undefined) this.#onRefused();
    else this.#session.start();
    return exchange.settled;
  }

  /** A further link to the same server, which tells of itself alone. */
  sibling(options: Pick<LinkOptions, "onTrouble"> & { onCreated: (client: IoredisClient) => void }): Link {
    const { onTrouble, onCreated } = options;
    const create = () => {
      const client = this.#options.create();
      onCreated(client);
      return client;
    };
    return new Link({ ...this.#options, create, onTrouble, onReconnect: () => {} });
  }

  /** Settles what was not sent with a ConnectionError of this cause: it can be sent elsewhere. */
  abandon(cause: Error): void {
    const { message: reason } = cause;
    const error = (request: Request) =>
      new ConnectionError({ attempted: nameOf(request), reason, maybeExecuted: false, cause });
    for (const exchange of this.#open) exchange.failWaiting(error);
  }

  /** Settles everything with ClosedError; resolves when the socket is closed. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    this.#silence.close();
    for (const exchange of this.#open) exchange.fail(closedError);
    return this.#session.close();
  }

  /** Sends what is waiting in an exchange, in one write. */
  #write(exchange: Exchange): void {
    const { requests, asking } = exchange;
    const several = requests.length > 1 || asking || this.#isTracked(requests[0]);
    const socket = several ? this.#session.client.stream : undefined;
    socket?.cork?.();
    for (let index = 0; index < requests.length; index++) {
      if (exchange.stage(index) === "waiting") this.#request(exchange, index);
    }
    socket?.uncork?.();
    this.#silence.watch(exchange.impatientAt());
  }

  /** Of the calls that wait for replies, when the first one loses patience; never if there is none. */
  #impatientAt(heardAt: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const exchange of this.#open) {
      if (exchange.underWay) first = Math.min(first, exchange.impatientAt(heardAt));
    }
    return first;
  }

  #request(exchange: Exchange, index: number): void {
    const request = exchange.requests[index];
    if (request === undefined) return;
    const form = exchange.form(index);
    const { client } = this.#session;
    // Replies come in order, so that of SCRIPT LOAD is there before that of the EVALSHA behind it.
    let loadError: unknown;
    let reply: Promise<unknown>;
    try {
      if (form === "load" && request.kind === "script") {
        client.call("SCRIPT", ["LOAD", request.script.source]).catch((error: unknown) => {
          loadError = error;
        });
      }
      // Each of the two holds for the command behind it alone: they cannot both stand before one.
      if (exchange.asking) client.call("ASKING", []).catch(() => {});
      else if (this.#isTracked(request)) client.call("CLIENT", CACHING).catch(this.#onUntracked);
      reply = client.call(commandOf(request, form), wireArgs(request, form, this.#options.toBuffer));
    } catch (error) {
      exchange.answer(index, this.#unsent(request, error));
      return;
    }
    exchange.sent(index);
    if (this.#owed++ === 0) {
      this.#heardAt = performance.now();
      this.#silence.begin();
    }
    reply.then(
      (value) => {
        this.#heard();
        exchange.answer(index, value);
      },
      (error: unknown) => {
        this.#failed(exchange, index, loadError ?? error);
      },
    );
  }

  #isTracked(request: Request | undefined): boolean {
    return this.tracking && request?.kind === "command" && request.tracked === true;
  }

  readonly #onUntracked = (error: unknown): void => {
    const reply = replyOf(error);
    // Without one the connection is lost, and that is told.
    if (reply !== undefined) this.watcher?.onUntracked(errorOfReply("CLIENT CACHING", reply, error));
  };

  #failed(exchange: Exchange, index: number, error: unknown): void {
    const reply = replyOf(error);
    if (reply === undefined) this.#owed--;
    else this.#heard();
    const request = exchange.requests[index];
    if (request === undefined || exchange.stage(index) === "answered") return;
    if (reply === undefined) {
      // What was not written waits for the next connection; the loss of this one is about to be announced.
      if (messageOf(error).startsWith(NOT_WRITTEN)) exchange.again(index);
      else exchange.answer(index, this.#lost(request, error));
      return;
    }
    const form = nextForm(request, exchange.form(index), reply);
    if (form === undefined) {
      exchange.answer(index, errorOfReply(nameOf(request), reply, error));
      return;
    }
    exchange.again(index, form);
    if (this.#session.ready) this.#write(exchange);
  }

  #heard(): void {
    this.#owed--;
    this.#heardAt = performance.now();
  }

  #onReady(afterLoss: boolean): void {
    for (const exchange of this.#open) this.#write(exchange);
    this.watcher?.onReady();
    if (afterLoss) this.#options.onReconnect();
  }

  #onRefused(): void {
    const { refusal } = this.#session;
    if (refusal === undefined) return;
    const error = (request: Request) => errorOfReply(nameOf(request), refusal.reply, refusal.cause);
    for (const exchange of this.#open) exchange.failWaiting(error);
  }

  readonly #onSettled = (exchange: Exchange): void => {
    this.#open.delete(exchange);
  };

  readonly #onDeadline = (exchange: Exchange): void => {
    const quietMs = performance.now() - this.#session.receivedAt;
    const waitMs = Math.min(RECEIVING_MS, exchange.deadlineMs / 2);
    if (exchange.underWay && quietMs < waitMs) {
      exchange.putOff(waitMs - quietMs);
      return;
    }
    const silentMs = exchange.underWay ? performance.now() - this.#heardAt : 0;
    const { deadlineMs } = exchange;
    exchange.fail((request, wasSent) => {
      return new DeadlineError({
        attempted: nameOf(request),
        deadlineMs,
        maybeExecuted: wasSent,
        ...(wasSent ? {} : toldOf(this.#session.trouble)),
      });
    });
    // The socket may be half open, and then nothing but a new one will ever help.
    if (silentMs >= SILENCE_MS) this.#session.drop(`no reply for ${Math.round(silentMs)} ms`);
  };

  #lost(request: Request, error: unknown): SluiceError {
    const { reason: why, cause } = toldOf(this.#session.trouble ?? withoutCommand(error));
    const reason = `lost the connection to ${this.#session.target}: ${why}`;
    return new ConnectionError({ attempted: nameOf(request), reason, maybeExecuted: true, cause });
  }

  /** No command could be made of it, e.g. because it would be longer than a string can be. */
  #unsent(request: Request, error: unknown): SluiceError {
    if (error instanceof SluiceError) return error;
    return new ConnectionError({
      attempted: nameOf(request),
      reason: messageOf(error),
      maybeExecuted: false,
    });
  }
}

/** What to try after a script was refused in one form; undefined if the refusal stands. */
function nextForm(request: Request, form: Form, reply: string): Form | undefined {
  if (request.kind !== "script") return undefined;
  if (form === "hash" && prefixOf(reply) === "NOSCRIPT") return "source";
  // The command EVAL itself, not one that the script called: that one may have run in part.
  if (form === "source" && /^NOPERM .* 'eval' command/i.test(reply)) return "load";
  return undefined;
}

function commandOf(request: Request, form: Form): string {
  // ioredis goes by lower case where it reshapes replies, of HGETALL for one; and where it notes channels.
  if (request.kind === "command")
    return request.name === "subscribe" ? request.name : request.name.toUpperCase();
  return form === "source" ? "EVAL" : "EVALSHA";
}

function closedError(request: Request): SluiceError {
  return new ClosedError({ attempted: nameOf(request), closed: "connection" });
}
