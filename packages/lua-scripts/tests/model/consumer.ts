/** A consumer's process: what it knows, which is less than what is true once a reply was lost or it was paused. */
import { type Begun, type Member, nonceOf, type SettleItem as Settlement } from "@sluice/lua-scripts";

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
  /** The suspect that it runs. */
  suspect: string | undefined;
  /** What it has to record before its next call, and before it begins what it heard of. */
  unrecorded: Begun | undefined;
  #calls = 0;
  #high = 0;
  readonly #unheard = new Set<number>();

  constructor(group: string, consumer: string, incarnation: string) {
    this.group = group;
    this.consumer = consumer;
    this.incarnation = incarnation;
  }

  /** Unique per process and call. */
  nonce(): string {
    this.#calls += 1;
    this.#unheard.add(this.#calls);
    return nonceOf(this.incarnation, this.#calls);
  }

  /** The reply to the call with this nonce has come, and leased something, or not. */
  hears(nonce: string, leased: boolean): void {
    const n = Number(nonce.split("_")[1]);
    this.#unheard.delete(n);
    this.#high = Math.max(this.#high, n);
    if (leased) this.#record();
  }

  /** It has begun to run the suspect, or none any more. */
  runs(suspect: string | undefined): void {
    this.suspect = suspect;
    this.#record();
  }

  #record(): void {
    this.unrecorded = { high: this.#high, unheard: [...this.#unheard], suspect: this.suspect ?? "" };
  }

  /** What it names to recovery, so that it is not given the same entry twice. */
  get inHand(): string[] {
    return [...new Set([...this.delivered, ...this.held, ...this.doubtful].map(({ id }) => id))];
  }
}
