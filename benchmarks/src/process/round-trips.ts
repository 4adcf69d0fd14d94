/**
 * Counts the round trips that a process makes: what it writes to one connection in one turn of the event loop travels
 * together, and counts once. The server cannot tell: it reads what is longer than 16 KiB in parts.
 */

import type { Socket } from "node:net";
import { onWrite } from "./writes.js";

export class RoundTrips {
  private count = 0;
  private readonly written = new Set<Socket>();

  /** Counts what is written to all sockets of this process from now on. */
  watch(): void {
    onWrite((socket) => this.note(socket));
  }

  /** Since the last call. */
  take(): number {
    const { count } = this;
    this.count = 0;
    return count;
  }

  private note(socket: Socket): void {
    if (this.written.has(socket)) return;
    if (this.written.size === 0) setImmediate(() => this.written.clear());
    this.written.add(socket);
    this.count += 1;
  }
}
