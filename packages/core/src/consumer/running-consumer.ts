/** What a bus needs of a consumer that runs. */
import type { HealthCheck } from "../monitoring/health.js";
import type { InHand } from "../monitoring/metrics.js";
import type { StuckAttempts } from "../monitoring/stuck.js";

export interface RunningConsumer {
  /** Stops it, and resolves when it has stopped, whoever calls. */
  drained(): Promise<void>;
  readonly inHand: InHand;
  /** Nothing keeps it from having stopped but attempts that wait for that. */
  readonly waitsForCallers: boolean;
  /** What is not in order with it, as `health()` tells. */
  readonly checks: readonly HealthCheck[];
  readonly stream: string;
  /** Its attempts that have run for ten leases, by tenant. */
  readonly stuck: readonly StuckAttempts[];
}
