/**
 * What a user gives a client as `redis`: an address, options or an instance. Clients differ in where they
 * have ioredis from; what they take is read here, and whatever is not understood is refused.
 */

import { kindOf } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";
import { readAddress, WANTED_REDIS } from "./address.js";
import { checkGivenOptions } from "./given-options.js";
import { isIoredis, isMethod } from "./options.js";
import { messageOf } from "./replies.js";
import type { IoredisClient, IoredisCluster } from "./types.js";

/** Makes an instance of ioredis's `Redis`. */
export type MakeRedis = (options: object) => IoredisClient;

/**
 * The instance that the option `redis` stands for. One that is made here never connects, so it need not be
 * closed.
 *
 * @throws {InvalidOptionError} for anything else, naming what was found and what to pass; its text never shows
 *   credentials.
 */
export function toIoredis(redis: unknown, make: MakeRedis): IoredisClient | IoredisCluster {
  if (typeof redis === "string") return made(make, readAddress(redis));
  if (typeof redis !== "object" || redis === null || Array.isArray(redis)) refuse(redis, WANTED_REDIS);
  if (isUrl(redis)) return made(make, readAddress(redis.href));
  if (isIoredis(redis)) return redis;
  if (isMethod(redis, "then")) refuse(redis, `${WANTED_REDIS}; await the promise first`);
  if (METHODS.some((name) => isMethod(redis, name))) {
    refuse(
      redis,
      `${WANTED_REDIS} of ioredis 5 or 6; of another library's client, pass the address that it has`,
    );
  }
  if (!isPlain(redis)) refuse(redis, WANTED_REDIS);
  checkGivenOptions(redis);
  return made(make, redis);
}

/** What clients of other libraries have, and options have not. */
const METHODS = ["duplicate", "sendCommand", "send_command", "executeIsolated", "getClient", "quit"];

// A URL of another realm, as test runners have them, is no instance of ours.
function isUrl(value: object): value is { readonly href: string } {
  return (
    Object.prototype.toString.call(value) === "[object URL]" && typeof Reflect.get(value, "href") === "string"
  );
}

/** An object that was written down, rather than one of a class. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What ioredis itself says against options is told as the option's error. */
function made(make: MakeRedis, options: object): IoredisClient {
  try {
    return make({ ...options, lazyConnect: true });
  } catch (error) {
    return refuse(options, `options that ioredis takes (${messageOf(error)})`, error);
  }
}

/** The value itself is not held by the error: it may have a password in it. */
function refuse(value: unknown, wanted: string, cause?: unknown): never {
  throw new InvalidOptionError({ option: "redis", value: undefined, shown: kindOf(value), wanted, cause });
}
