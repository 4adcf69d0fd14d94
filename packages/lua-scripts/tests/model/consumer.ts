/** A consumer's process: what it knows, which is less than what is true once a reply was lost or it was paused. */
import type { Member, Attempt as Settlement } from "@sluice/lua-scripts";

export interface Delivered {
  readonly id: string;
  readonly key: string;
}

/** An entry that the process may handle, as it was told. */
export interface Held extends Delivered {
  readonly token: string;
}

export interface Sent extends Held {
  readonly settlement: Settlement;
}

export class Consumer implements Member {
  readonly group: string;
  readonly consumer: string;
  readonly incarnation: string;
  /** Read, and not leased yet. */
  delivered: Delivered[] = [];
  held: Held[] = [];
  /** Settled without a verdict; it will ask again. */
  doubtful: Sent[] = [];
  /** It was told that the group is gone. */
  groupIsGone = false;
  /** Where its recovery of own entries goes on. */
  ownAfter = "0-0";
  #calls = 0;

  constructor(group: string, consumer: string, incarnation: string) {
    this.group = group;
    this.consumer = consumer;
    this.incarnation = incarnation;
  }

  /** Unique per process and call. */
  nonce(): string {
    this.#calls += 1;
    return `${this.incarnation}x${this.#calls}`;
  }

  /** What it names to recovery, so that it is not given the same entry twice. */
  get inHand(): string[] {
    return [...new Set([...this.delivered, ...this.held, ...this.doubtful].map(({ id }) => id))];
  }
}
