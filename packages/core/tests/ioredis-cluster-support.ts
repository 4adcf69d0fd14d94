/** What tests do to a Cluster from outside: find out who serves what, and move it. */

import { type ClusterNode, type TestCluster, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { slotOfKey } from "../src/ioredis/slots.js";

export class ClusterAdmins {
  readonly #cluster: TestCluster;
  readonly #clients = new Map<ClusterNode, Redis>();

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  disconnect(): void {
    for (const client of this.#clients.values()) client.disconnect();
  }

  /** A client of one node. */
  of(node: ClusterNode | undefined): Redis {
    if (node === undefined) throw new Error("the cluster has no such node");
    const client = this.#clients.get(node) ?? new Redis(node.url);
    this.#clients.set(node, client);
    return client;
  }

  /** The node that serves a slot, by its own account. */
  async masterOf(slot: number): Promise<ClusterNode> {
    for (const node of this.#cluster.nodes) {
      const slots = (await this.of(node).call("CLUSTER", ["NODES"])) as string;
      const own = slots.split("\n").find((line) => line.includes("myself")) ?? "";
      for (const range of own
        .split(" ")
        .slice(8)
        .filter((word) => /^\d+(-\d+)?$/.test(word))) {
        const [first, last = first] = range.split("-").map(Number);
        if (first !== undefined && last !== undefined && slot >= first && slot <= last) return node;
      }
    }
    throw new Error(`no node serves slot ${slot}`);
  }

  /** A key that this master serves. */
  async keyOn(node: ClusterNode | undefined): Promise<string> {
    for (;;) {
      const key = uniqueName("key");
      if ((await this.masterOf(slotOfKey(key))) === node) return key;
    }
  }

  /** Begins to move the slot of a key to another master; the steps that are left are for the test to take. */
  async beginMove(key: string) {
    const slot = slotOfKey(key);
    const from = await this.masterOf(slot);
    const to = this.#cluster.nodes.find((node) => node.role === "master" && node !== from);
    if (to === undefined) throw new Error("there is no other master");
    await this.of(to).call("CLUSTER", ["SETSLOT", slot, "IMPORTING", from.id]);
    await this.of(from).call("CLUSTER", ["SETSLOT", slot, "MIGRATING", to.id]);
    return {
      from,
      to,
      moveKey: (name: string) => this.of(from).call("MIGRATE", [to.host, to.port, name, 0, 5_000]),
      finish: async () => {
        for (const node of [to, from]) await this.of(node).call("CLUSTER", ["SETSLOT", slot, "NODE", to.id]);
      },
    };
  }
}
