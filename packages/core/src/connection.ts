/**
 * What the rest of core needs of a connection to Redis, as an interface that is passed as a value. How it is
 * kept up, how long things may take and what a server's refusal means are behind it; the one that exists is
 * `ioredis.ts`.
 */

import type { Arg, ScriptCall } from "@sluice/lua-scripts";
import type { BellListener, Bells } from "./bells.js";
import { ConnectionError, DeadlineError, isRetryable, OutOfMemoryError, SluiceError } from "./errors.js";
import { jittered, performance, sleep } from "./timing.js";

/** Pause before a call is sent again, in milliseconds. */
const RESEND_DELAY_MS = 50;

/**
 * A script to run, or a plain command. A command's words after the first are arguments: `XINFO` with
 * `["STREAM", key]`.
 */
export type Request =
  | ({ readonly kind: "script" } & ScriptCall)
  | {
      readonly kind: "command";
      readonly name: string;
      readonly args: readonly Arg[];
      /**
       * Arms the bells of the keys that the command reads (see {@link Connection.bells}); without effect while none ring.
       * For commands that only read: XREADGROUP, which writes, arms nothing.
       */
      readonly tracked?: true;
    };

export interface SendOptions {
  /**
   * How long the whole call may take, in milliseconds, from 1: waiting for the connection included. It is put off as
   * long as bytes of replies arrive, since then the reply is on its way.
   */
  readonly deadlineMs: number;
  /**
   * For how long the server may keep the replies back, in milliseconds: of a blocking command, the time that it may
   * block. None unless given.
   */
  readonly blockMs?: number | undefined;
}

/** One server of a deployment, for requests about what it holds whatever the key: SCAN. */
export interface RedisNode {
  /** As {@link Connection.send}, to this server alone: nothing is sent on to another. */
  send(requests: readonly Request[], options: SendOptions): Promise<readonly unknown[]>;
}

/**
 * A connection to a Redis deployment. It comes up when it is first used, comes back by itself after a loss,
 * and never sends anything twice of which it does not know that the server refused it.
 *
 * Not every loss is told: a router that forgot the connection drops what is sent and says nothing. When nothing at all
 * has arrived for a quarter of a call's deadline, a second connection is made to ask; if it is answered, the silent one
 * is dropped and what was sent on it fails as after any loss. Who may send again has the rest of the deadline for it.
 */
export interface Connection {
  /**
   * Sends the requests in one write and resolves with their replies in the order asked. A request that failed
   * has a {@link SluiceError} in its place: what the server refused, ConnectionError when the connection
   * broke, DeadlineError when time ran out, ClosedError after `close`. Never rejects, and always resolves
   * within `deadlineMs`, or soon after bytes of replies have ceased to arrive.
   *
   * Replies have the shapes of RESP2 whatever the connection speaks: strings (as UTF-8), integers, null,
   * arrays.
   *
   * A script that the server does not know is sent again with its source, that request alone, within the same
   * deadline; it then runs after the other requests. On a Cluster the requests of one call may be about
   * several slots, and go to each node in one write; those without a key go where the first request with a
   * key goes.
   */
  send(requests: readonly Request[], options: SendOptions): Promise<readonly unknown[]>;
  /**
   * The servers that hold keys: one, or those that are masters of a Cluster now. Slots may move between them at any
   * time.
   *
   * @throws {SluiceError} as {@link send} describes: the masters are not known in time.
   */
  nodes(options: SendOptions): Promise<readonly RedisNode[]>;
  /**
   * A further connection to the same deployment, for blocking reads. It has to be closed by itself.
   *
   * @throws {ClosedError} when this one is closed.
   */
  duplicate(): Connection;
  /**
   * Calls the listener each time the connection is ready again after it was lost: replies may have been lost
   * with it.
   *
   * @returns the way to stop.
   */
  onReconnect(listener: () => void): () => void;
  /**
   * Opens the bells of this connection: from now on the keys that `tracked` requests read ring when they change. It takes
   * a second connection for each node. That bells cannot ring, or no longer do, fails no request; `polled` tells.
   *
   * @throws {ClosedError} when this connection is closed.
   * @throws {Error} when its bells are open already.
   */
  bells(listener: BellListener): Bells;
  /**
   * Closes what this connection opened itself, bells included; what a user brought stays open. Requests in flight settle with
   * ClosedError. Idempotent; resolves when nothing keeps the process alive any more.
   */
  close(): Promise<void>;
}

/**
 * Runs one script.
 *
 * @returns its reply, for the script's own codec to read.
 * @throws {SluiceError} as {@link Connection.send} describes.
 */
export async function evaluate(
  connection: Connection,
  call: ScriptCall,
  options: SendOptions,
): Promise<unknown> {
  const { script, keys, args } = call;
  const [reply] = await connection.send([{ kind: "script", script, keys, args }], options);
  if (reply instanceof SluiceError) throw reply;
  return reply;
}

/**
 * Makes a call that may run twice: again, within the same deadline, after an error that goes away by itself.
 *
 * @param attempt - the call, to be made within so many milliseconds.
 * @throws {SluiceError} the last error.
 */
export async function again<T>(
  { deadlineMs }: SendOptions,
  attempt: (options: SendOptions) => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt({ deadlineMs: Math.max(1, Math.ceil(endsAt - performance.now())) });
    } catch (error) {
      const pauseMs = jittered(RESEND_DELAY_MS);
      if (!goesAwaySoon(error) || performance.now() + pauseMs >= endsAt) throw error;
      await sleep(pauseMs);
    }
  }
}

/**
 * Runs one plain command.
 *
 * @returns its reply in the shape of RESP2.
 * @throws {SluiceError} as {@link Connection.send} describes.
 */
export async function command(
  connection: Connection,
  name: string,
  args: readonly Arg[],
  options: SendOptions,
): Promise<unknown> {
  const [reply] = await connection.send([{ kind: "command", name, args }], options);
  if (reply instanceof SluiceError) throw reply;
  return reply;
}

/** A server at maxmemory stays there until somebody makes room: the caller hears of it now. */
export function goesAwaySoon(error: unknown): boolean {
  return isRetryable(error) && !(error instanceof OutOfMemoryError);
}

/** Whether it is the server that was not reached, or not in time, rather than a server that refused. */
export function isUnreachable(error: unknown): error is ConnectionError | DeadlineError {
  return error instanceof ConnectionError || error instanceof DeadlineError;
}

/** Whether the call that failed with this error may have run all the same: its reply is what was lost. */
export function hasMaybeExecuted(error: unknown): boolean {
  return isUnreachable(error) && error.maybeExecuted;
}
