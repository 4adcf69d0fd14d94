/** Publishes the events of a history in batches, and one in ten of them a second time. */
import type { Bus } from "@sluice/node";
import type { Commit } from "./git-log.js";
import type { Storyteller, TenantEvent } from "./history.js";
import type { Ledger } from "./ledger.js";
import type { Schemas } from "./receipt.js";

/** Events of one tenant that travel in one call. */
const BATCH = 250;
/** Of each tenant's events, the first and every tenth after it is published a second time. */
const AGAIN_EVERY = 10;

export interface Published {
  commits: number;
  events: number;
  again: number;
}

export interface PublishingParts {
  readonly storyteller: Storyteller;
  readonly bus: Bus<"multi", Schemas>;
  /**
   * The same stream without a publish window, which would otherwise answer a second publish with the first's
   * ID.
   */
  readonly windowless: Bus<"multi", Schemas>;
  readonly ledger: Ledger;
}

export class Publishing {
  readonly published: Published = { commits: 0, events: 0, again: 0 };
  private readonly batches = new Map<string, TenantEvent["entry"][]>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly parts: PublishingParts) {}

  /** Publishes everything. What is not published yet is at most one batch for each tenant, and one commit. */
  async run(commits: AsyncIterable<Commit>): Promise<void> {
    const { storyteller } = this.parts;
    for await (const commit of commits) {
      this.published.commits += 1;
      for (const event of storyteller.tell(commit)) await this.add(event);
    }
    for (const event of storyteller.end()) await this.add(event);
    for (const tenant of this.batches.keys()) await this.flush(tenant);
  }

  private async add({ tenant, entry }: TenantEvent): Promise<void> {
    const batch = this.batches.get(tenant) ?? [];
    this.batches.set(tenant, batch);
    batch.push(entry);
    if (batch.length === BATCH) await this.flush(tenant);
  }

  private async flush(tenant: string): Promise<void> {
    const { bus, windowless, ledger } = this.parts;
    const batch = this.batches.get(tenant) ?? [];
    this.batches.set(tenant, []);
    for (const { idempotencyKey } of batch) ledger.publish(tenant, idempotencyKey);
    await bus.tenant(tenant).publishMany(batch);
    // At once, so that both of a pair may be in flight with two consumers at the same moment.
    const again = batch.filter(() => this.isAgain(tenant));
    for (const { idempotencyKey } of again) ledger.publishAgain(tenant, idempotencyKey);
    await windowless.tenant(tenant).publishMany(again);
    this.published.events += batch.length;
    this.published.again += again.length;
  }

  private isAgain(tenant: string): boolean {
    const count = this.counts.get(tenant) ?? 0;
    this.counts.set(tenant, count + 1);
    return count % AGAIN_EVERY === 0;
  }
}
