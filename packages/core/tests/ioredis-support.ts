/**
 * What the tests of the adapter share: both majors of ioredis behind one face.
 */

import { type TestServer, uniqueName } from "@sluice/test-server";
import { Redis, type RedisOptions } from "ioredis";
import { onTestFinished } from "vitest";
import type { Connection } from "../src/connection.js";
import { type FromIoredisOptions, fromIoredis, type IoredisCluster } from "../src/ioredis.js";
import { silentLogger } from "../src/logger.js";

/** Enough for a busy machine; tests about deadlines have their own. */
export const DEADLINE_MS = 10_000;
/** A deadline longer than a test may take: what comes with it did not wait for it. */
export const AT_ONCE_MS = 600_000;

/** The classes of one major of ioredis. */
export interface Ioredis {
  readonly Redis: new (url: string, options?: RedisOptions) => Redis;
  readonly Cluster: new (nodes: string[], options?: ClusterSettings) => IoredisCluster;
}

/** The options of a Cluster that tests use; ioredis's own type for them is not the same in both majors. */
export interface ClusterSettings {
  readonly lazyConnect?: boolean;
  readonly keyPrefix?: string;
  readonly slotsRefreshTimeout?: number;
  readonly redisOptions?: {
    readonly username?: string;
    readonly password?: string;
    readonly commandTimeout?: number;
  };
}

export class Opener {
  readonly #ioredis: Ioredis;

  constructor(ioredis: Ioredis) {
    this.#ioredis = ioredis;
  }

  /** A user's instance; it does not connect by itself, and is closed when the test ends. */
  redis(url: string, options: RedisOptions = {}): Redis {
    const redis = new this.#ioredis.Redis(url, { lazyConnect: true, ...options });
    onTestFinished(() => redis.disconnect());
    return redis;
  }

  cluster(url: string, options: ClusterSettings = {}): IoredisCluster {
    const cluster = new this.#ioredis.Cluster([url], { lazyConnect: true, ...options });
    onTestFinished(() => cluster.disconnect());
    return cluster;
  }

  /** A connection on duplicates of an instance; it is closed when the test ends. */
  on(source: Redis | IoredisCluster, options: FromIoredisOptions = {}): Connection {
    const connection = fromIoredis(source, { toBuffer: Buffer.from, logger: silentLogger, ...options });
    onTestFinished(() => connection.close());
    return connection;
  }

  /** A connection to one server. */
  to(url: string, options: RedisOptions = {}): Connection {
    return this.on(this.redis(url, options));
  }
}

/** A script that no server has seen, so that none knows its hash. */
export function unseen(body: string): string {
  return `-- ${uniqueName("unseen")}\n${body}`;
}

/** A new user with all keys and channels, and these rules; returns the URL to log in with. */
export async function userOf(server: TestServer, ...rules: string[]): Promise<string> {
  const user = uniqueName("user");
  const password = uniqueName("secret");
  const admin = new Redis(server.url);
  await admin.call("ACL", ["SETUSER", user, "reset", "on", `>${password}`, "~*", "&*", ...rules]);
  admin.disconnect();
  const url = new URL(server.url);
  url.username = user;
  url.password = password;
  return url.href;
}
