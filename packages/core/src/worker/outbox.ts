/**
 * Requests that are to go soon and are worth no write of their own: they travel in the next write for tenants if that goes
 * in this tick and before an attempt begins, and by themselves otherwise.
 */
import type { Connection, Request, SendOptions } from "../connection.js";

interface Waiting {
  readonly requests: readonly Request[];
  readonly resolve: (replies: readonly unknown[]) => void;
}

export class Outbox implements Pick<Connection, "send"> {
  private waiting: Waiting[] = [];
  private options: SendOptions = { deadlineMs: 0 };

  constructor(private readonly connection: Pick<Connection, "send">) {}

  send(requests: readonly Request[], options: SendOptions): Promise<readonly unknown[]> {
    this.options = options;
    return new Promise((resolve) => {
      if (this.waiting.push({ requests, resolve }) === 1) void Promise.resolve().then(() => this.flush());
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

  /**
   * Sends what waits, before it returns. An attempt must not begin before that: what says that it counts has to be with the
   * kernel by then, since its handler may end the process at once.
   */
  flush(): void {
    if (this.waiting.length > 0) void this.sendWaiting();
  }

  private async sendWaiting(): Promise<void> {
    const requests: Request[] = [];
    const answer = this.moveTo(requests);
    answer(await this.connection.send(requests, this.options), 0);
  }
}
