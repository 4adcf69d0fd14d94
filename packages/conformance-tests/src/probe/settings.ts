/** What the settings and the state of one server mean for the promises. */

import type { Finding } from "../results.js";
import type { NodeAnswers } from "./node.js";

/** From this share of `maxmemory` on, the next publishes may be refused. */
const NEARLY_FULL = 0.9;
/** A batch of 1,000 takes a script some milliseconds, more on a busy machine. */
const SHORT_SCRIPT_LIMIT_MS = 100;

/** A finding for each thing that is looked at, in the order of a report. */
export function settingFindings(answers: NodeAnswers): Finding[] {
  return [
    ...refused(answers),
    version(answers),
    protocol(answers),
    role(answers),
    persistence(answers),
    maxmemory(answers),
    maxmemoryPolicy(answers),
    lazyExpire(answers),
    scriptLimit(answers),
  ].filter((it) => it !== undefined);
}

function refused({ refused }: NodeAnswers): Finding[] {
  if (refused.length === 0) return [];
  const value = `${refused.join(" and ")}: this user may not ask, or the service does not tell`;
  return [
    { name: "not-known", value, warning: "the settings could not be read, so nothing is said about them" },
  ];
}

function version({ info }: NodeAnswers): Finding | undefined {
  const compatibleWith = info.get("redis_version");
  if (compatibleWith === undefined) return undefined;
  const [major = 0, minor = 0] = compatibleWith.split(".").map(Number);
  const old = major < 6 || (major === 6 && minor < 2);
  const own = info.get("valkey_version") ?? info.get("dragonfly_version");
  const value = own === undefined ? compatibleWith : `${own}, compatible with Redis ${compatibleWith}`;
  if (!old) return { name: "version", value };
  return { name: "version", value, warning: "upgrade it: the scripts need the commands of 6.2" };
}

function protocol({ protocol }: NodeAnswers): Finding {
  const value = protocol === undefined ? "RESP2; HELLO is not known or not allowed" : "RESP2 and RESP3";
  return { name: "protocol", value };
}

function role({ info }: NodeAnswers): Finding | undefined {
  const found = info.get("role");
  if (found === undefined) return undefined;
  if (found !== "master") {
    return { name: "role", value: found, warning: "it takes no writes: name the master instead" };
  }
  const replicas = Number(info.get("connected_slaves") ?? 0);
  const value = replicas === 0 ? "master, no replica" : `master, replicas: ${replicas}`;
  // That a failover can lose what was not replicated is in the promise itself.
  return { name: "role", value };
}

function persistence({ info, settings }: NodeAnswers): Finding | undefined {
  const finding = (value: string, warning?: string): Finding => {
    return { name: "persistence", value, ...(warning === undefined ? {} : { warning }) };
  };
  const save = settings.get("save");
  if (info.get("aof_enabled") === "1" || settings.get("appendonly") === "yes") {
    const fsync = settings.get("appendfsync");
    const value = `appendonly yes${fsync === undefined ? "" : `, ${fsync}`}`;
    if (info.get("aof_last_write_status") === "err") {
      return finding(value, "the last write of the append-only file failed: see the server's log");
    }
    if (fsync === "no")
      return finding(value, "a crash of the machine loses what was not flushed, often 30 s");
    return finding(value);
  }
  if (save === undefined) {
    return info.size === 0
      ? undefined
      : finding("no append-only file; whether snapshots are made is not known");
  }
  if (save === "") {
    return finding(
      "neither append-only file nor snapshots",
      "a restart loses every event that was acknowledged: set appendonly yes",
    );
  }
  if (info.get("rdb_last_bgsave_status") === "err") {
    return finding(`snapshots, save ${save}`, "the last snapshot failed: see the server's log");
  }
  return finding(
    `snapshots, save ${save}`,
    "a crash loses what came after the last snapshot: set appendonly yes",
  );
}

function maxmemory({ info, settings }: NodeAnswers): Finding | undefined {
  const limit = settings.get("maxmemory") ?? info.get("maxmemory");
  if (limit === undefined) return undefined;
  const maxBytes = Number(limit);
  const usedBytes = Number(info.get("used_memory") ?? 0);
  // How much is used differs between the masters of a Cluster, and matters near the limit alone.
  if (maxBytes === 0) return { name: "maxmemory", value: "no limit" };
  const value = `${(maxBytes / 1024 ** 2).toFixed(1)} MiB`;
  if (usedBytes < maxBytes * NEARLY_FULL) return { name: "maxmemory", value };
  const warning = `${Math.round((usedBytes / maxBytes) * 100)} % used: at the limit publishing is refused, and cases fail`;
  return { name: "maxmemory", value, warning };
}

function maxmemoryPolicy({ info, settings }: NodeAnswers): Finding | undefined {
  const value = settings.get("maxmemory-policy") ?? info.get("maxmemory_policy");
  if (value === undefined) return undefined;
  if (value === "noeviction") return { name: "maxmemory-policy", value };
  const evicts = value.startsWith("volatile-")
    ? "a full server may evict processed keys, so that an event is handled twice"
    : "a full server may evict streams: acknowledged events are lost";
  return { name: "maxmemory-policy", value, warning: `${evicts}; set noeviction` };
}

function lazyExpire({ settings }: NodeAnswers): Finding | undefined {
  const value = settings.get("lazyfree-lazy-expire");
  if (value === undefined) return undefined;
  // No promise depends on it.
  const meaning = "a group that has gone idle forgets its keys in one go, which blocks the server meanwhile";
  return { name: "lazyfree-lazy-expire", value: value === "no" ? `no: ${meaning}` : value };
}

function scriptLimit({ settings }: NodeAnswers): Finding | undefined {
  const value = settings.get("busy-reply-threshold") ?? settings.get("lua-time-limit");
  if (value === undefined) return undefined;
  const limitMs = Number(value);
  const name = "script-limit";
  if (limitMs <= 0) return { name, value: "none: a script is never reported as BUSY" };
  if (limitMs >= SHORT_SCRIPT_LIMIT_MS) return { name, value: `${limitMs} ms until BUSY` };
  const warning = "scripts take some milliseconds for a batch of 1,000: other clients may be told BUSY";
  return { name, value: `${limitMs} ms until BUSY`, warning };
}
