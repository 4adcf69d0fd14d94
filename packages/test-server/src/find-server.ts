/**
 * The server that the demo, the tests and the conformance suite run against: the user's own if `REDIS_URL`
 * names one, otherwise one that is started for the run.
 */

import { messageOf, TestServerError } from "./errors.js";
import { parseInfo, productOf, ReplyError, type RespConnection, withConnection } from "./resp.js";
import type { TestServer } from "./server.js";
import { firstOf, ownWays, type StartOptions, type Way } from "./start-server.js";

export type FindOptions = Pick<StartOptions, "cacheFolder" | "env" | "onProgress">;

/**
 * Looks in this order: `REDIS_URL`; `redis-server` or `valkey-server` on PATH; Docker; the package of Debian
 * or Ubuntu. `description` says which it took. A server behind `REDIS_URL` is never flushed, paused or
 * stopped.
 *
 * @throws TestServerError UNREACHABLE when `REDIS_URL` is set and does not answer (nothing else is tried
 *   then: the user meant that one); NO_SERVER listing the four ways; START_FAILED when a program was found
 *   and does not start.
 */
export async function findServer(options: FindOptions = {}): Promise<TestServer> {
  const env = options.env ?? process.env;
  const foreign: Way<TestServer> = {
    name: "REDIS_URL",
    async get() {
      if (!env.REDIS_URL) throw new TestServerError("UNAVAILABLE", "it is not set");
      return await foreignServer(env.REDIS_URL);
    },
  };
  // `auto` only: a container or package by name would make no sense for a server found.
  const ways = [foreign, ...ownWays({ ...options, server: "auto" })];
  return await firstOf("find a Redis or Valkey server", ways, options.onProgress);
}

async function foreignServer(address: string): Promise<TestServer> {
  let url: URL;
  try {
    url = new URL(address);
  } catch (cause) {
    throw new TestServerError("INVALID_OPTION", "read REDIS_URL: it is not a URL such as redis://host:6379", {
      cause,
    });
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    throw new TestServerError(
      "INVALID_OPTION",
      `read REDIS_URL: wanted redis: or rediss:, found "${url.protocol}"`,
    );
  }
  const shown = withoutCredentials(url);
  const product = await withConnection(url, describe).catch((cause: unknown) => {
    throw new TestServerError("UNREACHABLE", `reach REDIS_URL "${shown}": ${messageOf(cause)}`, { cause });
  });
  const refuse = async (): Promise<never> => {
    throw new TestServerError(
      "NOT_OURS",
      `pause, kill or restart "${shown}": it is not ours but what REDIS_URL names`,
    );
  };
  return {
    url: address,
    host: url.hostname,
    port: Number(url.port || 6379),
    description: `${product}, REDIS_URL ${shown}`,
    ours: false,
    restart: refuse,
    kill: refuse,
    pause: refuse,
    resume: refuse,
    stop: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A user whom the server does not let ask can still work with it. */
async function describe(connection: RespConnection): Promise<string> {
  try {
    return productOf(parseInfo(await connection.command("INFO", "server")));
  } catch (error) {
    if (error instanceof ReplyError && !error.message.startsWith("NOAUTH"))
      return "a server that keeps its version";
    throw error;
  }
}

function withoutCredentials(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
