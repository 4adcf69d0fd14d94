/** A group of a history that is none of ours: somebody reads the stream with plain commands. */
import { comesBefore } from "../model/ids.js";
import type { TestGroup } from "../support/group.js";
import type { Ledger } from "./history-group.js";
import { justBefore } from "./ids.js";

export class ForeignGroup {
  live = true;
  lastDelivered = "0-0";
  readonly pending = new Set<string>();
  readonly settled = new Set<string>();

  constructor(
    readonly group: TestGroup,
    private readonly ledger: Ledger,
  ) {}

  get settledUpTo(): string {
    const [oldest] = [...this.pending].sort((a, b) => (comesBefore(a, b) ? -1 : 1));
    return oldest === undefined ? this.lastDelivered : justBefore(oldest);
  }

  get lag(): number {
    return this.ledger.entries.filter((id) => comesBefore(this.lastDelivered, id)).length;
  }

  async take(count: number): Promise<void> {
    for (const { id } of await this.group.read("somebody", count)) {
      this.pending.add(id);
      this.lastDelivered = id;
    }
  }

  async catchUp(): Promise<void> {
    await this.take(1_000);
    await this.end(0, 1_000);
  }

  async end(first: number, count: number): Promise<void> {
    if (this.pending.size === 0) await this.take(count + 1);
    const ids = [...this.pending].slice(first % Math.max(1, this.pending.size)).slice(0, count);
    if (ids.length === 0) return;
    await this.group.client.xack(this.group.keys.stream, this.group.name, ...ids);
    for (const id of ids) {
      this.pending.delete(id);
      this.settled.add(id);
    }
  }

  /** Nothing is recorded of it, so nobody waits for it any more. */
  async destroy(): Promise<void> {
    await this.group.client.xgroup("DESTROY", this.group.keys.stream, this.group.name);
    this.live = false;
    this.pending.clear();
  }

  /** Made again, from the first entry that is there. */
  async heal(): Promise<void> {
    await this.group.client.xgroup("CREATE", this.group.keys.stream, this.group.name, "0");
    this.live = true;
    this.lastDelivered = "0-0";
    this.settled.clear();
  }
}
