/** The lanes of all tenants: made for a tenant that has work, forgotten a minute or two after it had any. */
import { Lane } from "./lane.js";

/** For how long it counts what a tenant did, in milliseconds. */
export const MEMORY_MS = 60_000;
const MIN_WEIGHT = 0.001;
const MAX_WEIGHT = 1_000;

/** Whether a value will do as a tenant's weight: a number from 0.001 to 1,000. */
export function isWeight(value: unknown): value is number {
  return typeof value === "number" && value >= MIN_WEIGHT && value <= MAX_WEIGHT;
}

export class Lanes {
  private readonly byTenant = new Map<string, Lane>();
  /** Goes on where it was, also if lanes come and go meanwhile. */
  private sweep: Iterator<Lane> = this.byTenant.values();
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
   * The tenant's lane, as new after a minute without work.
   *
   * @throws {RangeError} for a weight that {@link isWeight} refuses.
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

  /** Looks at as many lanes as are due for it, if each is looked at once a minute, and forgets those without work. */
  forget(now: number): void {
    const passedMs = Math.min(MEMORY_MS, now - this.sweptAt);
    this.sweptAt = now;
    const count = Math.ceil((this.size * passedMs) / MEMORY_MS);
    for (let looked = 0; looked < count; looked++) {
      const { value: lane, done } = this.sweep.next();
      if (done) this.sweep = this.byTenant.values();
      else if (isOver(lane, now)) this.byTenant.delete(lane.tenantId);
    }
  }
}

function isOver(lane: Lane, now: number): boolean {
  return !lane.isActive && now - lane.idleSince >= MEMORY_MS;
}
