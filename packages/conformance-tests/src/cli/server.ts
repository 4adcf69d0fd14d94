/** The server of a run: the user's, looked for and probed, or one that is started for the run and ends with it. */

import { removeNamesOfRun, startCluster, startServer, type TestServer } from "@sluice/test-server";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { messageOf } from "../messages.js";
import { addressOf, answer } from "../probe/node.js";
import { probeServer } from "../probe.js";
import type { ServerFacts } from "../results.js";
import { loginOf, type ServerUnderTest, addressOf as serverAddressOf } from "../runner/server.js";
import { UsageError } from "./errors.js";
import type { CliOptions, GivenServer, WantedServer } from "./options.js";

const CONNECT_DEADLINE_MS = 5_000;

export interface ServerInHand extends AsyncDisposable {
  readonly underTest: ServerUnderTest;
  readonly facts: ServerFacts;
  /** Removes keys and users that carry the name of this run: for a run that did not come to its end. */
  removeNames(): Promise<void>;
}

/**
 * @param note takes a line for people.
 * @throws {UsageError} when the user's server does not answer or is not what the options say.
 * @throws TestServerError when none can be started.
 */
export async function openServer(
  { server, cluster }: Pick<CliOptions, "server" | "cluster">,
  note: (line: string) => void,
): Promise<ServerInHand> {
  if ("given" in server) return await openGiven(server.given, cluster);
  return cluster ? await openOwnCluster(server.wanted, note) : await openOwnServer(server.wanted, note);
}

async function openGiven(given: GivenServer, saysCluster: boolean): Promise<ServerInHand> {
  const shown = `${given.from} ${withoutLogin(given.url)}`;
  await using redis = await connect(given, shown);
  const master = given.sentinel === undefined ? given.url : urlOfMaster(redis.node, given.url);
  const isCluster = await isClusterEnabled(redis.node, shown);
  if (saysCluster && isCluster === false) {
    throw new UsageError(`--cluster: ${shown} is a single server, not of a Cluster: leave the option out`);
  }
  const underTest = { url: master, cluster: isCluster ?? saysCluster };
  const facts = underTest.cluster ? await probeCluster(given.url) : await probeServer(redis.node);
  return inHand(underTest, facts, async () => {});
}

async function openOwnServer(
  { source, version }: WantedServer,
  note: (line: string) => void,
): Promise<ServerInHand> {
  const start = (args: readonly string[] = []): Promise<TestServer> => {
    return startServer({ server: source, version, args, onProgress: note });
  };
  const server = await start();
  try {
    note(`started for this run: ${server.description}`);
    await using redis = await connect({ url: server.url }, "the server started");
    const facts = await probeServer(redis.node);
    return inHand({ url: server.url, startAnother: start }, facts, () => server.stop());
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function openOwnCluster(
  { source, version }: WantedServer,
  note: (line: string) => void,
): Promise<ServerInHand> {
  // The other sources were refused with the options.
  const server = source === "path" || source === "debian" ? source : "auto";
  const start = () => startCluster({ masters: 3, replicas: 1, server, version, onProgress: note });
  const cluster = await start();
  try {
    note(`started for this run: ${cluster.description}`);
    const facts = await probeCluster(cluster.url);
    return inHand({ url: cluster.url, cluster: true, startCluster: start }, facts, () => cluster.stop());
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function inHand(underTest: ServerUnderTest, facts: ServerFacts, stop: () => Promise<void>): ServerInHand {
  return {
    underTest,
    facts,
    async removeNames() {
      await removeNamesOfRun(underTest.url);
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** A connection that does not come back by itself: what it meets is told, not waited for. */
const SETTINGS = {
  lazyConnect: true,
  connectTimeout: CONNECT_DEADLINE_MS,
  commandTimeout: CONNECT_DEADLINE_MS,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  // It asks with INFO, which a user with few rights may not use.
  enableReadyCheck: false,
  protocol: 2,
} as const satisfies RedisOptions;

async function connect(
  { url, sentinel }: Pick<GivenServer, "url" | "sentinel">,
  what: string,
): Promise<AsyncDisposable & { readonly node: Redis }> {
  const node =
    sentinel === undefined
      ? new Redis(url, SETTINGS)
      : new Redis({
          ...loginOf(url),
          ...databaseOf(url),
          sentinels: [serverAddressOf(url)],
          name: sentinel,
          ...SETTINGS,
        });
  const trouble: unknown[] = [];
  node.on("error", (error) => trouble.push(error));
  try {
    await node.connect();
    await node.ping();
  } catch (error) {
    // A user who may not PING has reached it all the same.
    if (!messageOf(error).startsWith("NOPERM")) {
      node.disconnect();
      const [first = error] = trouble;
      throw new UsageError(`reach ${what}: ${messageOf(first)}: wanted a server that answers`);
    }
  }
  return { node, [Symbol.asyncDispose]: async () => node.disconnect() };
}

async function probeCluster(url: string): Promise<ServerFacts> {
  const cluster = new Cluster([serverAddressOf(url)], {
    lazyConnect: true,
    clusterRetryStrategy: () => null,
    enableReadyCheck: false,
    redisOptions: { ...SETTINGS, ...loginOf(url), ...databaseOf(url) },
  });
  const trouble: unknown[] = [];
  cluster.on("error", (error) => trouble.push(error));
  try {
    await cluster.connect();
    return await probeServer(cluster);
  } catch (error) {
    const [first = error] = trouble;
    throw new UsageError(`reach the Cluster of ${withoutLogin(url)}: ${messageOf(first)}`);
  } finally {
    cluster.disconnect();
  }
}

/** Undefined if the user may not ask. */
async function isClusterEnabled(node: Redis, shown: string): Promise<boolean | undefined> {
  const info = await answer(node, "INFO", "server");
  const mode = /^(?:redis|server)_mode:(\w+)/m.exec(String(info))?.[1];
  if (mode === "sentinel") {
    throw new UsageError(`${shown} is a Sentinel: wanted --sentinel with the name of a master that it knows`);
  }
  return mode === undefined ? undefined : mode === "cluster";
}

/** The same login and database at the master's address. */
function urlOfMaster(node: Redis, sentinelUrl: string): string {
  const url = new URL(sentinelUrl);
  url.host = addressOf(node);
  return url.href;
}

function databaseOf(url: string): Pick<RedisOptions, "db"> {
  const { pathname } = new URL(url);
  return pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {};
}

function withoutLogin(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
