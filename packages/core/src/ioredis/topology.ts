/**
 * Which server of a Cluster serves which slot, as ioredis's Cluster finds it out. That instance is ours and
 * serves for nothing else: the connections that requests take are duplicates of its nodes (`cluster.ts`).
 *
 * A connection and its duplicates share one. What one of them learnt of the nodes serves all, also when those
 * that the user named are gone by now, and hundreds of consumers ask no more than one.
 */

import { retryDelayMs } from "../backoff.js";
import { clearTimeout, setTimeout } from "../timing.js";
import { clusterSettings } from "./options.js";
import { refusalIn, withoutCommand } from "./replies.js";
import type { Refusal } from "./session.js";
import type { IoredisClient, IoredisCluster } from "./types.js";

/** Delays between attempts to reach any node. */
const RECONNECT = { minDelayMs: 25, maxDelayMs: 2_000, factor: 2 };

/** Shortest time between two questions for the slots that nobody waits for, in milliseconds. */
const REFRESH_MS = 250;

/** Where a Cluster of ioredis has the nodes to begin with. Its types declare it private, its documentation does not. */
const STARTUP_NODES = "startupNodes";

/** A node's address, `host:port`, as ioredis writes it. */
export type NodeKey = string;

export interface TopologyEvents {
  /** The slots were read, for the first time or again. */
  readonly onKnown: () => void;
  /** A server said that another serves the slot. */
  readonly onMoved: (slot: number) => void;
  /** A node turned us away, and none has told its slots yet; see {@link Topology.refusal}. */
  readonly onRefused: () => void;
}

export class Topology {
  readonly #cluster: IoredisCluster;
  /** The nodes that the user named. */
  readonly #given: unknown;
  readonly #users = new Set<TopologyEvents>();
  #closed = false;
  #known = false;
  #attempts = 0;
  #trouble: unknown;
  #refusal: Refusal | undefined;
  /** Each node that is the master of a slot, as the slots were last read. */
  #masters: ReadonlySet<NodeKey | undefined> = new Set();
  /** Where a server sent us since then. */
  readonly #moved = new Map<number, NodeKey>();
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #refreshing = false;

  constructor(source: IoredisCluster) {
    this.#cluster = source.duplicate([], clusterSettings(source.options));
    this.#given = Reflect.get(this.#cluster, STARTUP_NODES);
    this.#cluster.on("ready", () => this.#onSlots());
    this.#cluster.on("end", () => this.#onEnd());
    // What a node answers says more than that all failed.
    this.#cluster.on("node error", (error) => this.#onError(error));
    this.#cluster.on("error", (error) => {
      this.#trouble ??= withoutCommand(error);
    });
  }

  /** Whether there is a master to ask. */
  get known(): boolean {
    return this.#known;
  }

  /** What went wrong last, until the slots are known. */
  get trouble(): unknown {
    return this.#trouble;
  }

  /** Why nodes turn us away, until one tells its slots. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /**
   * Tells a connection what happens. When the last one has left, the topology is closed for good.
   *
   * @returns the way to leave. Idempotent.
   */
  join(events: TopologyEvents): () => void {
    this.#users.add(events);
    return () => {
      this.#users.delete(events);
      if (this.#users.size === 0) this.#close();
    };
  }

  /** Begins to find out, unless that was done before. */
  start(): void {
    if (this.#cluster.status === "wait") this.#connect();
  }

  /** The master of a slot; of any slot if none is given. Undefined while nobody serves it. */
  masterOf(slot: number | undefined): NodeKey | undefined {
    if (slot === undefined) return this.#cluster.slots.find((nodes) => nodes?.[0] !== undefined)?.[0];
    return this.#moved.get(slot) ?? this.#cluster.slots[slot]?.[0];
  }

  /** Every master of a slot, as the slots were last read. */
  get masters(): readonly NodeKey[] {
    return [...this.#masters].filter((node) => node !== undefined);
  }

  isMaster(node: NodeKey): boolean {
    for (const moved of this.#moved.values()) if (moved === node) return true;
    return this.#masters.has(node);
  }

  /** Notes what MOVED said, and asks for the slots anew. */
  moved(slot: number, node: NodeKey): void {
    this.#moved.set(slot, node);
    this.refresh();
    for (const { onMoved } of [...this.#users]) onMoved(slot);
  }

  /** Asks for the slots soon; many calls make one question. */
  refresh(): void {
    if (this.#closed || this.#refreshing || this.#refreshTimer !== undefined) return;
    this.#refreshTimer = setTimeout(() => {
      this.#refreshTimer = undefined;
      this.#refreshing = true;
      this.#cluster.refreshSlotsCache((error) => this.#onRefreshed(error));
    }, REFRESH_MS);
  }

  /** A client of the node, to make duplicates of. Undefined while no node is known. */
  client(node: NodeKey): IoredisClient | undefined {
    const nodes = this.#cluster.nodes("all");
    const known = nodes.find(({ options }) => `${options.host}:${options.port}` === node);
    // A node that MOVED named may not be in the pool yet; it shares everything but the address.
    return known ?? nodes[0]?.duplicate({ ...addressOf(node), lazyConnect: true });
  }

  /** The address by which we reach a node that calls itself `address`. */
  translate(address: NodeKey): NodeKey {
    const { natMap } = this.#cluster.options;
    const mapped: unknown =
      typeof natMap === "function"
        ? natMap(address)
        : // A table of addresses is the only other form that ioredis knows.
          (natMap as Record<string, unknown> | null | undefined)?.[address];
    if (typeof mapped !== "object" || mapped === null || !("host" in mapped) || !("port" in mapped))
      return address;
    return `${mapped.host}:${mapped.port}`;
  }

  #connect(): void {
    // Failures come as events.
    this.#cluster.connect().catch(() => {});
  }

  /** No node is left to ask: begins anew, after a pause. */
  #onEnd(): void {
    if (this.#closed) return;
    this.#attempts += 1;
    clearTimeout(this.#connectTimer);
    this.#connectTimer = setTimeout(
      () => {
        this.#chooseNodes();
        this.#connect();
      },
      retryDelayMs(RECONNECT, this.#attempts),
    );
  }

  /**
   * The nodes to ask first: in turns those that were there last, since the user may have named few and they be gone
   * for good, and the user's, which may be names with new addresses.
   */
  #chooseNodes(): void {
    const last = [...new Set(this.#cluster.slots.flatMap((nodes) => nodes ?? []))];
    const asked = last.length > 0 && this.#attempts % 2 === 1 ? last.map(addressOf) : this.#given;
    Reflect.set(this.#cluster, STARTUP_NODES, asked);
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#refreshTimer);
    clearTimeout(this.#connectTimer);
    this.#cluster.disconnect();
  }

  #onSlots(): void {
    this.#known = this.masterOf(undefined) !== undefined;
    if (!this.#known) {
      this.#trouble = new Error("the nodes of the cluster do not tell their addresses");
      return;
    }
    this.#attempts = 0;
    this.#trouble = undefined;
    this.#refusal = undefined;
    this.#moved.clear();
    this.#masters = new Set(this.#cluster.slots.map((nodes) => nodes?.[0]));
    for (const { onKnown } of [...this.#users]) onKnown();
  }

  #onRefreshed(error: Error | null | undefined): void {
    this.#refreshing = false;
    if (this.#closed) return;
    if (!error) {
      this.#onSlots();
      return;
    }
    this.#trouble ??= withoutCommand(error);
    // None of the nodes we know answers: begin anew. Only when ioredis is not at that already: it would stop, and
    // not begin again.
    if (this.#cluster.status === "ready") this.#cluster.disconnect(true);
  }

  #onError(error: unknown): void {
    this.#trouble = withoutCommand(error);
    const reply = refusalIn(error);
    if (reply === undefined || this.#closed || this.known) return;
    this.#refusal = { reply, cause: error };
    for (const { onRefused } of [...this.#users]) onRefused();
  }
}

function addressOf(node: NodeKey): { host: string; port: number } {
  // The last colon: the host may be an IPv6 address.
  const colon = node.lastIndexOf(":");
  return { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) };
}
