/**
 * The adapter between core and ioredis 5 or 6, for the clients of every runtime. It takes the classes by
 * structure, so that core depends on neither version.
 */

import type { Connection } from "./connection.js";
import { InvalidOptionError } from "./errors.js";
import { ClusterConnection } from "./ioredis/cluster.js";
import { checkSource, clientSettings, isCluster } from "./ioredis/options.js";
import { StandaloneConnection } from "./ioredis/standalone.js";
import { Topology } from "./ioredis/topology.js";
import type { IoredisClient, IoredisCluster } from "./ioredis/types.js";
import type { Logger } from "./logger.js";
import { outagesOf } from "./outages.js";

export { type Opening, openBus } from "./ioredis/open-bus.js";
export { whenReady } from "./ioredis/ready.js";
export type { DrainExit, DrainSignal, SignalOptions } from "./ioredis/signals.js";
export { type MakeRedis, toIoredis } from "./ioredis/source.js";
export { type Target, targetsOf } from "./ioredis/targets.js";
export type { IoredisClient, IoredisCluster } from "./ioredis/types.js";
export type { SignalProcess } from "./process-signals.js";

export interface FromIoredisOptions {
  /** Told of outages, once when one begins and once when it ends (`outages.ts`); warnings go to the console unless given. */
  readonly logger?: Logger | undefined;
  /**
   * Makes a `Buffer` of bytes, the only form in which ioredis sends them; core, which runs everywhere, has
   * none. Without it, requests with bytes are refused.
   */
  readonly toBuffer?: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

/**
 * A connection on duplicates of a user's `Redis` or `Cluster`. The instance itself is neither used nor
 * closed, and may be closed at any time. Nothing is opened before the first `send`.
 *
 * Of its options those about where and as whom to connect hold; what would send a command twice, end a
 * blocking read or change the shape of replies does not.
 *
 * @throws {InvalidOptionError} for an instance with `keyPrefix`, `commandTimeout` or `role: "slave"`, and for
 *   anything that is not an instance.
 * @example
 * const connection = fromIoredis(new Redis("redis://127.0.0.1:6379", { lazyConnect: true }));
 */
export function fromIoredis(
  source: IoredisClient | IoredisCluster,
  options: FromIoredisOptions = {},
): Connection {
  checkSource(source);
  const outages = outagesOf(options.logger);
  const toBuffer = options.toBuffer ?? noBuffer;
  if (isCluster(source)) {
    const clientName = source.options.redisOptions?.connectionName ?? undefined;
    return new ClusterConnection(new Topology(source), { outages, toBuffer, clientName });
  }
  return new StandaloneConnection({
    create: () => source.duplicate(clientSettings(source.options)),
    clientName: source.options.connectionName ?? undefined,
    outages,
    toBuffer,
  });
}

function noBuffer(): never {
  throw new InvalidOptionError({ option: "toBuffer", value: undefined, wanted: "a function, to send bytes" });
}
