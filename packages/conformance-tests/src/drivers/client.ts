/** What a driver is given: the public client of its runtime, and the Redis library that a user would bring. */

import type * as node from "@sluice/node";
import type { Cluster, Redis } from "ioredis";

/** What every client exports by the same names. */
export type Client = Pick<
  typeof node,
  | "connect"
  | "currentTenant"
  | "defineEvents"
  | "defineHandler"
  | "failure"
  | "NonRetryableError"
  | "retry"
  | "SluiceError"
  | "success"
  | "withTenant"
>;

export interface Runtime {
  readonly name: "node" | "deno" | "bun";
  readonly version: string;
  readonly client: Client;
  /** For users who connect with an instance of their own, and for Clusters. */
  readonly Redis: typeof Redis;
  readonly Cluster: typeof Cluster;
}
