/**
 * A real Redis Cluster of processes on this machine, assembled by commands (no redis-cli) and ready when
 * every node says so.
 */

import { TestServerError } from "./errors.js";
import { freeClusterPort } from "./ports.js";
import { parseInfo, type RespConnection, withConnection } from "./resp.js";
import type { TestServer } from "./server.js";
import { startServerProcess } from "./server-process.js";
import { findProgram, type StartOptions } from "./start-server.js";
import { waitUntil } from "./wait.js";

const slotCount = 16_384;
/** Masters hold back for two seconds before they call the cluster usable; the rest is gossip. */
const readyDeadlineMs = 60_000;
/**
 * How long a node may be silent before the others hold it for dead. Short, since tests wait for failovers.
 */
const nodeTimeoutMs = 2_000;

export interface ClusterOptions
  extends Pick<StartOptions, "version" | "args" | "cacheFolder" | "env" | "onProgress" | "persistence"> {
  /** 1 to 16, 3 by default. Slots are dealt out evenly, in order. */
  readonly masters?: number;
  /** Replicas of each master, 0 (default) or 1. */
  readonly replicas?: 0 | 1;
  /** A program is needed: containers would not reach each other under the addresses that clients see. */
  readonly server?: "auto" | "path" | "debian";
}

/** A node is a server like any other: it can be paused, killed and restarted. */
export interface ClusterNode extends TestServer {
  readonly pid: number;
  /** As assembled; a failover does not change it. */
  readonly role: "master" | "replica";
  /** The node's ID in the cluster, 40 hex digits. */
  readonly id: string;
}

export interface TestCluster extends AsyncDisposable {
  /** Masters first, then the replica of the first master, of the second, and so on. */
  readonly nodes: readonly ClusterNode[];
  /** The URL of the first node; any node leads a client to the others. */
  readonly url: string;
  /** `redis 7.0.15, Debian package unpacked in .cache/servers, 3 masters` */
  readonly description: string;
  /**
   * `node.kill()`: the others find out after about two seconds; `node.restart()` brings it back into the
   * cluster.
   */
  kill(node: ClusterNode): Promise<void>;
  /** Ends all nodes. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the nodes on free ports of 127.0.0.1, deals out the slots and resolves when every node reports
 * `cluster_state:ok`, sees all others and, for a replica, follows its master (about three seconds).
 *
 * @throws TestServerError NO_SERVER, START_FAILED or TIMEOUT; nothing is left running then.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const { masters = 3, replicas = 0 } = options;
  if (!Number.isInteger(masters) || masters < 1 || masters > 16) {
    throw new TestServerError("INVALID_OPTION", `start a cluster of ${masters} masters: wanted 1 to 16`);
  }
  const program = await findProgram(options);
  const args = [
    ...["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeoutMs)],
    // By default a master waits five seconds for further replicas before it sends its data set.
    ...["--repl-diskless-sync-delay", "0"],
  ];
  const started = await Promise.allSettled(
    Array.from({ length: masters * (1 + replicas) }, () =>
      startServerProcess({
        program,
        choosePort: freeClusterPort,
        args: [...args, ...(options.args ?? [])],
        persistence: options.persistence ?? false,
      }),
    ),
  );
  const servers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const failed = started.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const nodes = await assemble(servers, masters);
    const shape = `${countOf(masters, "master")}${replicas === 0 ? "" : " with a replica each"}`;
    return {
      nodes,
      url: nodes[0]?.url ?? "",
      description: `${nodes[0]?.description}, ${shape}`,
      kill: (node) => node.kill(),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Process = TestServer & { readonly pid: number };

async function assemble(servers: readonly Process[], masters: number): Promise<readonly ClusterNode[]> {
  const ids = await onEach(servers, async (connection) =>
    String(await connection.command("CLUSTER", "MYID")),
  );
  await onEach(servers, async (connection, index) => {
    // Epochs of their own keep the masters from sorting out collisions first, which takes seconds. A node
    // takes one only while it knows no other: all have theirs before the first two meet.
    await connection.command("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    if (index < masters) await connection.command("CLUSTER", "ADDSLOTS", ...slotsOf(index, masters));
  });
  await onEach(servers, async (connection, index) => {
    for (const { host, port } of servers.slice(0, index)) {
      await connection.command("CLUSTER", "MEET", host, port);
    }
  });
  await agree("all nodes to know each other", servers, async (connection) => {
    const info = parseInfo(await connection.command("CLUSTER", "INFO"));
    const nodes = String(await connection.command("CLUSTER", "NODES"));
    return info.get("cluster_known_nodes") === String(servers.length) && !/handshake|noaddr/.test(nodes);
  });
  await onEach(servers.slice(masters), async (connection, index) => {
    await connection.command("CLUSTER", "REPLICATE", ids[index % masters] ?? "");
  });
  await agree("every node to report cluster_state:ok", servers, async (connection, index) => {
    const info = parseInfo(await connection.command("CLUSTER", "INFO"));
    if (info.get("cluster_state") !== "ok" || info.get("cluster_size") !== String(masters)) return false;
    // A client learns the replicas from any node, so that any node has to know them.
    const nodes = String(await connection.command("CLUSTER", "NODES"));
    if ((nodes.match(/\bslave\b/g)?.length ?? 0) !== servers.length - masters) return false;
    const replication = parseInfo(await connection.command("INFO", "replication"));
    return index < masters || replication.get("master_link_status") === "up";
  });
  return servers.map((server, index) =>
    Object.assign(server, {
      role: index < masters ? ("master" as const) : ("replica" as const),
      id: ids[index] ?? "",
    }),
  );
}

function slotsOf(index: number, masters: number): readonly number[] {
  const first = Math.floor((index * slotCount) / masters);
  const end = Math.floor(((index + 1) * slotCount) / masters);
  return Array.from({ length: end - first }, (_, offset) => first + offset);
}

async function onEach<T>(
  servers: readonly TestServer[],
  use: (connection: RespConnection, index: number) => Promise<T>,
): Promise<readonly T[]> {
  return await Promise.all(
    servers.map((server, index) => withConnection(server.url, (connection) => use(connection, index))),
  );
}

async function agree(
  what: string,
  servers: readonly TestServer[],
  condition: (connection: RespConnection, index: number) => Promise<boolean>,
): Promise<void> {
  await waitUntil(async () => (await onEach(servers, condition)).every(Boolean), {
    what,
    deadlineMs: readyDeadlineMs,
    everyMs: 50,
  });
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
