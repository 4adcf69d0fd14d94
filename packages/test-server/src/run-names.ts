/**
 * Names of one run, and their removal. A run may use a server that belongs to somebody: everything it makes
 * there carries its tag, and the tag is all that the clean-up goes by.
 *
 * The tag lives in the environment, so that the processes of one run (test workers, consumers that tests
 * spawn) share it without passing it around.
 */

import { randomInt } from "node:crypto";
import { TestServerError } from "./errors.js";
import { parseInfo, ReplyError, type RespConnection, withConnection } from "./resp.js";

const tagVariable = "SLUICE_TEST_RUN";
const urlVariable = "SLUICE_TEST_REDIS_URL";

/**
 * The tag of this run: `run` and nine letters or digits (46 bits), made at the first call and inherited by
 * child processes from then on.
 */
export function runTag(): string {
  const tag = process.env[tagVariable] ?? `run${randomText(9)}`;
  process.env[tagVariable] = tag;
  return tag;
}

/**
 * `orders` → `orders-run4k1x0c2ma-7fq2z8`: 20 characters longer, unlike any other, valid as a tenant, stream,
 * group or key wherever `prefix` is.
 */
export function uniqueName(prefix: string): string {
  return `${prefix}-${runTag()}-${randomText(6)}`;
}

/** The server of this run, as the global set-up of the tests (or `shareServer`) left it for this process. */
export function sharedServerUrl(): string {
  const url = process.env[urlVariable];
  if (url === undefined)
    throw new Error(`read ${urlVariable}: it is not set, the tests' global set-up sets it`);
  return url;
}

/** Makes a server known to this process and the ones that it starts from now on. */
export function shareServer(url: string): void {
  process.env[urlVariable] = url;
}

/**
 * Removes what this run made on a server: every key of the URL's database and every ACL user whose name holds
 * the tag. On a Cluster it goes to every master. Reads all key names (SCAN), changes nothing else.
 *
 * @returns the names removed.
 */
export async function removeNamesOfRun(url: string, tag = runTag()): Promise<readonly string[]> {
  if (!/^run[a-z0-9]{9}$/.test(tag)) {
    throw new TestServerError("INVALID_OPTION", `remove a run's names: "${tag}" is not a tag of a run`);
  }
  let removed: readonly string[] = [];
  for (const node of await mastersOf(url)) {
    await withConnection(node, async (connection) => {
      removed = removed.concat(await removeKeys(connection, tag), await removeUsers(connection, tag));
    });
  }
  return removed;
}

/** The names of all keys in the URL's database, for servers of our own: it reads every one. */
export async function listKeys(url: string): Promise<readonly string[]> {
  let found: readonly string[] = [];
  for (const node of await mastersOf(url))
    found = found.concat(await withConnection(node, (it) => scan(it, "*")));
  return found;
}

function randomText(length: number): string {
  return Array.from({ length }, () => randomInt(36).toString(36)).join("");
}

/** The URL itself, or one for each master when it leads to a Cluster. */
async function mastersOf(url: string): Promise<readonly string[]> {
  return await withConnection(url, async (connection) => {
    // A user who may not ask is taken to be on a single server.
    const info = await connection.command("INFO", "cluster").catch(replyErrorAsNull);
    if (parseInfo(info).get("cluster_enabled") !== "1") return [url];
    const nodes = String(await connection.command("CLUSTER", "NODES"))
      .trim()
      .split("\n");
    return nodes.flatMap((line) => {
      const [, address = "", flags = ""] = line.split(" ");
      if (!flags.split(",").includes("master") || /fail|noaddr/.test(flags)) return [];
      const node = new URL(url);
      // `ip:port@busPort,hostname`; an IPv6 address has colons of its own.
      const [, ip = "", port = ""] = /^(.*):(\d+)@/.exec(address) ?? [];
      node.hostname = ip.includes(":") ? `[${ip}]` : ip || node.hostname;
      node.port = port;
      return [node.href];
    });
  });
}

async function removeKeys(connection: RespConnection, tag: string): Promise<readonly string[]> {
  const names = await scan(connection, `*${tag}*`);
  // One by one: keys of several slots in one command are refused by a Cluster.
  await Promise.all(names.map((name) => connection.command("UNLINK", name)));
  return names;
}

async function scan(connection: RespConnection, pattern: string): Promise<readonly string[]> {
  // SCAN may name a key twice.
  const found = new Set<string>();
  let cursor = "0";
  do {
    const reply = await connection.command("SCAN", cursor, "MATCH", pattern, "COUNT", 1_000);
    const [next, keys] = Array.isArray(reply) ? reply : [];
    for (const key of Array.isArray(keys) ? keys : []) found.add(String(key));
    cursor = String(next);
  } while (cursor !== "0");
  return [...found];
}

/** Whoever may not ask for users has made none. */
async function removeUsers(connection: RespConnection, tag: string): Promise<readonly string[]> {
  try {
    const users = await connection.command("ACL", "USERS");
    const names = Array.isArray(users) ? users.map(String).filter((name) => name.includes(tag)) : [];
    if (names.length > 0) await connection.command("ACL", "DELUSER", ...names);
    return names;
  } catch (error) {
    if (error instanceof ReplyError) return [];
    throw error;
  }
}

function replyErrorAsNull(error: unknown): null {
  if (error instanceof ReplyError) return null;
  throw error;
}
