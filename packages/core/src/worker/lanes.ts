/** The lanes by tenant: created when a tenant has work, forgotten one to three minutes after it had work last. */
import { Lane } from "./lane.js";

/** How long the past of a tenant counts, in milliseconds. */
export const MEMORY_MS = 60_000;
const MIN_WEIGHT = 0.001;
const MAX_WEIGHT = 1_000;

/** Whether a value is a tenant's weight: a number from 0.001 to 1,000. */
export function isWeight(value: unknown): value is number {
  return typeof value === "number" && value >= MIN_WEIGHT && value <= MAX_WEIGHT;
}

export class Lanes {
  private readonly byTenant = new Map<string, Lane>();
  /** The current round over all lanes, and the most lanes that there were since it began. */
  private round: Iterator<Lane> = this.byTenant.values();
  private roundSize = 0;
  private sweptAt: number;

  constructor(
    private readonly weight: (tenantId: string) => number,
    now: number,
  ) {
    this.sweptAt = now;
  }

  get size(): number {
    return this.byTenant.size;
  }

  values(): Iterable<Lane> {
    return this.byTenant.values();
  }

  /**
   * The tenant's lane; a new one if it had no work for a minute.
   *
   * @throws {RangeError} if the tenant's weight is not a weight.
   */
  of(tenantId: string, now: number): Lane {
    const found = this.byTenant.get(tenantId);
    if (found !== undefined && !isOver(found, now)) return found;
    const weight = this.weight(tenantId);
    if (!isWeight(weight)) {
      const wanted = `a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}`;
      throw new RangeError(`use ${String(weight)} as weight of tenant '${tenantId}': wanted ${wanted}`);
    }
    const lane = new Lane(tenantId, weight);
    this.byTenant.set(tenantId, lane);
    return lane;
  }

  /** Forgets idle lanes. Looks at a few lanes per call, so that a round over all takes a minute. */
  forget(now: number): void {
    const passedMs = Math.min(MEMORY_MS, now - this.sweptAt);
    this.sweptAt = now;
    this.roundSize = Math.max(this.roundSize, this.size);
    const count = Math.ceil((this.roundSize * passedMs) / MEMORY_MS);
    for (let looked = 0; looked < count; looked++) {
      const { value: lane, done } = this.round.next();
      if (done) {
        this.round = this.byTenant.values();
        this.roundSize = this.size;
      } else if (isOver(lane, now)) {
        this.byTenant.delete(lane.tenantId);
      }
    }
  }
}

function isOver(lane: Lane, now: number): boolean {
  return !lane.isActive && now - lane.idleSince >= MEMORY_MS;
}
