/**
 * From options to a bus: the connection is made with the ioredis that this package depends on, or on
 * duplicates of an instance that the user brings. What a bus does with it is core's.
 */

import {
  type Bus,
  type BusOptions,
  type Connection,
  createBus,
  type EventSchemas,
  type Tenancy,
} from "@sluice/core";
import {
  fromIoredis,
  type IoredisClient,
  type IoredisCluster,
  toIoredis,
  whenReady,
} from "@sluice/core/ioredis";
import { type Cluster, Redis, type RedisOptions } from "ioredis";
import { type DrainSignal, drainAt, signalsOf } from "./signals.js";

/** How long `connect` waits for the connection unless `deadlineMs` says otherwise, in milliseconds. */
const DEADLINE_MS = 5_000;

/** What {@link connect} takes: the options of a bus, and where Redis is. */
export interface ConnectOptions<C extends EventSchemas, T extends Tenancy = "single">
  extends BusOptions<C, T> {
  /**
   * Where Redis is: a URL (`redis://user:password@host:port/db`, `rediss://` for TLS), the path of a socket,
   * options of ioredis (with `sentinels` and `name` for Sentinel), or a `Redis` or `Cluster` of yours, of
   * ioredis 5 or 6. Of an instance, duplicates are made and closed; it is never used or closed itself.
   *
   * `keyPrefix` and `commandTimeout` are refused: the one would rewrite the keys of scripts, the other end
   * blocking reads.
   */
  readonly redis: string | RedisOptions | Redis | Cluster | IoredisClient | IoredisCluster;
  /**
   * Close the bus, which drains its consumers, when the process is told to end: `true` for SIGTERM and
   * SIGINT, or a list. After that the signal takes its usual effect, unless the process listens for it
   * elsewhere too. A second signal ends the process at once. `false` unless given.
   */
  readonly signals?: boolean | readonly DrainSignal[];
}

/**
 * Connects to Redis and resolves with a bus once the connection is up and its login accepted.
 *
 * @throws {InvalidOptionError} naming the option, before anything is connected.
 * @throws {InvalidNameError} for the name of the stream.
 * @throws {ConnectionError} naming host and port, when the connection is not up within `deadlineMs` (5,000
 *   unless
 *   given).
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
  const { redis, signals, ...busOptions } = options;
  const drainSignals = signalsOf(signals);
  const source = toIoredis(redis, (address, settings) =>
    address === undefined ? new Redis(settings) : new Redis(address, settings),
  );
  const connection = closable(
    fromIoredis(source, {
      ...(options.logger === undefined ? {} : { logger: options.logger }),
      toBuffer: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    }),
  );
  const bus = createBus<C, T>(connection, busOptions);
  try {
    await whenReady(connection, source, options.deadlineMs ?? DEADLINE_MS);
  } catch (error) {
    await bus.close();
    throw error;
  }
  connection.onClose = drainAt(drainSignals, () => bus.close());
  return bus;
}

/** The same connection, with something to do when it is closed: by then the bus has drained. */
function closable(connection: Connection): Connection & { onClose: () => void } {
  return {
    send: (requests, options) => connection.send(requests, options),
    duplicate: () => connection.duplicate(),
    onReconnect: (listener) => connection.onReconnect(listener),
    onClose: () => {},
    async close() {
      await connection.close();
      this.onClose();
    },
  };
}
