/** How long each order took from the call that published it to the start of its handler. */

import { performance } from "node:perf_hooks";
import type { Outcome } from "../../contender.js";
import { quantile } from "../../statistics.js";

export class Latencies {
  private readonly publishedAtMs = new Map<string, number>();
  private readonly tookMs: number[] = [];

  constructor(private readonly now: () => number = () => performance.now()) {}

  published(orderId: string): void {
    this.publishedAtMs.set(orderId, this.now());
  }

  /** @throws unless the order was published and has not been handled before. */
  handled(orderId: string): void {
    const handledAtMs = this.now();
    const publishedAtMs = this.publishedAtMs.get(orderId);
    if (publishedAtMs === undefined) throw new Error(`handle '${orderId}': not published, or handled twice`);
    this.publishedAtMs.delete(orderId);
    this.tookMs.push(handledAtMs - publishedAtMs);
  }

  get count(): number {
    return this.tookMs.length;
  }

  /** Of one that has handled something. */
  outcome(): Outcome {
    const at = (share: number) => quantile(this.tookMs, share);
    return { events: this.count, figures: { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) } };
  }
}
