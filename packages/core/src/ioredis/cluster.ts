/**
 * A connection to a Redis Cluster: one link to each node that requests go to, and the redirections between
 * them.
 *
 * ioredis's own Cluster is not used to send: it repeats a command whose connection broke, though it may have
 * run, and does not say which of several was sent.
 */

import type { BellListener, Bells } from "../bells.js";
import type { Connection, RedisNode, Request, SendOptions } from "../connection.js";
import { ClosedError, ConnectionError, DeadlineError, ServerError, SluiceError } from "../errors.js";
import { clearTimeout, performance, setTimeout, sleep } from "../timing.js";
import { refuseSecond } from "./bells.js";
import { ClusterBells } from "./cluster-bells.js";
import { nameOf } from "./exchange.js";
import { Link, type LinkOptions } from "./link.js";
import { Listeners } from "./listeners.js";
import { clientSettings } from "./options.js";
import { toldOf } from "./reasons.js";
import { errorOfReply } from "./replies.js";
import { slotOf } from "./slots.js";
import type { NodeKey, Topology } from "./topology.js";

/** Time between two attempts while a slot is moving or nobody serves it, in milliseconds. */
const PAUSE_MS = 50;

export type ClusterOptions = Omit<LinkOptions, "create" | "onTrouble" | "onReconnect">;

/** A request that has no final reply yet. */
interface Route {
  readonly request: Request;
  /** Its place among the replies. */
  readonly index: number;
  readonly slot: number | undefined;
  /** The node that ASK named, for the next attempt only. */
  ask?: NodeKey | undefined;
}

/** What goes to one node in one write. */
interface Batch {
  readonly node: NodeKey;
  readonly link: Link;
  readonly asking: boolean;
  readonly routes: Route[];
}

export class ClusterConnection implements Connection {
  readonly #options: ClusterOptions;
  readonly #topology: Topology;
  readonly #links = new Map<NodeKey, Link>();
  readonly #reconnects = new Listeners();
  /** Called, once each, when there is news about the nodes. */
  readonly #news = new Set<() => void>();
  readonly #gone = new Error("the node no longer serves the slot");
  readonly #leave: () => void;
  #bells: ClusterBells | undefined;
  #closed: Promise<void> | undefined;

  constructor(topology: Topology, options: ClusterOptions) {
    this.#options = options;
    this.#topology = topology;
    this.#leave = topology.join({
      onKnown: () => this.#onKnown(),
      onMoved: (slot) => this.#bells?.onMoved(slot),
      onRefused: () => this.#tell(),
    });
  }

  async send(requests: readonly Request[], options: SendOptions): Promise<readonly unknown[]> {
    const { deadlineMs } = options;
    const endsAt = performance.now() + deadlineMs;
    const replies = new Array<unknown>(requests.length);
    let routes = routesOf(requests);
    for (let round = 0; routes.length > 0; round++) {
      const leftMs = endsAt - performance.now();
      if (this.#settleHopeless(routes, replies, deadlineMs, leftMs)) break;
      routes = await this.#attempt(routes, replies, { ...options, leftMs, round });
    }
    return replies;
  }

  async nodes(options: SendOptions): Promise<readonly RedisNode[]> {
    // The masters are known once any of them has answered anything.
    const [reply] = await this.send([{ kind: "command", name: "PING", args: [] }], options);
    if (reply instanceof SluiceError && (!this.#topology.known || this.#closed !== undefined)) throw reply;
    return this.#topology.masters.map((node) => ({
      send: (requests, options) => this.#sendTo(node, requests, options),
    }));
  }

  async #sendTo(
    node: NodeKey,
    requests: readonly Request[],
    options: SendOptions,
  ): Promise<readonly unknown[]> {
    const link = this.#closed === undefined ? this.#linkTo(node) : undefined;
    if (link !== undefined) return await link.send(requests, options);
    return requests.map((request) => {
      const attempted = nameOf(request);
      if (this.#closed !== undefined) return new ClosedError({ attempted, closed: "connection" });
      return new ConnectionError({
        attempted,
        reason: "no node of the cluster is known",
        maybeExecuted: false,
      });
    });
  }

  duplicate(): Connection {
    if (this.#closed !== undefined) throw new ClosedError({ attempted: "duplicate", closed: "connection" });
    return new ClusterConnection(this.#topology, this.#options);
  }

  onReconnect(listener: () => void): () => void {
    return this.#reconnects.add(listener);
  }

  bells(listener: BellListener): Bells {
    if (this.#closed !== undefined) throw new ClosedError({ attempted: "bells", closed: "connection" });
    refuseSecond(this.#bells);
    const linkTo = (node: NodeKey) => this.#linkTo(node);
    this.#bells = new ClusterBells({ topology: this.#topology, linkTo }, listener);
    return this.#bells;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    this.#leave();
    this.#tell();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const links = [...this.#links.values()].map((link) => link.close());
    await Promise.all([this.#bells?.close(), ...links]);
  }

  /** Settles the routes if there is no point in another attempt: closed, turned away, or no time left. */
  #settleHopeless(routes: readonly Route[], replies: unknown[], deadlineMs: number, leftMs: number): boolean {
    const { refusal, trouble } = this.#topology;
    for (const { request, index } of routes) {
      const attempted = nameOf(request);
      if (this.#closed !== undefined) replies[index] = new ClosedError({ attempted, closed: "connection" });
      else if (refusal !== undefined) replies[index] = errorOfReply(attempted, refusal.reply, refusal.cause);
      else if (leftMs > 0) return false;
      // "The slot is moving" says more than that time ran out; "it moved" does not.
      else if (!(replies[index] instanceof ServerError && replies[index].retryable)) {
        replies[index] = new DeadlineError({
          attempted,
          deadlineMs,
          maybeExecuted: false,
          ...toldOf(trouble),
        });
      }
    }
    return true;
  }

  /** Sends each request to the node of its slot; returns those to send again, elsewhere or later. */
  async #attempt(
    routes: Route[],
    replies: unknown[],
    { deadlineMs, blockMs, leftMs, round }: SendOptions & { leftMs: number; round: number },
  ): Promise<Route[]> {
    const batches = this.#batches(routes);
    if (batches === undefined) {
      this.#topology.start();
      await this.#waitForNews(leftMs);
      return routes;
    }
    const again: Route[] = [];
    let pause = round > 1;
    await Promise.all(
      batches.map(async ({ node, link, asking, routes }) => {
        const requests = routes.map(({ request }) => request);
        const answers = await link.send(requests, { deadlineMs, blockMs, leftMs, asking });
        for (const [place, route] of routes.entries()) {
          const answer = answers[place];
          replies[route.index] = answer;
          const next = this.#nextStep(route, answer, node);
          if (next === "done") continue;
          again.push(route);
          if (next === "pause") pause = true;
        }
      }),
    );
    if (again.length > 0 && pause) await sleep(Math.min(PAUSE_MS, leftMs));
    return again;
  }

  /**
   * What to do after an answer; a redirection is noted on the way. None of them means that the request ran.
   */
  #nextStep(route: Route, answer: unknown, node: NodeKey): "done" | "again" | "pause" {
    route.ask = undefined;
    if (answer instanceof ConnectionError) return answer.cause === this.#gone ? "again" : "done";
    if (!(answer instanceof ServerError)) return "done";
    switch (answer.prefix) {
      case "MOVED": {
        const { slot, target } = this.#redirection(answer, node);
        if (Number.isInteger(slot)) this.#topology.moved(slot, target);
        return "again";
      }
      case "ASK":
        route.ask = this.#redirection(answer, node).target;
        if (route.slot !== undefined) this.#bells?.onHandover(route.slot);
        return "again";
      case "CLUSTERDOWN":
        this.#topology.refresh();
        return "pause";
      case "TRYAGAIN":
        return "pause";
      default:
        return "done";
    }
  }

  /**
   * Reads `MOVED 3999 127.0.0.1:6381`. A node that does not know its own address leaves the host out: it is
   * ours.
   */
  #redirection(error: ServerError, from: NodeKey): { slot: number; target: NodeKey } {
    const [, slot, address = ""] = error.reply.split(" ");
    const full = address.startsWith(":") ? from.slice(0, from.lastIndexOf(":")) + address : address;
    return { slot: Number(slot), target: this.#topology.translate(full) };
  }

  /** Undefined while the nodes are not known. */
  #batches(routes: readonly Route[]): Batch[] | undefined {
    if (!this.#topology.known) return undefined;
    const batches: Batch[] = [];
    for (const route of routes) {
      const asking = route.ask !== undefined;
      // Any node can say that nobody serves a slot.
      const node = route.ask ?? this.#topology.masterOf(route.slot) ?? this.#topology.masterOf(undefined);
      const link = node === undefined ? undefined : this.#linkTo(node);
      if (node === undefined || link === undefined) return undefined;
      const batch = batches.find((one) => one.node === node && one.asking === asking);
      if (batch === undefined) batches.push({ node, link, asking, routes: [route] });
      else batch.routes.push(route);
    }
    return batches;
  }

  #linkTo(node: NodeKey): Link | undefined {
    const existing = this.#links.get(node);
    if (existing !== undefined) return existing;
    const client = this.#topology.client(node);
    if (client === undefined) return undefined;
    const link = new Link({
      ...this.#options,
      create: () => client.duplicate(clientSettings(client.options)),
      onTrouble: () => this.#topology.refresh(),
      onReconnect: () => this.#reconnects.call(),
    });
    this.#links.set(node, link);
    return link;
  }

  #onKnown(): void {
    let replaced = false;
    for (const [node, link] of this.#links) {
      const { ready, lost } = link.session;
      if (this.#topology.isMaster(node)) {
        // It may come back, or the others may yet put another in its place.
        if (!ready && !link.idle) this.#topology.refresh();
        continue;
      }
      // Replies may still come from a node that gave its slots away; it goes when they have.
      if (ready && !link.idle) continue;
      if (lost) replaced = true;
      this.#links.delete(node);
      link.abandon(this.#gone);
      void link.close();
    }
    this.#bells?.onKnown();
    this.#tell();
    if (replaced) this.#reconnects.call();
  }

  #waitForNews(leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#news.delete(done);
        resolve();
      };
      const timer = setTimeout(done, leftMs);
      this.#news.add(done);
    });
  }

  #tell(): void {
    for (const tell of this.#news) tell();
  }
}

/** Requests without a key go with the first one that has a key. */
function routesOf(requests: readonly Request[]): Route[] {
  const slots = requests.map(slotOf);
  const first = slots.find((slot) => slot !== undefined);
  return requests.map((request, index) => ({ request, index, slot: slots[index] ?? first }));
}
