/** The server under test, as the runner has it, and the runner's own connection to it. */

import type { TestCluster, TestServer } from "@sluice/test-server";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Address } from "./proxy.js";

export interface ServerUnderTest {
  /** `redis://user:password@host:port/db`; of a Cluster that of any node. */
  readonly url: string;
  /** Whether the URL leads to a Cluster. */
  readonly cluster?: boolean | undefined;
  /** Another server of the same kind, for cases that need one of their own. */
  readonly startAnother?: ((args: readonly string[]) => Promise<TestServer>) | undefined;
  /** A further Cluster with replicas, for scenarios that do not leave theirs whole. */
  readonly startCluster?: (() => Promise<TestCluster>) | undefined;
}

/** What the runner asks Redis by: both of ioredis's clients. */
export type RedisCaller = Redis | Cluster;

export interface ServerLink extends AsyncDisposable {
  readonly redis: RedisCaller;
  /** What answers to keyless commands, one by one: every master of a Cluster, or the one server. */
  readonly masters: () => readonly Redis[];
  /** A further connection, with another login. */
  connectAs(username: string, password: string): Redis | Cluster;
  /** Every address that clients may be sent to. */
  readonly addresses: readonly Address[];
  close(): Promise<void>;
}

/** Replies are the same for every server: RESP2, in which all of them speak. */
const OPTIONS = { protocol: 2, enableAutoPipelining: false } as const;

/** @throws {Error} when the server does not answer. */
export async function linkTo({ url, cluster }: ServerUnderTest): Promise<ServerLink> {
  return cluster ? await linkToCluster(url) : await linkToServer(url);
}

async function linkToServer(url: string): Promise<ServerLink> {
  const redis = new Redis(url, { ...OPTIONS, lazyConnect: true });
  redis.on("error", () => {});
  await redis.connect();
  const close = async () => redis.disconnect();
  return {
    redis,
    masters: () => [redis],
    connectAs: (username, password) => redis.duplicate({ username, password }),
    addresses: [addressOf(url)],
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function linkToCluster(url: string): Promise<ServerLink> {
  const linkAs = (login: Login) => {
    const redisOptions = { ...OPTIONS, ...loginOf(url), ...login };
    return new Cluster([addressOf(url)], { redisOptions, lazyConnect: true }).on("error", () => {});
  };
  const redis = linkAs({});
  await redis.connect();
  const close = async () => redis.disconnect();
  return {
    redis,
    masters: () => redis.nodes("master"),
    connectAs: (username, password) => linkAs({ username, password }),
    addresses: addressesIn(String(await redis.call("CLUSTER", "NODES"))),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Of every node: `ID HOST:PORT@BUS-PORT[,NAME] …`. CLUSTER SLOTS leaves replicas out that have yet to begin. */
function addressesIn(nodes: string): Address[] {
  return [...nodes.matchAll(/^\S+ (\S+):(\d+)@/gm)].map(([, host = "", port]) => ({
    host,
    port: Number(port),
  }));
}

export function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 6379) };
}

type Login = Pick<RedisOptions, "username" | "password" | "tls">;

/** What a URL says of how to log in, as ioredis takes it for the nodes of a Cluster. */
export function loginOf(url: string): Login {
  const { username, password, protocol } = new URL(url);
  return {
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" && { tls: {} }),
  };
}

/** The same URL at another address, with the same login. */
export function withAddress(url: string, { host, port }: Address): string {
  const moved = new URL(url);
  moved.hostname = host.includes(":") ? `[${host}]` : host;
  moved.port = String(port);
  return moved.href;
}
