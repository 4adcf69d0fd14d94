/**
 * The options of ioredis that a user gives as `redis`, checked by name and kind: ioredis takes no notice of a name that
 * it does not know, and connects to localhost where it is told nothing. What is spread into other libraries below
 * ioredis (TLS, the Sentinels' addresses) is looked at too.
 */

import { describeName, describeUnasked, kindOf } from "../errors/describe.js";
import { InvalidOptionError } from "../errors.js";
import { didYouMean } from "../options.js";

type Check = (value: unknown) => string | undefined;
type Checks = ReadonlyMap<string, Check>;

/** Whatever ioredis makes of it: of no effect on the connections that are made here, or a matter of the user's. */
const anything: Check = () => undefined;
const text: Check = (value) => unless(typeof value === "string" && value !== "", "a text that is not empty");
const maybeText: Check = (value) => unless(typeof value === "string", "a text");
const flag: Check = (value) => unless(typeof value === "boolean", "true or false");
const milliseconds: Check = (value) => unless(isInteger(value, 0, 2 ** 31 - 1), "an integer of milliseconds");
const port: Check = (value) => unless(isInteger(numeric(value), 1, 65_535), "a port from 1 to 65535");
const database: Check = (value) =>
  unless(isInteger(numeric(value), 0, 999_999), "the number of a database, from 0");
const family: Check = (value) => unless(value === 4 || value === 6 || value === 0, "4, 6 or 0 for either");
const natMap: Check = (value) =>
  unless(typeof value === "function" || isRecord(value), "a table or a function");
const tls: Check = (value) =>
  unless(
    typeof value === "boolean" ||
      isRecord(value) ||
      (typeof value === "string" && TLS_PROFILES.includes(value)),
    "options of tls.connect(), true or false",
  );

/** As ioredis calls them. */
const TLS_PROFILES: readonly string[] = ["RedisCloudFixed", "RedisCloudFlexible"];

const ADDRESS: readonly (readonly [string, Check])[] = [
  ["host", text],
  ["port", port],
  ["family", family],
];

const CHECKS: Checks = new Map([
  ...ADDRESS,
  ["path", text],
  ["db", database],
  ["username", maybeText],
  ["password", maybeText],
  ["tls", tls],
  ["connectionName", maybeText],
  ["connectTimeout", milliseconds],
  ["keepAlive", anything],
  ["noDelay", flag],
  ["sentinels", anything],
  ["name", text],
  ["role", anything],
  ["sentinelUsername", maybeText],
  ["sentinelPassword", maybeText],
  ["sentinelTLS", tls],
  ["enableTLSForSentinelMode", flag],
  ["natMap", natMap],
  ["updateSentinels", flag],
  ["sentinelMaxConnections", anything],
  ["sentinelCommandTimeout", milliseconds],
  ["failoverDetector", flag],
  ["Connector", anything],
  // Refused, or checked, with the options of an instance.
  ["keyPrefix", anything],
  ["commandTimeout", anything],
  // What follows is of no effect on the connections that are made here, and stands in options that others use too.
  ...[
    "preferredSlaves",
    "sentinelRetryStrategy",
    "sentinelReconnectStrategy",
    "retryStrategy",
    "reconnectOnError",
    "disconnectTimeout",
    "socketTimeout",
    "blockingTimeout",
    "blockingTimeoutGrace",
    "disableClientInfo",
    "clientInfoTag",
    "autoResubscribe",
    "autoResendUnfulfilledCommands",
    "readOnly",
    "stringNumbers",
    "protocol",
    "replyMapping",
    "monitor",
    "maxRetriesPerRequest",
    "maxLoadingRetryTime",
    "enableAutoPipelining",
    "autoPipeliningIgnoredCommands",
    "offlineQueue",
    "commandQueue",
    "enableOfflineQueue",
    "enableReadyCheck",
    "lazyConnect",
    "scripts",
    "himportFieldsets",
    "showFriendlyErrorStack",
  ].map((name): [string, Check] => [name, anything]),
]);

/** The options of `tls.connect()` but for those that say where to connect: these stand beside `tls`. */
const TLS_NAMES: readonly string[] = [
  "ALPNProtocols",
  "allowPartialTrustChain",
  "autoSelectFamily",
  "autoSelectFamilyAttemptTimeout",
  "ca",
  "cert",
  "checkServerIdentity",
  "ciphers",
  "clientCertEngine",
  "crl",
  "dhparam",
  "ecdhCurve",
  "enableTrace",
  "hints",
  "honorCipherOrder",
  "key",
  "localAddress",
  "localPort",
  "lookup",
  "maxVersion",
  "minDHSize",
  "minVersion",
  "passphrase",
  "pfx",
  "privateKeyEngine",
  "privateKeyIdentifier",
  "profile",
  "pskCallback",
  "rejectUnauthorized",
  "requestOCSP",
  "secureContext",
  "secureOptions",
  "secureProtocol",
  "servername",
  "session",
  "sessionTimeout",
  "sigalgs",
];

/** Options by which other libraries are told where Redis is, and what to pass here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["url", "the URL itself"],
  ["uri", "the URL itself"],
  ["socket", "host, port and tls themselves, not in socket"],
  ["connection", "what stands in connection itself"],
  ["redis", "what stands in redis itself"],
  ["redisOptions", "a Cluster of ioredis, made with them"],
  ["clusterRetryStrategy", "a Cluster of ioredis, made with it"],
  ["nodes", "a Cluster of ioredis, made with the nodes"],
  ["rootNodes", "a Cluster of ioredis, made with the nodes"],
  ["startupNodes", "a Cluster of ioredis, made with the nodes"],
  ["hostname", "the host as host"],
  ["user", "the user as username"],
  ["pass", "the password as password"],
  ["auth", "username and password"],
  ["auth_pass", "the password as password"],
  ["database", "the number of the database as db"],
  ["ssl", "tls: {}"],
  ["sentinelRootNodes", "sentinels and name"],
]);

/**
 * @throws {InvalidOptionError} naming the first option that is unknown or of no use, and what to pass. Texts are not
 *   shown: each of them may be a password.
 */
export function checkGivenOptions(options: object): void {
  checkNames(options, "redis", [...CHECKS.keys()]);
  checkValues(options, "redis", CHECKS);
  for (const name of ["tls", "sentinelTLS"]) checkTls(`redis.${name}`, Reflect.get(options, name));
  checkPlace(options);
}

/** That something says where to connect, and that it is not an unset variable that does. */
function checkPlace(options: object): void {
  const {
    host,
    port: at,
    path,
    sentinels,
    name,
    Connector,
  }: Readonly<Record<string, unknown>> = { ...options };
  if (sentinels !== undefined && sentinels !== null) {
    checkSentinels(sentinels);
    if (name === undefined || name === null)
      refuse("redis.name", name, "the name of the master, for Sentinel");
    return;
  }
  if (path !== undefined && path !== null) return;
  if (Connector !== undefined) return;
  const named = host !== undefined && host !== null;
  if (!named && "host" in options) refuse("redis.host", host, "a host; leave it out for localhost");
  if (!named && (at === undefined || at === null)) {
    const wanted = "host, port, path or sentinels among the options: nothing says where Redis is";
    throw new InvalidOptionError({ option: "redis", value: undefined, shown: kindOf(options), wanted });
  }
}

function checkSentinels(sentinels: unknown): void {
  const wanted = "a list of at least one { host, port }";
  if (!isList(sentinels)) refuse("redis.sentinels", sentinels, wanted);
  for (const [index, sentinel] of sentinels.entries()) {
    const option = `redis.sentinels[${index}]`;
    if (!isRecord(sentinel)) refuse(option, sentinel, "{ host, port }");
    checkNames(
      sentinel,
      option,
      ADDRESS.map(([name]) => name),
    );
    checkValues(sentinel, option, new Map(ADDRESS));
    if (Reflect.get(sentinel, "host") === undefined)
      refuse(`${option}.host`, undefined, "the Sentinel's host");
  }
}

function checkTls(option: string, value: unknown): void {
  if (!isRecord(value)) return;
  for (const name of ["host", "port", "path", "socket"]) {
    if (Object.hasOwn(value, name)) {
      refuse(`${option}.${name}`, Reflect.get(value, name), `none: where to connect stands beside ${option}`);
    }
  }
  checkNames(value, option, TLS_NAMES);
}

function checkNames(options: object, option: string, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const instead = option === "redis" ? ELSEWHERE.get(name) : undefined;
    const wanted =
      instead === undefined
        ? `an option that ioredis knows${didYouMean(name, names)}`
        : `${instead}; redis takes a URL, a socket path, ioredis options, or a Redis or Cluster of ioredis`;
    refuse(`${option}.${describeName(name)}`, Reflect.get(options, name), wanted);
  }
}

function checkValues(options: object, option: string, checks: Checks): void {
  for (const [name, check] of checks) {
    const value: unknown = Reflect.get(options, name);
    const wanted = value === undefined || value === null ? undefined : check(value);
    if (wanted !== undefined) refuse(`${option}.${name}`, value, wanted);
  }
}

function refuse(option: string, value: unknown, wanted: string): never {
  throw new InvalidOptionError({ option, value: undefined, shown: describeUnasked(value), wanted });
}

function unless(isRight: boolean, wanted: string): string | undefined {
  return isRight ? undefined : wanted;
}

/** ioredis takes ports and databases as text too. */
function numeric(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,6}$/.test(value) ? Number(value) : value;
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}
