/**
 * What the adapter uses of ioredis, by structure: the classes of ioredis 5 and 6 fit, and core depends on
 * neither.
 */

/** What is sent as one word of a command. */
export type WireArg = string | number | Uint8Array;

/** An instance of ioredis's `Redis`. */
export interface IoredisClient {
  readonly isCluster: boolean;
  /** `wait`, `connecting`, `connect`, `ready`, `close`, `reconnecting` or `end`. */
  readonly status: string;
  readonly options: IoredisClientOptions;
  /** The socket. ioredis declares it as always there, but it comes with the first attempt to connect. */
  readonly stream?: IoredisSocket;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  duplicate(override?: object): IoredisClient;
  call(command: string, args: WireArg[]): Promise<unknown>;
  on(event: string, listener: (first: unknown, second: unknown) => void): unknown;
}

/** An instance of ioredis's `Cluster`. */
export interface IoredisCluster {
  readonly isCluster: boolean;
  readonly status: string;
  readonly options: IoredisClusterOptions;
  /**
   * For each slot the nodes that serve it as `host:port`, the master first; empty until the cluster was
   * reached.
   */
  readonly slots: readonly (readonly string[] | undefined)[];
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  duplicate(startupNodes?: never[], override?: object): IoredisCluster;
  nodes(role?: "all" | "master" | "slave"): readonly IoredisClient[];
  refreshSlotsCache(callback?: (error?: Error | null) => void): void;
  on(event: string, listener: (argument: unknown) => void): unknown;
}

/** As much of a `net.Socket` as it takes to send several commands in one write, to hear of it and to end it. */
export interface IoredisSocket {
  cork?(): void;
  uncork?(): void;
  on(event: "data", listener: () => void): unknown;
  destroy?(): void;
  /** Bytes that arrived so far. */
  readonly bytesRead?: number;
}

/** The options that the adapter looks at. */
export interface IoredisClientOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly sentinels?: readonly { readonly host?: string; readonly port?: number }[] | null | undefined;
  /** Of the master, with Sentinel. */
  readonly name?: string | null | undefined;
  readonly role?: string | undefined;
  readonly keyPrefix?: unknown;
  readonly commandTimeout?: unknown;
  readonly connectTimeout?: number | undefined;
  readonly sentinelCommandTimeout?: number | undefined;
  readonly connectionName?: string | null | undefined;
}

export interface IoredisClusterOptions {
  readonly keyPrefix?: unknown;
  readonly redisOptions?: IoredisClientOptions | undefined;
  readonly natMap?: unknown;
}
