/** What a bus gives each of its consumers and workers, and they share. */
import type { EventCatalog } from "../catalog.js";
import type { ComposeSettings } from "../compose.js";
import type { Connection } from "../connection.js";
import type { Logger } from "../logger.js";
import type { Outages } from "../outages.js";
import type { RunningConsumer } from "./running-consumer.js";
import type { ConsumerStats } from "./stats.js";

export interface PartsOfBus {
  /** Those that run: each is among them from `start` to `stop`. */
  readonly consumers: Set<RunningConsumer>;
  /** The sum over all of them. */
  readonly stats: ConsumerStats;
  readonly connection: Connection;
  readonly catalog: EventCatalog;
  readonly compose: ComposeSettings;
  readonly stream: string;
  readonly publishWindowMs: number;
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly outages: Outages;
}
