/** Handlers of this process that have run for so long that they may never end, as a health check tells of them. */

import { performance } from "../timing.js";
import type { HealthCheck } from "./health.js";

/** Attempts of one consumer, or of one tenant of a worker, that have run for ten leases, without `handlerTimeoutMs` to bound them. */
export interface StuckAttempts {
  readonly tenantId: string | undefined;
  readonly group: string;
  readonly attempts: readonly {
    readonly entry: { readonly id: string };
    readonly type: string | undefined;
    /** By performance.now(). */
    readonly begunAt: number;
  }[];
}

/** Consumers that one health report names at most. */
const MAX_NAMED = 10;

/** A check for each consumer that has such attempts; none where all is well. */
export function stuckChecks(all: readonly StuckAttempts[]): HealthCheck[] {
  const checks = all.slice(0, MAX_NAMED).map(checkOf);
  const more = all.length - checks.length;
  if (more > 0) {
    const detail = `handlers of ${more} more consumers ran for longer than ten leases, and still hold slots`;
    checks.push({ name: "handlers", status: "degraded", detail });
  }
  return checks;
}

function checkOf({ tenantId, group, attempts }: StuckAttempts): HealthCheck {
  const [oldest] = attempts;
  const seconds = Math.round((performance.now() - (oldest?.begunAt ?? 0)) / 1_000);
  const of = tenantId === undefined ? "" : ` of tenant '${tenantId}'`;
  const about = `entry '${oldest?.entry.id}'${oldest?.type === undefined ? "" : ` of type '${oldest.type}'`}`;
  const detail =
    `${attempts.length === 1 ? "1 handler" : `${attempts.length} handlers`}${of} in this process ran for longer than ` +
    `ten leases, the oldest for ${seconds} s on ${about}, and still ${attempts.length === 1 ? "holds a slot" : "hold slots"}: ` +
    "see what it waits for, or set handlerTimeoutMs";
  return { name: `handlers:${group}`, status: "degraded", detail };
}
