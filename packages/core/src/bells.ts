/**
 * Bells: the server tells which of the keys that were read have changed since, so that an idle worker need not ask.
 * What a bell is on the wire, and how it is kept working, is the connection's business (`ioredis/node-bell.ts`); when to
 * look at a key, and how to poll where no bell rings, is the worker's.
 */

/** Hash slots of a Cluster; `"all"` for a single server, or for all of a Cluster. */
export type Slots = ReadonlySet<number> | "all";

/** Told by bells. What it does must not throw: nobody is there to catch it. */
export interface BellListener {
  /**
   * A key that was read by a `tracked` request has changed, was deleted or came into being. It will not ring again
   * before it is read `tracked` again. It rings on another connection than replies come on: a ring may overtake the
   * reply of the read that armed it, so a ring while a read is under way calls for one more read.
   */
  ring(key: string): void;
  /**
   * No key of these slots is armed any more, and rings may have been lost: read them all again, `tracked`, those
   * included whose read is under way. Called each time that bells begin, or begin again, to ring on a node, after
   * FLUSHALL and FLUSHDB, and for slots that changed their node.
   */
  deaf(slots: Slots): void;
}

/** Slots whose bells do not ring now: they have to be polled. */
export interface Polled {
  readonly slots: Slots;
  /** Why, for people. */
  readonly reason: string;
  /**
   * A server refuses what bells need: a command, a permission, the redirection. It is asked again each minute; without,
   * it is an outage, or a slot on its way to another node, and bells come back as soon as they can.
   */
  readonly refused: boolean;
}

export interface Bells {
  /**
   * Waits until each node rings or has refused to, but for `deadlineMs` at most.
   *
   * @returns what has to be polled now, if anything.
   */
  settled(deadlineMs: number): Promise<Polled | undefined>;
  /** What has to be polled now; undefined where all bells ring, which costs nothing to find out. */
  polled(): Polled | undefined;
  /**
   * Ends the subscriptions and the tracking; the connection stays. Nothing is told any more once it is called, and bells
   * may be opened again. Idempotent.
   */
  close(): Promise<void>;
}
