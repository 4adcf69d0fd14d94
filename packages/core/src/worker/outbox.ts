/**
 * Requests that are to go soon and are worth no write of their own: they travel in the next write for tenants if that goes
 * in this tick, and by themselves otherwise.
 */
import type { Connection, Request, SendOptions } from "../connection.js";

interface Waiting {
  readonly requests: readonly Request[];
  readonly resolve: (replies: readonly unknown[]) => void;
}

export class Outbox implements Pick<Connection, "send"> {
  private waiting: Waiting[] = [];

  constructor(private readonly connection: Pick<Connection, "send">) {}

  send(requests: readonly Request[], options: SendOptions): Promise<readonly unknown[]> {
    return new Promise((resolve) => {
      if (this.waiting.push({ requests, resolve }) === 1)
        void Promise.resolve().then(() => this.flush(options));
    });
  }

  /** Moves what waits into a write; returns what to call with the replies to it, from `from` on. */
  moveTo(write: Request[]): (replies: readonly unknown[], from: number) => void {
    const moved = this.waiting;
    this.waiting = [];
    for (const { requests } of moved) write.push(...requests);
    return (replies, from) => {
      let at = from;
      for (const { requests, resolve } of moved) {
        resolve(replies.slice(at, at + requests.length));
        at += requests.length;
      }
    };
  }

  private async flush(options: SendOptions): Promise<void> {
    if (this.waiting.length === 0) return;
    const requests: Request[] = [];
    const answer = this.moveTo(requests);
    answer(await this.connection.send(requests, options), 0);
  }
}
