/**
 * A real Sentinel set on this machine: a master, a replica, and three Sentinels that agree on them.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./ports.js";
import { parseInfo, withConnection } from "./resp.js";
import type { TestServer } from "./server.js";
import { startServerProcess } from "./server-process.js";
import { findProgram, type StartOptions } from "./start-server.js";
import { waitUntil } from "./wait.js";

const masterName = "main";
const quorum = 2;
const sentinelCount = 3;
/** Silence after which the master counts as down; a failover then takes about two more seconds. */
const downAfterMs = 1_000;
const failoverDeadlineMs = 10_000;
const readyDeadlineMs = 60_000;

export interface SentinelOptions
  extends Pick<StartOptions, "version" | "args" | "cacheFolder" | "env" | "onProgress" | "persistence"> {
  readonly server?: "auto" | "path" | "debian";
}

export interface TestSentinels extends AsyncDisposable {
  /** The name that clients ask the Sentinels for. */
  readonly masterName: string;
  /** As started; a failover swaps their parts. */
  readonly master: TestServer;
  readonly replica: TestServer;
  readonly sentinels: readonly TestServer[];
  readonly description: string;
  /** Ends all five. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the set on free ports of 127.0.0.1 and resolves when the replica follows and every Sentinel knows
 * the replica and the other two (about two seconds). `args` go to the two servers.
 *
 * @throws TestServerError NO_SERVER, START_FAILED or TIMEOUT; nothing is left running then.
 */
export async function startSentinels(options: SentinelOptions = {}): Promise<TestSentinels> {
  const program = await findProgram(options);
  const servers: TestServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const startData = async (extra: readonly string[]) => {
    const args = [...extra, ...(options.args ?? [])];
    const persistence = options.persistence ?? false;
    const server = await startServerProcess({ program, choosePort: freePort, args, persistence });
    servers.push(server);
    return server;
  };
  const startSentinel = async (master: TestServer) => {
    const prepare = (folder: string, port: number) => writeSentinelFile(folder, port, master);
    const server = await startServerProcess({ program, choosePort: freePort, prepare });
    servers.push(server);
    return server;
  };
  try {
    // By default a master waits five seconds for further replicas before it sends its data set.
    const master = await startData(["--repl-diskless-sync-delay", "0"]);
    const replica = await startData(["--replicaof", master.host, String(master.port)]);
    await waitUntil(() => follows(replica), { what: "the replica to follow", deadlineMs: readyDeadlineMs });
    const sentinels: TestServer[] = [];
    // One after the other, so that all that were started are in `servers` when one fails.
    while (sentinels.length < sentinelCount) sentinels.push(await startSentinel(master));
    await waitUntil(async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean), {
      what: "the Sentinels to know each other",
      deadlineMs: readyDeadlineMs,
      everyMs: 50,
    });
    return {
      masterName,
      master,
      replica,
      sentinels,
      description: `${master.description}, master and replica under ${sentinelCount} Sentinels`,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A Sentinel rewrites its file as it learns, so that it has to have one of its own. */
async function writeSentinelFile(
  folder: string,
  port: number,
  master: TestServer,
): Promise<readonly string[]> {
  const file = join(folder, "sentinel.conf");
  const lines = [
    `bind 127.0.0.1`,
    `port ${port}`,
    `dir ${folder}`,
    `sentinel monitor ${masterName} ${master.host} ${master.port} ${quorum}`,
    `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
    `sentinel failover-timeout ${masterName} ${failoverDeadlineMs}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  return [file, "--sentinel"];
}

async function follows(replica: TestServer): Promise<boolean> {
  return await withConnection(replica.url, async (connection) => {
    return parseInfo(await connection.command("INFO", "replication")).get("master_link_status") === "up";
  });
}

async function knowsAll(sentinel: TestServer): Promise<boolean> {
  return await withConnection(sentinel.url, async (connection) => {
    const reply = await connection.command("SENTINEL", "MASTER", masterName);
    const fields = Array.isArray(reply) ? reply.map(String) : [];
    const field = (name: string) => fields[fields.indexOf(name) + 1];
    return field("num-slaves") === "1" && field("num-other-sentinels") === String(sentinelCount - 1);
  });
}
