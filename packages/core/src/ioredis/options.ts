/**
 * The settings of the connections that the adapter opens: duplicates of what a user brought, changed so that
 * nothing is sent twice behind our back, nothing waits without a deadline, and replies have one shape.
 */

import { kindOf } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";
import { unwrapped } from "./replies.js";
import type { IoredisClient, IoredisClientOptions, IoredisCluster, IoredisClusterOptions } from "./types.js";

/** How long a socket may take to close whose peer does not answer, before it is destroyed. */
export const DISCONNECT_TIMEOUT_MS = 50;

/**
 * How long one Sentinel may take to answer. Without a limit, a paused one would hold up the others for ever.
 */
const SENTINEL_TIMEOUT_MS = 2_000;

/**
 * How long a connection may take from the first packet until it is ready, in milliseconds, if the user did
 * not set `connectTimeout`; the same as ioredis's default for the part it covers.
 */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Options for one connection to one server, over those of the instance it is a duplicate of. `undefined`
 * takes the user's setting away.
 */
export function clientSettings(base: IoredisClientOptions): object {
  return {
    lazyConnect: true,
    // We wait for the connection ourselves, within the deadline, and then know what was sent and what was
    // not.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // A subscriber that comes back has another ID, and nothing is redirected to it yet (`node-bell.ts`).
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // We connect again ourselves: ioredis's timer for it is the global one, which tests replace.
    retryStrategy: null,
    sentinelRetryStrategy: null,
    sentinelCommandTimeout: base.sentinelCommandTimeout ?? SENTINEL_TIMEOUT_MS,
    // A server that was demoted keeps its connections and answers READONLY for ever; behind an address that
    // moves, connecting again finds the new master. 1 is "reconnect"; a user's function might answer 2, "and
    // send again".
    reconnectOnError: (error: Error) => (unwrapped(error.message).startsWith("READONLY") ? 1 : false),
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    // We PING, and with Sentinel ask for the ROLE: INFO may be forbidden to the user or have another name, and
    // ioredis would say so on the console at every attempt, or never be ready.
    enableReadyCheck: false,
    // One shape of replies, at no cost: RESP3 is not faster to read (measured), and its maps would need
    // converting.
    protocol: 2,
    replyMapping: "legacy",
    stringNumbers: false,
    // CLIENT SETINFO is younger than the oldest server we serve, and each refusal is noted in its ACL log.
    disableClientInfo: true,
    // Set by us once the connection is up: in ioredis 5 a loss while it sets the name leaves a client that
    // holds itself ready for ever (its issue 2099).
    connectionName: null,
    enableAutoPipelining: false,
    showFriendlyErrorStack: false,
    readOnly: false,
    monitor: false,
    // Both would end a blocking read early; one of them by inventing a reply.
    socketTimeout: undefined,
    blockingTimeout: undefined,
    scripts: undefined,
    himportFieldsets: undefined,
  };
}

/**
 * Options for the Cluster instance that tells which node serves which slot. Commands never go through it: it
 * sends them again when a connection breaks, and cannot tell what was sent.
 */
export function clusterSettings(base: IoredisClusterOptions): object {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    // CLUSTER INFO may be forbidden to the user; a cluster that is down answers CLUSTERDOWN.
    enableReadyCheck: false,
    clusterRetryStrategy: null, // as above
    clusterNodeRetryStrategy: null,
    retryDelayOnFailover: 0,
    scaleReads: "master",
    shardedSubscribers: false,
    enableAutoPipelining: false,
    scripts: undefined,
    himportFieldsets: undefined,
    // ioredis 5 puts these in the place of the user's, login and TLS among them, where ioredis 6 adds them.
    redisOptions: {
      ...base.redisOptions,
      disableClientInfo: true,
      connectionName: null,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    },
  };
}

/**
 * Refuses what would break the promises of a connection.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export function checkSource(source: IoredisClient | IoredisCluster): void {
  if (typeof source !== "object" || source === null || !isIoredis(source)) {
    const wanted = "a Redis or Cluster of ioredis 5 or 6";
    throw new InvalidOptionError({ option: "redis", value: undefined, shown: kindOf(source), wanted });
  }
  checkOptions(source.options, "redis");
  if (isCluster(source)) checkOptions(source.options.redisOptions ?? {}, "redis.redisOptions");
}

/** Told by what it can do, not by its class: it may be of another copy, another version or minified. */
export function isIoredis(value: object): value is IoredisClient | IoredisCluster {
  const { status, options, isCluster }: { status?: unknown; options?: unknown; isCluster?: unknown } = value;
  if (typeof status !== "string" || typeof options !== "object" || options === null) return false;
  if (!["duplicate", "connect", "disconnect", "on"].every((name) => isMethod(value, name))) return false;
  return isCluster === true
    ? isMethod(value, "nodes") && isMethod(value, "refreshSlotsCache")
    : isMethod(value, "call");
}

export function isMethod(value: object, name: string): boolean {
  return typeof Reflect.get(value, name) === "function";
}

export function isCluster(source: IoredisClient | IoredisCluster): source is IoredisCluster {
  return source.isCluster;
}

/** How long to wait until a connection is ready before it is given up and made anew, in milliseconds. */
export function readyTimeoutMs({ connectTimeout }: IoredisClientOptions): number {
  return Number(connectTimeout) || CONNECT_TIMEOUT_MS;
}

/** Where a connection goes, for people: `127.0.0.1:6379`, a socket's path, or what Sentinel is asked. */
export function describeTarget(options: IoredisClientOptions): string {
  const { host = "localhost", port = 6379, path, sentinels, name } = options;
  if (sentinels) {
    const nodes = sentinels.map((node) => `${node.host ?? "localhost"}:${node.port ?? 26_379}`);
    return `master ${name ?? ""} of Sentinel ${nodes.join(", ")}`;
  }
  return path ?? `${host}:${port}`;
}

function checkOptions(options: IoredisClientOptions, path: string): void {
  const { keyPrefix, commandTimeout, role } = options;
  if (keyPrefix !== undefined && keyPrefix !== null && keyPrefix !== "") {
    const wanted = "none: it would rewrite the keys of scripts; the name of the stream can carry a prefix";
    throw new InvalidOptionError({ option: `${path}.keyPrefix`, value: keyPrefix, wanted });
  }
  if (commandTimeout !== undefined && commandTimeout !== null) {
    const wanted = "none: it would end blocking reads; deadlineMs bounds every command";
    throw new InvalidOptionError({ option: `${path}.commandTimeout`, value: commandTimeout, wanted });
  }
  if (role !== undefined && role !== null && role !== "master") {
    throw new InvalidOptionError({
      option: `${path}.role`,
      value: role,
      wanted: '"master": replicas take no writes',
    });
  }
}
