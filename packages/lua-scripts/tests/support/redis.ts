/**
 * Connections of the tests, and the one way they run a script: by its SHA-1, with the source where the server does
 * not know it yet. Names are made up by `uniqueName`, so that the run's clean-up finds what a test leaves.
 */
import type { ScriptCall } from "@sluice/lua-scripts";
import { sharedServerUrl } from "@sluice/test-server";
import { type Cluster, Redis, ReplyError } from "ioredis";
import { afterAll } from "vitest";

/** What a test sends commands through. */
export type Client = Redis | Cluster;

export type Value = string | number | Buffer;

/** Runs one script call, with replies as strings. */
export type Run = (call: ScriptCall) => Promise<unknown>;

/** A connection that fails at once rather than hiding a lost server behind retries. */
export function connect(
  url: string,
  options: { readonly username?: string; readonly password?: string } = {},
): Redis {
  return new Redis(url, { protocol: 2, maxRetriesPerRequest: 0, ...options });
}

/** A connection to the run's server for the tests of one file. */
export function useRedis(): Redis {
  const redis = connect(sharedServerUrl());
  afterAll(() => redis.disconnect());
  return redis;
}

function valuesOf({ keys, args }: ScriptCall): Value[] {
  const bytes = args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg));
  return [keys.length, ...keys, ...bytes];
}

type Send = (command: string, ...args: Value[]) => Promise<unknown>;

async function evaluate(send: Send, call: ScriptCall): Promise<unknown> {
  const values = valuesOf(call);
  try {
    return await send("EVALSHA", call.script.sha1, ...values);
  } catch (error) {
    if (!isReply(error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return await send("EVAL", call.script.source, ...values);
  }
}

/** Runs the call and answers what the server does; rejects with its error reply. */
export async function run(client: Client, call: ScriptCall): Promise<unknown> {
  return await evaluate((command, ...args) => client.call(command, ...args), call);
}

/** The same with every string as a Buffer, for bytes that are no UTF-8. */
export async function runForBytes(client: Client, call: ScriptCall): Promise<unknown> {
  return await evaluate((command, ...args) => client.callBuffer(command, ...args), call);
}

/** The text of the error with which the server answers the call. Rejects if it answers anything else. */
export async function errorOf(client: Client, call: ScriptCall): Promise<string> {
  try {
    const reply = await run(client, call);
    throw new TypeError(
      `${call.script.name} was wanted to fail: it answered ${JSON.stringify(reply).slice(0, 200)}`,
    );
  } catch (error) {
    if (isReply(error)) return error.message;
    throw error;
  }
}

function isReply(error: unknown): error is Error {
  return error instanceof ReplyError;
}
