/**
 * From options to a bus: the connection is made with the ioredis that this package depends on, or on
 * duplicates of an instance that the user brings. What a bus does with it is core's.
 */

import type { Bus, BusOptions, EventSchemas, Tenancy } from "@sluice/core";
import {
  type DrainSignal,
  fromIoredis,
  type IoredisClient,
  type IoredisCluster,
  openBus,
  type SignalOptions,
  toIoredis,
} from "@sluice/core/ioredis";
import { type Cluster, Redis, type RedisOptions } from "ioredis";

/** What {@link connect} takes: the options of a bus, and where Redis is. */
export interface ConnectOptions<C extends EventSchemas, T extends Tenancy = "single">
  extends BusOptions<C, T> {
  /**
   * Where Redis is: a URL (`redis://user:password@host:port/db`, `rediss://` for TLS; user and password
   * percent-encoded; `?family=6` and `?db=2` are understood), the path of a socket, options of ioredis (with
   * `sentinels` and `name` for Sentinel), or a `Redis` or `Cluster` of yours, of ioredis 5 or 6. Of an instance,
   * duplicates are made and closed; it is never used or closed itself. Anything else is refused.
   *
   * `keyPrefix` and `commandTimeout` are refused: the one would rewrite the keys of scripts, the other end
   * blocking reads.
   */
  readonly redis: string | URL | RedisOptions | Redis | Cluster | IoredisClient | IoredisCluster;
  /**
   * Close the bus, which drains its consumers, when the process is told to end: `true` for SIGTERM and
   * SIGINT, or a list. Without it a SIGTERM is a crash: what is in hand runs again, as a further attempt.
   *
   * When every bus of the process has drained, the process ends with status 0, whatever else would keep it alive;
   * `{ exit: "signal" }` has it end by the signal instead, as if nobody had listened (with 128 and the signal's
   * number as process 1). A process that listens for the signal elsewhere too is left to end in its own way. A
   * second signal ends the process at once. `false` unless given.
   */
  readonly signals?: boolean | readonly DrainSignal[] | SignalOptions;
}

/**
 * Connects to Redis and resolves with a bus once the connection is up and its login accepted.
 *
 * @throws {InvalidOptionError} naming the option, before anything is connected.
 * @throws {InvalidNameError} for the name of the stream.
 * @throws {ConnectionError} naming host and port, when the connection is not up within `deadlineMs` (5,000
 *   unless given).
 * @throws {PermissionError} at once, when Redis refuses the login.
 * @example
 * const events = defineEvents({
 *   "order.placed": z.object({ orderId: z.string(), amount: z.number().int() }),
 * });
 * const bus = await connect({ redis: "redis://127.0.0.1:6379", stream: "orders", events });
 * await bus.publish("order.placed", { orderId: "o1", amount: 1299 });
 * await bus.close();
 */
export async function connect<C extends EventSchemas, T extends Tenancy = "single">(
  options: ConnectOptions<C, T>,
): Promise<Bus<T, C>> {
  const { redis, ...others } = options;
  const source = toIoredis(redis, (settings) => new Redis(settings));
  const connection = fromIoredis(source, {
    logger: options.logger,
    toBuffer: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  });
  return await openBus<C, T>({ source, connection, process }, others);
}
