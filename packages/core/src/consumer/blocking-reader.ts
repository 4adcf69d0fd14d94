/**
 * Waits for entries while there is nothing else to do, on a connection of its own, which nothing else knows of. Behind
 * the read, in the same write, goes a lease of the first entries that it brings: those may begin at once, a third sooner
 * than after a round trip more.
 */
import { leaseAfterReply } from "@sluice/lua-scripts";
import type { Connection } from "../connection.js";
import { performance } from "../timing.js";
import type { BegunRecord } from "./begun.js";
import type { LeasedRead } from "./membership.js";
import type { Requests } from "./requests.js";
import { readEntries, readReply } from "./round-trip.js";

export interface BlockingReaderParts {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly begun: BegunRecord;
  /** How long a read waits on the server, in milliseconds. */
  readonly blockMs: number;
  readonly leaseMs: number;
  readonly deadlineMs: number;
}

/**
 * Most entries that are leased together with the read that brings them. The script reads their keys from the stream,
 * payload and all; beyond a few, another round trip costs less.
 */
const MAX_LEASED_WITH_READ = 4;

export class BlockingReader {
  private waiting: { readonly count: number; readonly nonce: string } | undefined;

  constructor(private readonly parts: BlockingReaderParts) {}

  /** Entries that the read under way may bring; 0 if there is none. */
  get expected(): number {
    return this.waiting?.count ?? 0;
  }

  /** The nonce of the lease behind the read under way, if there is one. */
  get nonce(): string | undefined {
    const nonce = this.waiting?.nonce;
    return nonce === "" ? undefined : nonce;
  }

  /**
   * Reads up to `count` entries behind `after`, and leases up to `free` of them. What it asks for counts as under way
   * until {@link done}.
   */
  async read(count: number, free: number, after: string): Promise<LeasedRead> {
    const { connection, requests, begun, blockMs, leaseMs, deadlineMs } = this.parts;
    const sent = [requests.read(count, blockMs)];
    // A lease that is given while the read waits has to be fresh when the read is back.
    const leases = blockMs > leaseMs / 2 ? 0 : Math.min(count, free, MAX_LEASED_WITH_READ);
    const nonce = leases > 0 ? begun.nonce({ waitMs: blockMs }) : "";
    if (leases > 0) sent.push(requests.leaseAfter(nonce, after, leases));
    this.waiting = { count, nonce };
    const sentAt = performance.now();
    // The deadline is the watchdog: a read that has not come back by then hangs on a dead connection.
    const [read, lease] = await connection.send(sent, { deadlineMs: blockMs + deadlineMs, blockMs });
    return {
      count,
      nonce,
      read: readEntries(read),
      leased: leases > 0 ? readReply("lease", lease, requests, leaseAfterReply) : undefined,
      isFresh: performance.now() - sentAt < leaseMs / 2,
    };
  }

  /** What the read has brought is about to be applied. */
  done(): void {
    this.waiting = undefined;
  }

  /** Calls the listener each time its connection is ready again after a loss. Returns the way to stop. */
  onReconnect(listener: () => void): () => void {
    return this.parts.connection.onReconnect(listener);
  }

  /** Ends the read under way. */
  close(): Promise<void> {
    return this.parts.connection.close();
  }
}
