/**
 * What `connect` does in the client of every runtime once it has an instance of ioredis: a bus on a connection
 * that is up, drained at signals. What a runtime has of its own is passed in.
 */

import { type BusOptions, createBus } from "../bus.js";
import type { Bus, Tenancy } from "../bus-api.js";
import type { EventSchemas } from "../catalog.js";
import type { Connection } from "../connection.js";
import { drainAt, type SignalProcess } from "../process-signals.js";
import { whenReady } from "./ready.js";
import { signalsOf } from "./signals.js";
import type { IoredisClient, IoredisCluster } from "./types.js";

/** How long to wait for the connection unless `deadlineMs` says otherwise, in milliseconds. */
const DEADLINE_MS = 5_000;

/** What a bus is opened on. */
export interface Opening {
  /** What the connection was made of, for the errors that say where it goes to. */
  readonly source: IoredisClient | IoredisCluster;
  readonly connection: Connection;
  /** The process whose signals the option `signals` is about. */
  readonly process: SignalProcess;
  /** Awaited before anything is connected, when all options are known to be good. */
  readonly permit?: () => Promise<void>;
}

/**
 * Resolves with a bus once the connection is up and its login accepted. If it rejects, the connection is
 * closed, unless an option was refused: then nothing was opened.
 *
 * @throws {InvalidOptionError | InvalidNameError} naming the option.
 * @throws {ConnectionError | PermissionError | SluiceError} as {@link whenReady}; and what `permit` throws.
 */
export async function openBus<C extends EventSchemas, T extends Tenancy>(
  { source, connection, process, permit }: Opening,
  options: BusOptions<C, T> & { readonly signals?: unknown },
): Promise<Bus<T, C>> {
  const { signals, ...busOptions } = options;
  const drainSignals = signalsOf(signals);
  const closable = withOnClose(connection);
  const bus = createBus<C, T>(closable, busOptions);
  try {
    await permit?.();
    await whenReady(connection, source, options.deadlineMs ?? DEADLINE_MS);
  } catch (error) {
    await bus.close();
    throw error;
  }
  closable.onClose = drainAt(process, drainSignals, () => bus.close());
  return bus;
}

/** The same connection, with something to do when it is closed: by then the bus has drained. */
function withOnClose(connection: Connection): Connection & { onClose: () => void } {
  return {
    send: (requests, options) => connection.send(requests, options),
    nodes: (options) => connection.nodes(options),
    duplicate: () => connection.duplicate(),
    onReconnect: (listener) => connection.onReconnect(listener),
    bells: (listener) => connection.bells(listener),
    onClose: () => {},
    async close() {
      await connection.close();
      this.onClose();
    },
  };
}
