/**
 * The bells of a connection to a Cluster: one for each master. A server rings for what it serves, so a slot that gets
 * another master is deaf until its keys have been read there. The stream that a slot is to have rings at neither if it
 * does not exist yet; therefore it is the change of masters that is told, whoever found out about it, and it is looked
 * for now and then, as nobody else asks while all is quiet.
 */

import type { BellListener, Bells, Polled } from "../bells.js";
import { clearTimeout, performance, setTimeout } from "../timing.js";
import { Settling } from "./bells.js";
import type { Link } from "./link.js";
import { NodeBell } from "./node-bell.js";
import { toldOf } from "./reasons.js";
import { SLOT_COUNT } from "./slots.js";
import type { NodeKey, Topology } from "./topology.js";

/** Time between two looks at who serves which slot, in milliseconds. */
const LOOK_MS = 5_000;

/**
 * How long a slot is polled after a node was last found to be handing it over, in milliseconds. Polls that still find it
 * so prolong that.
 */
const HANDOVER_MS = 5_000;

/** What bells need of the connection. */
export interface ClusterNodes {
  readonly topology: Topology;
  /** The link to a node; undefined while its address is not known. */
  readonly linkTo: (node: NodeKey) => Link | undefined;
}

export class ClusterBells implements Bells {
  readonly #nodes: ClusterNodes;
  readonly #listener: BellListener;
  readonly #bells = new Map<NodeKey, NodeBell>();
  readonly #settling = new Settling(() => this.#isSettled());
  /** The master of each slot, as far as the listener has been told. */
  readonly #masters = new Array<NodeKey | undefined>(SLOT_COUNT).fill(undefined);
  /** Slots that are being handed over, and until when they are taken to be, by performance.now(). */
  readonly #handovers = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed: Promise<void> | undefined;

  constructor(nodes: ClusterNodes, listener: BellListener) {
    this.#nodes = nodes;
    this.#listener = listener;
    nodes.topology.start();
    this.#look();
    this.onKnown();
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  async settled(deadlineMs: number): Promise<Polled | undefined> {
    await this.#settling.wait(deadlineMs);
    return this.polled();
  }

  polled(): Polled | undefined {
    const { topology } = this.#nodes;
    if (!topology.known) {
      const { reason = "the nodes of the Cluster are not known yet" } = toldOf(topology.trouble);
      return { slots: "all", reason, refused: false };
    }
    const silent = [...this.#bells].flatMap(([node, bell]) => {
      return bell.trouble === undefined ? [] : [{ node, ...bell.trouble }];
    });
    if (silent.length === 0 && this.#handovers.size === 0) return undefined;
    const nodes = new Set<NodeKey | undefined>(silent.map(({ node }) => node));
    const [first] = silent;
    return {
      slots:
        nodes.size === this.#bells.size
          ? "all"
          : new Set([...this.#handovers.keys(), ...this.#slotsOf((master) => nodes.has(master))]),
      reason: first === undefined ? "slots go from one node to another" : `${first.node}: ${first.reason}`,
      refused: silent.some(({ refused }) => refused),
    };
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      clearTimeout(this.#timer);
      this.#closed = Promise.all([...this.#bells.values()].map((bell) => bell.close())).then(() => {});
      this.#settling.look();
    }
    return this.#closed;
  }

  /** The slots were read, for the first time or again. */
  onKnown(): void {
    const { topology, linkTo } = this.#nodes;
    if (this.closed || !topology.known) return;
    const changed = this.#slotsOf((told, slot) => {
      const master = topology.masterOf(slot);
      return master !== undefined && master !== told;
    });
    this.#note(changed);
    const masters = new Set(this.#masters);
    for (const [node, bell] of this.#bells) {
      if (masters.has(node) && bell.link === linkTo(node)) continue;
      this.#bells.delete(node);
      void bell.close();
    }
    for (const node of masters) if (node !== undefined) this.#ringAt(node);
    this.#settling.look();
  }

  /** A node said that the slot is served by another. */
  onMoved(slot: number): void {
    if (this.closed) return;
    const master = this.#nodes.topology.masterOf(slot);
    if (master !== undefined && master !== this.#masters[slot]) this.#note([slot]);
  }

  /**
   * A node said of a request that the next node is to be asked: it is about to hand the slot over. What is read there is
   * not tracked, since CLIENT CACHING and ASKING hold for one command each.
   */
  onHandover(slot: number): void {
    if (this.closed) return;
    const isNew = !this.#handovers.has(slot);
    this.#handovers.set(slot, performance.now() + HANDOVER_MS);
    if (isNew) this.#listener.deaf(new Set([slot]));
  }

  /** Tells of slots that have a new master, unless that one has yet to ring: then it will tell. */
  #note(slots: Iterable<number>): void {
    const deaf = new Set<number>();
    for (const slot of slots) {
      const master = this.#nodes.topology.masterOf(slot);
      this.#masters[slot] = master;
      this.#handovers.delete(slot);
      if (master !== undefined && this.#isRinging(master)) deaf.add(slot);
    }
    if (deaf.size > 0) this.#listener.deaf(deaf);
  }

  #ringAt(node: NodeKey): void {
    if (this.#bells.has(node)) return;
    const link = this.#nodes.linkTo(node);
    if (link === undefined) return;
    const bell = new NodeBell(link, {
      ring: (key) => this.#listener.ring(key),
      deaf: () => this.#listener.deaf(new Set(this.#slotsOf((master) => master === node))),
      onSettled: () => this.#settling.look(),
    });
    this.#bells.set(node, bell);
  }

  #isRinging(node: NodeKey): boolean {
    const bell = this.#bells.get(node);
    return bell !== undefined && bell.trouble === undefined;
  }

  #isSettled(): boolean {
    if (this.closed) return true;
    return this.#bells.size > 0 && [...this.#bells.values()].every(({ settled }) => settled);
  }

  /** Asks for the slots again, and ends handovers that nobody has found under way for a while. */
  #look(): void {
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
    if (this.#nodes.topology.known) this.#nodes.topology.refresh();
    const now = performance.now();
    const over = [...this.#handovers].flatMap(([slot, until]) => (until <= now ? [slot] : []));
    for (const slot of over) this.#handovers.delete(slot);
    if (over.length > 0) this.#listener.deaf(new Set(over));
  }

  #slotsOf(isMeant: (master: NodeKey | undefined, slot: number) => boolean): number[] {
    const slots: number[] = [];
    for (const [slot, master] of this.#masters.entries()) if (isMeant(master, slot)) slots.push(slot);
    return slots;
  }
}
