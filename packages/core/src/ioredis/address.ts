/**
 * From an address to options of ioredis: a URL or the path of a socket. It is read here and not by ioredis, which takes
 * `REDISS://` for plain text, names beyond the query it knows for options, and what follows a raw `#` or `?` in a
 * password for something else.
 *
 * No error shows any part of an address that may belong to a password.
 */

import { InvalidOptionError } from "../errors.js";
import { didYouMean } from "../options.js";

/** The options that an address can say. */
export interface AddressOptions {
  host?: string;
  port?: number;
  path?: string;
  username?: string;
  password?: string;
  db?: number;
  family?: number;
  tls?: object;
}

export const WANTED_REDIS =
  "a URL (redis://host:port/db, rediss:// for TLS), a socket path, ioredis options, or a Redis or Cluster";

const DEFAULT_PORT = 6_379;

/** Schemes of other clients and other transports, and what says the same here. */
const OTHER_SCHEMES: ReadonlyMap<string, string> = new Map([
  ["redis+tls", "rediss://host:port/db for TLS"],
  ["redis+ssl", "rediss://host:port/db for TLS"],
  ["tls", "rediss://host:port/db for TLS"],
  ["valkey", "redis://host:port/db"],
  ["valkeys", "rediss://host:port/db for TLS"],
  ["tcp", "redis://host:port/db"],
  ["unix", "the path of the socket alone, such as /run/redis.sock"],
  ["file", "the path of the socket alone, such as /run/redis.sock"],
  ["redis+unix", "the path of the socket alone, such as /run/redis.sock"],
  ["redis+socket", "the path of the socket alone, such as /run/redis.sock"],
  ["redis-socket", "the path of the socket alone, such as /run/redis.sock"],
  ["redis+sentinel", "ioredis options with sentinels and name"],
  ["redis-sentinel", "ioredis options with sentinels and name"],
  ["redis+cluster", "a Cluster of ioredis"],
  ["redis-cluster", "a Cluster of ioredis"],
]);

const PERCENT_ENCODE =
  "user and password percent-encoded, that is # as %23, / as %2F, ? as %3F, @ as %40 and % as %25: " +
  "encodeURIComponent() writes them so";

/**
 * @throws {InvalidOptionError} for the option `redis`.
 */
export function readAddress(address: string): AddressOptions {
  if (address.startsWith("/") && !address.startsWith("//")) return readPath(address);
  // A URL is read without them, so that a password would be another.
  if (/[\s\p{Cc}]/u.test(address))
    refuse(address, "an address without spaces, line breaks and control characters");
  const [, scheme, authority = "", rest = ""] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is.exec(address) ?? refuse(address, WANTED_REDIS);
  // An @ behind the host shows where a raw / ? or # cut the password off.
  if (rest.includes("@") || authority.split("@").length > 2) refuse(address, PERCENT_ENCODE);
  const tls = isTls(scheme ?? "", address);
  const url = URL.canParse(address) ? new URL(address) : refuse(address, WANTED_REDIS);
  if (url.hostname === "") refuse(address, WANTED_REDIS);
  if (url.hash !== "") refuse(address, `no "#"; ${PERCENT_ENCODE}`);
  if (url.port === "0") refuse(address, "a port from 1 to 65535");
  return {
    // IPv6 addresses stand in brackets in a URL alone.
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    ...credentials(url, address),
    ...databaseOf(url.pathname, address),
    ...readQuery(url.searchParams),
    ...(tls && { tls: {} }),
  };
}

function readPath(address: string): AddressOptions {
  const [path = "", query = ""] = address.split(/\?(.*)/s);
  return { path, ...readQuery(new URLSearchParams(query)) };
}

/** Schemes are in either case, as URLs have it; what is done follows from what is read. */
function isTls(scheme: string, address: string): boolean {
  const name = scheme.toLowerCase();
  if (name === "redis" || name === "rediss") return name === "rediss";
  const instead = OTHER_SCHEMES.get(name);
  refuse(address, instead === undefined ? WANTED_REDIS : `${instead} in place of the scheme ${name}:`);
}

function credentials({ username, password }: URL, address: string): AddressOptions {
  if (username === "" && password === "") return {};
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    // Not as the cause: it says nothing more.
    return refuse(address, PERCENT_ENCODE);
  }
}

// ioredis would take a database that is not a number for database 0.
function databaseOf(pathname: string, address: string): AddressOptions {
  if (pathname === "" || pathname === "/") return {};
  if (!/^\/\d{1,6}$/.test(pathname)) refuse(address, "the number of a database after the host, or nothing");
  return { db: Number(pathname.slice(1)) };
}

const QUERY = ["db", "family"] as const;

/** Of the options only those that say where to connect; ioredis would take each for an option, as text. */
function readQuery(query: URLSearchParams): AddressOptions {
  const read: AddressOptions = {};
  for (const [name, value] of query) {
    if (name === "db" && /^\d{1,6}$/.test(value)) read.db = Number(value);
    else if (name === "family" && /^[046]$/.test(value)) read.family = Number(value);
    else if (name === "db") refuseQuery(name, value, "the number of a database");
    else if (name === "family") refuseQuery(name, value, "4, 6 or 0 for either");
    else
      refuseQuery(
        /^[A-Za-z]\w{0,39}$/.test(name) ? name : "the query",
        undefined,
        `no other query than ${QUERY.join(" and ")}${didYouMean(name, QUERY)}; ioredis options, with host and port, ` +
          "can say everything else",
      );
  }
  return read;
}

function refuseQuery(name: string, value: string | undefined, wanted: string): never {
  const shown = value === undefined ? "an address with it" : undefined;
  throw new InvalidOptionError({ option: `redis.${name}`, value, shown, wanted });
}

/** Refuses an address. With an @ in it, where its credentials begin and end cannot be told. */
function refuse(address: string, wanted: string): never {
  const shown = address.includes("@") ? "an address with credentials" : undefined;
  throw new InvalidOptionError({ option: "redis", value: address, shown, wanted });
}
