/** A worker's plain numbers beside those of its handlers, for `metrics()`: by class of tenant, never by tenant. */
import { DURATION_BOUNDS_S } from "../consumer/stats.js";

/** Work of tenants that wait for nobody, and of those that have more than their part: the order holds them back. */
export type TenantClass = "quiet" | "noisy";

/** How long events waited from their publish to their handler. */
export class Dwell {
  readonly buckets: number[] = new Array<number>(DURATION_BOUNDS_S.length + 1).fill(0);
  sumS = 0;

  observe(ms: number): void {
    const seconds = Math.max(0, ms) / 1_000;
    const found = DURATION_BOUNDS_S.findIndex((bound) => seconds <= bound);
    const at = found === -1 ? DURATION_BOUNDS_S.length : found;
    this.buckets[at] = (this.buckets[at] ?? 0) + 1;
    this.sumS += seconds;
  }
}

export class WorkerStats {
  /** Looks at a tenant that had rung, which found nothing: another worker was there first. */
  wastedLooks = 0;
  /** Events that no bell told of, found by the sweep. */
  foundBySweep = 0;
  suspensions = 0;
  readonly dwell: Readonly<Record<TenantClass, Dwell>> = { quiet: new Dwell(), noisy: new Dwell() };
}
