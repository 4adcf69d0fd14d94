/**
 * What every way to a server hands back. The ways themselves are in `find-server.ts` and `start-server.ts`.
 */

/** A Redis or Valkey server that answers. */
export interface TestServer extends AsyncDisposable {
  /** For any client: `redis://127.0.0.1:40123`, with the credentials in it if there are any. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** For people, without credentials: `redis 7.0.15, Debian package unpacked in .cache/servers`. */
  readonly description: string;
  /** Whether this process started it. Only then may it be flushed, paused, restarted or stopped. */
  readonly ours: boolean;
  /**
   * The server's process on this machine: absent for a foreign server and for a container. Changes at a
   * restart.
   */
  readonly pid?: number;
  /**
   * Ends the server and starts it again on the same port. Its data is gone unless it was started with
   * `persistence`. Resolves when it answers again; rejects with NOT_OURS for a foreign server.
   *
   * @param options.signal `SIGTERM` (default) lets it shut down in order, `SIGKILL` is a crash.
   */
  restart(options?: { readonly signal?: "SIGTERM" | "SIGKILL" }): Promise<void>;
  /**
   * Ends it with SIGKILL, as a crash does. `restart` brings it back, `stop` cleans up. Rejects with NOT_OURS.
   */
  kill(): Promise<void>;
  /** Stops its clock with SIGSTOP: connections stay open and nothing answers. Rejects with NOT_OURS. */
  pause(): Promise<void>;
  /** Continues after `pause`. Rejects with NOT_OURS. */
  resume(): Promise<void>;
  /** Ends a server of ours and removes its folder; leaves a foreign one alone. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The URL of a server of ours; with the password in it that `--requirepass` among its options asks clients
 * for.
 */
export function urlOf(host: string, port: number, args: readonly string[]): string {
  const at = args.indexOf("--requirepass");
  const password = at < 0 ? undefined : args[at + 1];
  const credentials = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  return `redis://${credentials}${host.includes(":") ? `[${host}]` : host}:${port}`;
}
