/** What a bus needs of a consumer that runs. */
import type { InHand } from "../monitoring/metrics.js";
import type { StuckAttempts } from "../monitoring/stuck.js";

export interface RunningConsumer {
  /** Stops it, and resolves when it has stopped, whoever calls. */
  drained(): Promise<void>;
  readonly inHand: InHand;
  /** Nothing keeps it from having stopped but attempts that wait for that. */
  readonly waitsForCallers: boolean;
  /** Its attempts that have run for ten leases. */
  readonly stuck: StuckAttempts;
}
