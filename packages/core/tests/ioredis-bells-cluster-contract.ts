/**
 * What bells promise over a Redis Cluster, as tests for one major of ioredis: every master rings, and a slot that gets
 * another master is told of.
 */

import { startCluster, type TestCluster, uniqueName } from "@sluice/test-server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Connection, command } from "../src/connection.js";
import { slotOfKey } from "../src/ioredis/slots.js";
import { Heard, includes, ringing, same, tracked, Watcher } from "./ioredis-bells-support.js";
import { ClusterAdmins } from "./ioredis-cluster-support.js";
import { cmd } from "./ioredis-requests.js";
import { DEADLINE_MS, type Ioredis, Opener, userOf } from "./ioredis-support.js";

const options = { deadlineMs: DEADLINE_MS };
const patience = { timeout: 30_000 };

export function describeClusterBells(ioredis: Ioredis): void {
  const opener = new Opener(ioredis);
  let cluster: TestCluster;
  let admins: ClusterAdmins;

  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 });
    admins = new ClusterAdmins(cluster);
  });
  afterAll(async () => {
    admins.disconnect();
    await cluster.stop();
  });

  const open = () => opener.on(opener.cluster(cluster.url));

  /** Reads a key, has another connection write to it, and waits until it rings. */
  async function expectRing(connection: Connection, heard: Heard, key: string): Promise<void> {
    heard.rings = [];
    await connection.send([tracked("XLEN", key)], options);
    await command(open(), "XADD", [key, "*", "x", "1"], options);
    await expect.poll(() => heard.rings, patience).toContain(key);
  }

  /** Waits until a slot was told to be deaf since so many times were noted. */
  async function deafSince(heard: Heard, since: number, slot: number): Promise<void> {
    await expect
      .poll(() => heard.deaf.slice(since).some((slots) => includes(slots, slot)), patience)
      .toBe(true);
  }

  test("keys of all masters ring, and each slot was deaf before", async () => {
    const connection = open();
    const { heard } = await ringing(connection);
    const masters = cluster.nodes.filter(({ role }) => role === "master");
    const keys = await Promise.all(masters.map((node) => admins.keyOn(node)));
    for (const key of keys) {
      expect(heard.deaf.filter((slots) => includes(slots, slotOfKey(key)))).toHaveLength(1);
    }
    expect(
      await connection.send(
        keys.map((key) => tracked("XLEN", key)),
        options,
      ),
    ).toEqual([0, 0, 0]);
    await connection.send(
      keys.map((key) => cmd("XADD", key, "*", "x", "1")),
      options,
    );
    await expect.poll(() => [...heard.rings].sort(), patience).toEqual([...keys].sort());
  });

  test("a slot that moves while all is quiet is deaf, also if it has no key, and rings at its new master", async () => {
    const connection = open();
    const { bells, heard } = await ringing(connection);
    const key = uniqueName("{quiet}");
    await connection.send([tracked("XLEN", key)], options);
    const since = heard.deaf.length;
    await (await admins.beginMove(key)).finish();
    await deafSince(heard, since, slotOfKey(key));
    expect(bells.polled()).toBeUndefined();
    await expectRing(connection, heard, key);
  });

  test("a slot that is on its way is polled until it has arrived, as what is read at its target cannot ring", async () => {
    const connection = open();
    const { bells, heard } = await ringing(connection);
    const key = uniqueName("{moving}");
    const slot = slotOfKey(key);
    await connection.send([cmd("XADD", key, "*", "x", "1"), tracked("XLEN", key)], options);
    const move = await admins.beginMove(key);
    heard.rings = [];
    await move.moveKey(key);
    await expect.poll(() => heard.rings, patience).toContain(key);
    let since = heard.deaf.length;
    expect(await connection.send([tracked("XLEN", key)], options)).toEqual([1]);
    expect(bells.polled()).toEqual({ slots: new Set([slot]), reason: expect.any(String), refused: false });
    await deafSince(heard, since, slot);
    since = heard.deaf.length;
    await move.finish();
    await deafSince(heard, since, slot);
    expect(bells.polled()).toBeUndefined();
    await expectRing(connection, heard, key);
  });

  test("one connection hears of a move what another was told of it, at once", async () => {
    const connection = open();
    const publisher = connection.duplicate();
    const { heard } = await ringing(connection);
    const key = uniqueName("{told}");
    await command(publisher, "XLEN", [key], options);
    await (await admins.beginMove(key)).finish();
    const since = heard.deaf.length;
    await command(publisher, "XLEN", [key], options);
    expect(heard.deaf.slice(since).some((slots) => includes(slots, slotOfKey(key)))).toBe(true);
    await publisher.close();
  });

  test("where one node refuses, its slots are polled and the others ring", async () => {
    const [first, second, third] = cluster.nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error("too few nodes");
    const { username, password } = new URL(await userOf(first, "+@all", "-client|tracking"));
    for (const node of cluster.nodes.slice(1)) {
      await admins.of(node).call("ACL", ["SETUSER", username, "on", `>${password}`, "~*", "&*", "+@all"]);
    }
    const connection = opener.on(opener.cluster(cluster.url, { redisOptions: { username, password } }));
    const heard = new Heard();
    const bells = connection.bells(heard.listener);
    const polled = await bells.settled(DEADLINE_MS);
    expect(polled).toMatchObject({ refused: true, reason: expect.stringContaining(`:${first.port}: `) });
    const [silent, ringing] = [await admins.keyOn(first), await admins.keyOn(second)];
    expect([silent, ringing].map((key) => includes(polled?.slots ?? "all", slotOfKey(key)))).toEqual([
      true,
      false,
    ]);
    await expectRing(connection, heard, ringing);
    expect(await connection.send([tracked("XLEN", silent)], options)).toEqual([0]);
  });

  test("while slots move no change of a key is unseen", async () => {
    const connection = open();
    const keys = Array.from({ length: 12 }, (_, index) => uniqueName(`{${index}}`));
    const watcher = new Watcher(connection, keys);
    const bells = connection.bells(watcher);
    expect(await bells.settled(DEADLINE_MS)).toBeUndefined();
    const polling = setInterval(() => watcher.deaf(bells.polled()?.slots ?? new Set()), 250);
    onTestFinished(() => clearInterval(polling));
    const writer = open();
    const writes = async () => {
      for (const key of keys) await command(writer, "INCR", [key], options);
    };
    for (const key of keys) {
      const move = await admins.beginMove(key);
      await writes();
      await move.moveKey(key);
      await writes();
      await move.finish();
      await writes();
      const values = async () =>
        (
          await writer.send(
            keys.map((key) => cmd("GET", key)),
            options,
          )
        ).map(Number);
      await expect.poll(async () => same(watcher.values(), await values()), patience).toBe(true);
    }
  });

  // The last one takes a master: the cluster is not the same afterwards.
  test("after a failover the slots of the dead master are deaf, and ring at its replica", {
    timeout: 90_000,
  }, async () => {
    const connection = open();
    const { bells, heard } = await ringing(connection);
    const [, , master] = cluster.nodes;
    const key = await admins.keyOn(master);
    await connection.send([tracked("XLEN", key)], options);
    const since = heard.deaf.length;
    admins.of(master).disconnect();
    if (master !== undefined) await cluster.kill(master);
    await deafSince(heard, since, slotOfKey(key));
    await expect.poll(() => bells.polled(), patience).toBeUndefined();
    await expectRing(connection, heard, key);
    await connection.close();
  });
}
