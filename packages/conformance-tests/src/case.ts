/**
 * What a conformance case is: data, in one YAML file under `cases/<story>/`. What the steps do is in `runner/`,
 * what a driver does for them in `drivers/agent.ts`.
 */

/** A runtime that has a driver. */
export const RUNTIMES = ["node", "deno", "bun"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** What of a deployment a case is about; reports are by level, in this order. */
export const LEVELS = ["core", "recovery", "tenancy", "cluster", "acl"] as const;
export type Level = (typeof LEVELS)[number];

/**
 * What a case needs and not every deployment, or every way to reach it, has. A case whose need is not met is
 * not applicable, with the reason, and never passed.
 */
export const NEEDS = [
  /** A single server, or a master with replicas: not a Cluster. */
  "standalone",
  "cluster",
  /** Clients go through a proxy of the runner's, so that connections can be cut: standalone, without TLS. */
  "proxy",
  /** The runner may make and delete a user on the server (`--allow-users`). */
  "users",
  /** The server was started for the run: it may be paused, restarted and configured. */
  "own-server",
] as const;
export type Need = (typeof NEEDS)[number];

/** A process of a driver. Actors that are not `own` share one process per runtime with other cases. */
export interface Actor {
  /**
   * Its runtime: that of the run, or another one. A case with `second` (and `third`) is run with every other
   * runtime in these places, and passes only if it passes with all.
   */
  readonly runtime: "first" | "second" | "third";
  /** A process of its own, which can be killed, stopped and continued. */
  readonly own: boolean;
}

export interface Step {
  /** What is done: an operation of the driver, or one of the runner's own. */
  readonly verb: string;
  /** The fields of the verb, before `${…}` is filled in. */
  readonly input: unknown;
  /** Who does it; the first actor unless given. */
  readonly on: string;
  /** The name under which later steps refer to the reply: `${name.path}`. */
  readonly as?: string;
  /** What the reply has to match. */
  readonly expect?: unknown;
  /** What the error has to match: then the step must fail. */
  readonly fails?: unknown;
  /** Asked again until it matches, for as long as the case may take. */
  readonly eventually?: true;
}

/** What the `consumer` steps of a case open: consumers of a tenant, or workers that serve this tenant alone. */
export type Through = "consumer" | "worker";

export interface Case {
  /** That of its file, and ` (worker)` behind it for the run through workers. */
  readonly id: string;
  /** The path of its file without extension: `idempotency/second-entry-is-skipped`. */
  readonly file: string;
  readonly through: Through;
  /** The promise, as a sentence. */
  readonly title: string;
  readonly level: Level;
  /** Why it is not run through workers, if it has consumers and is not. */
  readonly consumerOnly?: string;
  /** IDs of lines in `stories.yaml`. */
  readonly covers: readonly string[];
  readonly needs: readonly Need[];
  /** Options of redis.conf for the server of a case that needs one of its own. */
  readonly server: readonly string[];
  readonly actors: ReadonlyMap<string, Actor>;
  readonly steps: readonly Step[];
  /** How long all of it may take, in milliseconds; 30,000 unless given. */
  readonly timeoutMs: number;
}
