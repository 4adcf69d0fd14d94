/**
 * What a user gives a client as `redis`: an address, options or an instance. Clients differ in where they
 * have ioredis from; what they take is read here.
 */

import type { Connection } from "../connection.js";
import { ConnectionError, DeadlineError, InvalidOptionError, PermissionError } from "../errors.js";
import { describeTarget, isCluster } from "./options.js";
import { messageOf } from "./replies.js";
import type { IoredisClient, IoredisCluster } from "./types.js";

/** Makes an instance of ioredis's `Redis`; `address` is a URL or the path of a socket. */
export type MakeRedis = (address: string | undefined, options: object) => IoredisClient;

const WANTED =
  "a URL (redis://host:port/db, rediss:// for TLS), a socket path, ioredis options, or a Redis or Cluster";

/**
 * The instance that the option `redis` stands for. One that is made here never connects, so it need not be
 * closed.
 *
 * @throws {InvalidOptionError} for anything else; its text never shows credentials.
 */
export function toIoredis(redis: unknown, make: MakeRedis): IoredisClient | IoredisCluster {
  if (typeof redis === "string") {
    checkAddress(redis);
    return made(redis, () => make(redis, { lazyConnect: true }));
  }
  if (typeof redis !== "object" || redis === null || Array.isArray(redis)) refuse(redis, WANTED);
  // The types of `connect` say what else it can be; `fromIoredis` looks at what it needs of an instance.
  if ("duplicate" in redis) return redis as IoredisClient | IoredisCluster;
  return made(redis, () => make(undefined, { ...redis, lazyConnect: true }));
}

/**
 * Resolves once a connection is up, and its user and database are accepted.
 *
 * @throws {ConnectionError} naming where it goes to, when it is not up within `deadlineMs`.
 * @throws {PermissionError} at once, when the login is refused.
 * @throws {SluiceError} for whatever else the server answers.
 */
export async function whenReady(
  connection: Connection,
  source: IoredisClient | IoredisCluster,
  deadlineMs: number,
): Promise<void> {
  const [reply] = await connection.send([{ kind: "command", name: "PING", args: [] }], { deadlineMs });
  if (!(reply instanceof Error)) return;
  // The connection is up if the server can say that this user may not PING.
  if (reply instanceof PermissionError && reply.command === "ping") return;
  if (!(reply instanceof DeadlineError)) throw reply;
  const why = reply.cause === undefined ? "it does not answer" : messageOf(reply.cause);
  const reason = `no connection to ${describeSource(source)} within ${deadlineMs} ms (${why})`;
  throw new ConnectionError({ attempted: "PING", reason, maybeExecuted: false, cause: reply });
}

/** Where an instance connects to, for people; never with credentials. */
function describeSource(source: IoredisClient | IoredisCluster): string {
  if (!isCluster(source)) return describeTarget(source.options);
  // Not in ioredis's types, which declare it private, but there since its first version.
  const nodes: unknown = Reflect.get(source, "startupNodes");
  return `the Cluster at ${Array.isArray(nodes) ? nodes.map(describeNode).join(", ") : "its nodes"}`;
}

function describeNode(node: unknown): string {
  if (typeof node === "number") return `127.0.0.1:${node}`;
  if (typeof node === "string") return URL.canParse(node) ? new URL(node).host : "its node";
  // A node in the form of options; what is missing in it has a default.
  return describeTarget({ host: "127.0.0.1", ...(node as object) });
}

function checkAddress(address: string): void {
  if (address.startsWith("/")) return;
  if (!/^rediss?:\/\//i.test(address) || !URL.canParse(address)) refuse(address, WANTED);
  const { pathname, hostname } = new URL(address);
  if (hostname === "") refuse(address, WANTED);
  // ioredis would take a database that is not a number for database 0.
  if (!/^(\/\d{0,6})?$/.test(pathname))
    refuse(address, "the number of a database after the host, or nothing");
}

/** What ioredis itself says against options is told as the option's error. */
function made(redis: unknown, make: () => IoredisClient): IoredisClient {
  try {
    return make();
  } catch (error) {
    return refuse(redis, `options that ioredis takes (${messageOf(error)})`, error);
  }
}

function refuse(value: unknown, wanted: string, cause?: unknown): never {
  // Where the credentials end cannot be told in an address that is not a URL.
  const shown = typeof value === "string" && value.includes("@") ? "an address with credentials" : undefined;
  throw new InvalidOptionError({ option: "redis", value, wanted, shown, cause });
}
