/**
 * From options to a bus: the connection is made with `npm:ioredis`, or on duplicates of an instance that the
 * user brings, once Deno permits it. What a bus does with it is core's.
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import type { Bus, BusOptions, EventSchemas, Tenancy } from "@sluice/core";
import {
  type DrainSignal,
  fromIoredis,
  type IoredisClient,
  type IoredisCluster,
  openBus,
  type SignalOptions,
  targetsOf,
  toIoredis,
} from "@sluice/core/ioredis";
import type { Cluster, Redis, RedisOptions } from "ioredis";
import { permitEnvironment, permitTargets } from "./permissions.ts";
import { currentDeno } from "./runtime.ts";

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
   *
   * Deno does not tell who listens by `Deno.addSignalListener`: with such a listener, leave this out and close the bus
   * there, or listen by `process.on`.
   */
  readonly signals?: boolean | readonly DrainSignal[] | SignalOptions;
}

/**
 * Connects to Redis and resolves with a bus once the connection is up and its login accepted.
 *
 * Needs `--allow-env` and `--allow-net=HOST:PORT` for each address in `redis`; for Sentinel and a Cluster, also
 * for the servers that they name. For the path of a socket `--allow-net=unix:PATH`, `--allow-read=PATH` and
 * `--allow-write=PATH`.
 *
 * @throws {InvalidOptionError} naming the option, before anything is connected.
 * @throws {InvalidNameError} for the name of the stream.
 * @throws {RuntimePermissionError} naming the flags, when a permission is missing, before anything is connected.
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
  const deno = currentDeno();
  if (deno !== undefined) permitEnvironment(deno);
  // Not before: where the environment may not be read, this module fails as it loads, and does so for good.
  const { Redis } = await import("ioredis");
  const source = toIoredis(redis, (settings) => new Redis(settings));
  const connection = fromIoredis(source, {
    logger: options.logger,
    toBuffer: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  });
  const permit = async () => {
    if (deno !== undefined) await permitTargets(deno, targetsOf(source));
  };
  // Of Node's modules, as nothing of Deno's tells whether anybody else listens for a signal.
  return await openBus<C, T>({ source, connection, process, permit }, others);
}
