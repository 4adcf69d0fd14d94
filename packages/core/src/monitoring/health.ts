/** Whether everything that Sluice relies on is in order, and if not, what is to be done. */
import { type InfoGroup, LOSS_SHOWN_MS, PROTOCOL, streamKeys } from "@sluice/lua-scripts";
import { again, type Connection, isUnreachable, type Request, type SendOptions } from "../connection.js";
import { SluiceError } from "../errors.js";
import { performance } from "../timing.js";
import { type KnownGroups, readInfo } from "./stream-info.js";

export type HealthStatus = "ok" | "degraded" | "down";

export interface Health {
  /** The worst of the checks. */
  readonly status: HealthStatus;
  readonly checks: readonly HealthCheck[];
  /** Of one small command, in milliseconds; 0 if Redis was not reached. */
  readonly roundTripMs: number;
}

export interface HealthCheck {
  /**
   * `connection`, `server`, `role`, `persistence`, `maxmemory-policy`, `memory`, `lazy-expire`; of a stream `protocol`,
   * `stream-memory` where its size is not known, `group:NAME`, `consumers:NAME`, or `stream` where it could not be looked at;
   * of this process's own consumers `handlers:NAME` where handlers have run for ten leases, and of its workers `worker:NAME`
   * where no bell rings, or tenants are suspended.
   */
  readonly name: string;
  readonly status: HealthStatus;
  /** What was found, and what to do where it is not in order. */
  readonly detail: string;
}

/** Where to look. Without `stream` only the server is looked at. */
export interface HealthScope {
  readonly connection: Connection;
  readonly known: KnownGroups;
  readonly stream: string | undefined;
  readonly tenantId: string | undefined;
  readonly deadlineMs: number;
}

/** A consumer that has not asked for entries for this long is taken for dead, in milliseconds: no blocking read waits longer than a minute. */
const ALIVE_MS = 65_000;
/** The oldest server that has every command the scripts use. */
const OLDEST_VERSION = "6.2";
const NEARLY_FULL = 0.9;

export async function checkHealth(scope: HealthScope): Promise<Health> {
  const { connection, deadlineMs, stream, tenantId } = scope;
  const command = (name: string, ...args: string[]): Request => ({ kind: "command", name, args });
  // A command about a key of the stream goes first: on a Cluster all of them then go to the node that has it.
  const place = command("EXISTS", streamKeys(stream ?? "health", tenantId).stream);
  let sentAt = 0;
  const ask = async (options: SendOptions) => {
    sentAt = performance.now();
    const [reached] = await connection.send([place], options);
    if (reached instanceof SluiceError && reached.code !== "PERMISSION") throw reached;
  };
  try {
    await again({ deadlineMs }, ask);
  } catch (error) {
    if (error instanceof SluiceError) return notReached(error);
    throw error;
  }
  const roundTripMs = performance.now() - sentAt;
  const [, info, config] = await connection.send([place, command("INFO"), command("CONFIG", "GET", "*")], {
    deadlineMs,
  });
  if (isUnreachable(info)) return notReached(info);
  const checks: HealthCheck[] = [
    { name: "connection", status: "ok", detail: `answered in ${roundTripMs.toFixed(1)} ms` },
    ...serverChecks(fieldsOf(info), settingsOf(config)),
    ...(stream === undefined ? [] : await streamChecks(scope, stream)),
  ];
  return { status: worst(checks), checks, roundTripMs };
}

function notReached({ message: detail }: SluiceError): Health {
  return { status: "down", checks: [{ name: "connection", status: "down", detail }], roundTripMs: 0 };
}

/** A report with further checks. */
export function withChecks(health: Health, more: readonly HealthCheck[]): Health {
  if (more.length === 0) return health;
  const checks = [...health.checks, ...more];
  return { ...health, status: worst(checks), checks };
}

function worst(checks: readonly HealthCheck[]): HealthStatus {
  if (checks.some(({ status }) => status === "down")) return "down";
  return checks.some(({ status }) => status === "degraded") ? "degraded" : "ok";
}

/** The fields of INFO; none if the user may not ask. */
function fieldsOf(info: unknown): ReadonlyMap<string, string> {
  const lines = typeof info === "string" ? info.split(/\r?\n/) : [];
  return new Map(lines.filter((line) => line.includes(":")).map((line) => splitOnce(line, ":")));
}

function splitOnce(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return [line.slice(0, at), line.slice(at + separator.length)];
}

/** The settings of CONFIG GET; none if the user may not ask, or the service hides them. */
function settingsOf(config: unknown): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  if (Array.isArray(config)) {
    for (let at = 0; at + 1 < config.length; at += 2)
      settings.set(String(config[at]), String(config[at + 1]));
  }
  return settings;
}

type Facts = ReadonlyMap<string, string>;

function serverChecks(info: Facts, settings: Facts): HealthCheck[] {
  if (info.size === 0) {
    const detail =
      "the server does not run INFO for this user, so version, role, persistence and memory are not known";
    return [{ name: "server", status: "ok", detail }];
  }
  return [
    version(info),
    role(info),
    persistence(info, settings),
    policy(info),
    memory(info),
    lazyExpire(settings),
  ];
}

function version(info: Facts): HealthCheck {
  const valkey = info.get("valkey_version");
  const redis = info.get("redis_version") ?? "unknown";
  const detail = valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`;
  const [major = 0, minor = 0] = redis.split(".").map(Number);
  const old = major < 6 || (major === 6 && minor < 2);
  return {
    name: "server",
    status: old ? "degraded" : "ok",
    detail: old ? `${detail}: upgrade it, the scripts need ${OLDEST_VERSION}` : detail,
  };
}

function role(info: Facts): HealthCheck {
  const found = info.get("role") ?? "unknown";
  const status = found === "master" ? "ok" : "degraded";
  return {
    name: "role",
    status,
    detail: status === "ok" ? found : `${found}: it takes no writes; connect to the master`,
  };
}

function persistence(info: Facts, settings: Facts): HealthCheck {
  const check = (status: HealthStatus, detail: string) => ({ name: "persistence", status, detail });
  const aof = info.get("aof_enabled") === "1";
  if (aof && info.get("aof_last_write_status") === "err")
    return check("degraded", "the last write of the append-only file failed");
  if (info.get("rdb_last_bgsave_status") === "err") return check("degraded", "the last snapshot failed");
  if (aof) return check("ok", "append-only file");
  const save = settings.get("save");
  if (save === undefined) return check("ok", "no append-only file; whether snapshots are made is not known");
  if (save === "")
    return check(
      "degraded",
      "neither append-only file nor snapshots: a restart loses everything; set appendonly yes",
    );
  return check("ok", "snapshots only: a crash loses what came after the last one");
}

function policy(info: Facts): HealthCheck {
  const name = "maxmemory-policy";
  const found = info.get("maxmemory_policy");
  if (found === undefined || found === "noeviction")
    return { name, status: "ok", detail: found ?? "not known" };
  return {
    name,
    status: "degraded",
    detail: `${found}: a full server may evict events; set maxmemory-policy noeviction`,
  };
}

function memory(info: Facts): HealthCheck {
  const used = Number(info.get("used_memory") ?? 0);
  const max = Number(info.get("maxmemory") ?? 0);
  if (max === 0) return { name: "memory", status: "ok", detail: `${used} bytes used, no maxmemory` };
  const share = used / max;
  const detail = `${used} of ${max} bytes used`;
  return share < NEARLY_FULL
    ? { name: "memory", status: "ok", detail }
    : {
        name: "memory",
        status: "degraded",
        detail: `${detail}: publishing is refused when it is full; let consumers catch up or raise maxmemory`,
      };
}

function lazyExpire(settings: Facts): HealthCheck {
  const found = settings.get("lazyfree-lazy-expire") ?? "not known";
  const detail =
    found === "no"
      ? "no: processed keys of a group that has gone idle are freed in one go when they expire; yes avoids the pause"
      : found;
  return { name: "lazy-expire", status: "ok", detail };
}

async function streamChecks(scope: HealthScope, stream: string): Promise<HealthCheck[]> {
  const { connection, known, tenantId, deadlineMs } = scope;
  try {
    const info = await readInfo(connection, known, stream, tenantId, deadlineMs);
    const checks: HealthCheck[] = [protocolCheck(info.protocol)];
    if (info.memoryBytes === undefined) checks.push(MEMORY_UNKNOWN);
    for (const group of info.groups) {
      checks.push(groupCheck(group, info.now, streamKeys(stream, tenantId).stream));
      if (group.exists) checks.push(consumersCheck(group));
    }
    return checks;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [{ name: "stream", status: "down", detail }];
  }
}

/** Nothing but numbers for people depends on it. */
const MEMORY_UNKNOWN: HealthCheck = {
  name: "stream-memory",
  status: "ok",
  detail:
    "the server does not run MEMORY USAGE for this user, so memoryBytes is not known and long lags may be inexact; " +
    "ACL rule +memory allows it",
};

function protocolCheck(found: string | undefined): HealthCheck {
  if (found === undefined)
    return { name: "protocol", status: "ok", detail: `${PROTOCOL}; the stream is new` };
  const same = Number(found) === PROTOCOL;
  const detail = same
    ? found
    : `the stream is of protocol ${found}, this client of ${PROTOCOL}: upgrade the older one`;
  return { name: "protocol", status: same ? "ok" : "down", detail };
}

function groupCheck(group: InfoGroup, now: number, streamKey: string): HealthCheck {
  const problems = [missing(group), losses(group, now, streamKey), oldPending(group)].filter(
    (problem) => problem !== undefined,
  );
  return {
    name: `group:${group.name}`,
    status: problems.length > 0 ? "degraded" : "ok",
    detail: problems.length > 0 ? problems.join("; ") : "present",
  };
}

function missing(group: InfoGroup): string | undefined {
  if (group.exists) return undefined;
  return "registered in metadata but missing from the stream; the next consumer to start recreates it at its low-water ID";
}

/** Losses are reported for a day; `getStreamInfo` keeps their number. */
function losses(
  { name, lost, lostExact, lostAt, lostAfterId }: InfoGroup,
  now: number,
  streamKey: string,
): string | undefined {
  if (lostAt === undefined || now - lostAt >= LOSS_SHOWN_MS) return undefined;
  const found = `found at ${new Date(lostAt).toISOString()}`;
  if (lost === 0) {
    return `the stream and everything recorded about it was deleted, ${found}: how many events this group lost is not known`;
  }
  const events = `${lostExact ? "" : "at least "}${lost} ${lost === 1 ? "event" : "events"}`;
  const again =
    lostAfterId === undefined
      ? ""
      : `; XGROUP SETID ${streamKey} ${name} ${lostAfterId} delivers again what is still in the stream`;
  return (
    `others removed ${events} before this group settled them, or made it pass over them, the last ${found}: look for ` +
    `XTRIM, XDEL, XADD MAXLEN, XGROUP SETID and DELCONSUMER by other programs${again}`
  );
}

function oldPending({ idempotencyTtlMs, oldestPendingMs }: InfoGroup): string | undefined {
  if (idempotencyTtlMs === 0 || oldestPendingMs <= idempotencyTtlMs / 2) return undefined;
  return (
    `its oldest pending entry is older than half of idempotencyTtlMs (${idempotencyTtlMs}): if the group were lost now, ` +
    "events could be handled twice; settle the entry, or raise idempotencyTtlMs"
  );
}

function consumersCheck(group: InfoGroup): HealthCheck {
  // One whose handlers take all of its time asks for nothing, and is heard of by its heartbeats, three in a lease.
  const alive = group.consumers.filter(({ idleMs, pending }) => {
    return idleMs < ALIVE_MS || (pending > 0 && idleMs < group.leaseMs);
  }).length;
  const detail = `${alive} of ${group.consumers.length} alive`;
  return alive > 0
    ? { name: `consumers:${group.name}`, status: "ok", detail }
    : { name: `consumers:${group.name}`, status: "degraded", detail: `${detail}: start a consumer` };
}
