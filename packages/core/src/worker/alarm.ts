/** Wakes a worker up when the next of its tenants is to be looked at: one timer, whatever their number. */
import { clearTimeout, MAX_TIMER_MS, performance, setTimeout } from "../timing.js";
import type { Tenants } from "./tenants.js";

export class Alarm {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private at = Number.POSITIVE_INFINITY;
  private isStopped = false;

  constructor(
    private readonly tenants: Tenants,
    private readonly kick: () => void,
  ) {}

  /** The times of tenants may have changed. */
  set(): void {
    const at = this.tenants.nextDueAt ?? Number.POSITIVE_INFINITY;
    if (this.isStopped || at >= this.at) return;
    clearTimeout(this.timer);
    this.at = at;
    const inMs = Math.min(Math.max(0, Math.ceil(at - performance.now())), MAX_TIMER_MS);
    this.timer = setTimeout(() => this.ring(), inMs);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private ring(): void {
    this.at = Number.POSITIVE_INFINITY;
    this.tenants.lookAtDue(performance.now());
    this.kick();
    this.set();
  }
}
