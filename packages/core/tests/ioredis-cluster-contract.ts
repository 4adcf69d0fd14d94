/**
 * What the adapter promises over a Redis Cluster, as tests for one major of ioredis: each request reaches its
 * slot's node, also while slots and masters change.
 */

import { type ClusterNode, startCluster, type TestCluster, uniqueName } from "@sluice/test-server";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type Connection, command } from "../src/connection.js";
import { ClosedError, InvalidOptionError, PermissionError, ServerError } from "../src/errors.js";
import { slotOfKey } from "../src/ioredis/slots.js";
import { fromIoredis } from "../src/ioredis.js";
import { ClusterAdmins } from "./ioredis-cluster-support.js";
import { cmd, run } from "./ioredis-requests.js";
import { AT_ONCE_MS, DEADLINE_MS, type Ioredis, Opener, unseen } from "./ioredis-support.js";

const deadlineMs = DEADLINE_MS;
/** Long enough for a failover: two seconds until the others notice, and an election. */
const failoverMs = 20_000;

export function describeClusterAdapter(ioredis: Ioredis): void {
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

  const admin = (node: ClusterNode | undefined) => admins.of(node);
  const masterOf = (slot: number) => admins.masterOf(slot);
  const keyOn = (node: ClusterNode | undefined) => admins.keyOn(node);
  const beginMove = (key: string) => admins.beginMove(key);

  function open(): Connection {
    return opener.on(opener.cluster(cluster.url));
  }

  test("knows every key's slot as the servers do", async () => {
    const [node] = cluster.nodes;
    if (node === undefined) throw new Error("the cluster has no node");
    const keys = [
      "",
      "a",
      "orders",
      "{orders}/meta",
      "tenant:{acme}:orders/billing/leases",
      "{}x",
      "a{b",
      "a{b}{c}",
      "é漢😀",
    ];
    for (const key of keys) expect(slotOfKey(key)).toBe(await admin(node).call("CLUSTER", ["KEYSLOT", key]));
  });

  test("sends each request of a call to its node, and gives replies in the order asked", async () => {
    const connection = open();
    const keys = Array.from({ length: 20 }, (_, index) => `${uniqueName("spread")}${index}`);
    const masters = new Set(
      await Promise.all(keys.map(async (key) => (await masterOf(slotOfKey(key))).port)),
    );
    expect(masters.size).toBe(3);
    const sets = keys.map((key, index) => cmd("SET", key, index));
    expect(await connection.send(sets, { deadlineMs })).toEqual(keys.map(() => "OK"));
    const gets = keys.map((key) => cmd("GET", key));
    expect(await connection.send(gets, { deadlineMs })).toEqual(keys.map((_, index) => String(index)));
  });

  test("asks each master for itself, which holds what the others do not", async () => {
    const connection = open();
    const keys = Array.from({ length: 20 }, (_, index) => `${uniqueName("scanned")}${index}`);
    const nodes = await connection.nodes({ deadlineMs });
    expect(nodes).toHaveLength(3);
    await connection.send(
      keys.map((key) => cmd("SET", key, "1")),
      { deadlineMs },
    );
    const found = await Promise.all(
      nodes.map(async (node) => {
        const [reply] = await node.send([cmd("KEYS", "*scanned*")], { deadlineMs });
        return reply as string[]; // as KEYS answers
      }),
    );
    expect(found.flat().sort()).toEqual([...keys].sort());
    for (const some of found) expect(some.length).toBeGreaterThan(0);
    await connection.close();
    const replies = await nodes[0]?.send([cmd("PING")], { deadlineMs });
    expect(replies).toEqual([expect.any(ClosedError)]);
    await expect(connection.nodes({ deadlineMs })).rejects.toBeInstanceOf(ClosedError);
  });

  test("is up for many calls at once, from the first", async () => {
    const connection = open();
    const calls = Array.from({ length: 50 }, (_, index) =>
      command(connection, "SET", [`k${index}`, "v"], { deadlineMs }),
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["OK"]));
  });

  test("sends what has no key to the node of the keys it comes with", async () => {
    const connection = open();
    for (const key of ["one", "two", "three", "four", "five"]) {
      const master = await masterOf(slotOfKey(key));
      const [info] = await connection.send([cmd("INFO", "server"), cmd("EXISTS", key)], { deadlineMs });
      expect(info).toContain(`tcp_port:${master.port}`);
    }
    expect(await command(connection, "PING", [], { deadlineMs })).toBe("PONG");
  });

  test("runs scripts on nodes that do not know them, several keys of one slot at a time", async () => {
    const connection = open();
    const source = unseen("return { redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2]) }");
    for (const tag of ["a", "b", "c", "d"]) {
      const name = uniqueName(`{${tag}}`);
      expect(await connection.send([run(source, [name, `${name}/x`])], { deadlineMs })).toEqual([[1, 1]]);
    }
  });

  test("follows a slot that moved, and one that is moving, running nothing twice", async () => {
    const connection = open();
    const key = uniqueName("{moving}");
    const there = `${key}-there`;
    await connection.send([cmd("SET", key, "1"), cmd("SET", there, "1")], { deadlineMs });
    const move = await beginMove(key);
    await move.moveKey(there);
    // One key is still at the source, one is at the target already, one is new: the target has to take it.
    const source = unseen("return redis.call('INCR', KEYS[1])");
    const mixed = [
      cmd("INCR", key),
      cmd("INCR", there),
      run(source, [`${key}-new`]),
      cmd("INCR", there),
      cmd("INCR", key),
    ];
    expect(await connection.send(mixed, { deadlineMs })).toEqual([2, 2, 1, 3, 3]);
    await move.moveKey(key);
    await move.finish();
    expect(await connection.send(mixed, { deadlineMs })).toEqual([4, 4, 2, 5, 5]);
    expect(await admin(move.to).get(key)).toBe("5");
    // The way is known by now.
    const before = await commandsOf(admin(move.from));
    expect(await connection.send([cmd("GET", key)], { deadlineMs })).toEqual(["5"]);
    expect((await commandsOf(admin(move.from))) - before).toBe(1);
  });

  test("waits while the keys of a request are at two nodes, and says so when time runs out", async () => {
    const connection = open();
    const key = uniqueName("{halfway}");
    const other = `${key}-other`;
    await connection.send([cmd("SET", key, "1"), cmd("SET", other, "2")], { deadlineMs });
    const move = await beginMove(key);
    await move.moveKey(key);
    const [error] = await connection.send([cmd("MGET", key, other)], { deadlineMs: 300 });
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ prefix: "TRYAGAIN", retryable: true });
    const waiting = connection.send([cmd("MGET", key, other)], { deadlineMs });
    await move.moveKey(other);
    await move.finish();
    expect(await waiting).toEqual([["1", "2"]]);
  });

  test("a blocked read is told to move with its slot", async () => {
    const connection = open();
    const key = uniqueName("{blocked}");
    await command(connection, "PING", [], { deadlineMs });
    const read = connection.send([cmd("BLPOP", key, "20")], { deadlineMs: 25_000 });
    const move = await beginMove(key);
    await expect
      .poll(() => admin(move.from).call("INFO", ["clients"]), { timeout: deadlineMs })
      .toContain("blocked_clients:1");
    await move.finish();
    expect(await command(open(), "RPUSH", [key, "x"], { deadlineMs })).toBe(1);
    expect(await read).toEqual([[key, "x"]]);
  });

  test("reports a login that fails at once, for every call", async () => {
    const redisOptions = { username: uniqueName("nobody"), password: "wrong" };
    const wrong = opener.on(opener.cluster(cluster.url, { redisOptions }));
    for (let call = 0; call < 3; call++) {
      await expect(command(wrong, "GET", ["k"], { deadlineMs: AT_ONCE_MS })).rejects.toBeInstanceOf(
        PermissionError,
      );
    }
  });

  test("refuses keyPrefix and commandTimeout by name, wherever they are set", () => {
    for (const [options, option] of [
      [{ keyPrefix: "app:" }, "redis.keyPrefix"],
      [{ redisOptions: { commandTimeout: 1_000 } }, "redis.redisOptions.commandTimeout"],
    ] as const) {
      const source = opener.cluster(cluster.url, options);
      expect(() => fromIoredis(source)).toThrow(InvalidOptionError);
      expect(() => fromIoredis(source)).toThrow(expect.objectContaining({ option }));
    }
  });

  test("when closed, settles what is in flight and leaves the user's instance alone", async () => {
    const user = opener.cluster(cluster.url);
    const connection = fromIoredis(user);
    const reader = connection.duplicate();
    await command(reader, "PING", [], { deadlineMs });
    const read = reader.send([cmd("BLPOP", uniqueName("none"), "20")], { deadlineMs: 25_000 });
    const starting = connection.send([cmd("GET", "k")], { deadlineMs });
    await Promise.all([reader.close(), connection.close()]);
    expect(await read).toEqual([expect.any(ClosedError)]);
    expect(await starting).toEqual([expect.any(ClosedError)]);
    expect(await connection.send([cmd("PING")], { deadlineMs })).toEqual([expect.any(ClosedError)]);
    expect(user.status).toBe("wait");
  });

  test("a duplicate knows the nodes, also when the one that the user named is gone", async () => {
    const connection = open();
    const [named, other] = cluster.nodes;
    const key = await keyOn(other);
    await command(connection, "SET", [key, "1"], { deadlineMs });
    await named?.pause();
    // Not for as long as the others would take to elect another in its place.
    onTestFinished(() => named?.resume());
    const duplicate = connection.duplicate();
    onTestFinished(() => duplicate.close());
    expect(await command(duplicate, "GET", [key], { deadlineMs: 1_000 })).toBe("1");
    // What one of them closes, the other still has.
    await connection.close();
    expect(await command(duplicate, "GET", [key], { deadlineMs: 1_000 })).toBe("1");
  });

  test("says why when the nodes do not tell where they are", async () => {
    // A node that never met another does not know its own address.
    const lonely = await startCluster({ masters: 1 });
    onTestFinished(() => lonely.stop());
    const [error] = await opener.on(opener.cluster(lonely.url)).send([cmd("GET", "k")], { deadlineMs: 500 });
    expect(error).toMatchObject({ code: "DEADLINE", message: expect.stringContaining("address") });
  });

  test("comes back by itself after no node answered for a while, also when the one named never will", {
    timeout: 60_000,
  }, async () => {
    const servers = await startCluster({ masters: 3, replicas: 1 });
    onTestFinished(() => servers.stop());
    // Each node is given up soon, so that all are before the others know what happened.
    const connection = opener.on(opener.cluster(servers.url, { slotsRefreshTimeout: 100 }));
    const sets = ["a", "b", "c", "d"].map((key) => cmd("SET", key, "1"));
    expect(await connection.send(sets, { deadlineMs })).toEqual(["OK", "OK", "OK", "OK"]);
    for (const node of servers.nodes) await node.pause();
    for (const deadlineMs of [2_500, 1_500]) {
      const replies = await connection.send(sets, { deadlineMs });
      expect(replies).toEqual(sets.map(() => expect.objectContaining({ code: "DEADLINE" })));
    }
    const [named, ...others] = servers.nodes;
    await named?.kill();
    for (const node of others) await node.resume();
    // Its slots have another master, which only the others can tell.
    expect(await connection.send(sets, { deadlineMs: failoverMs })).toEqual(["OK", "OK", "OK", "OK"]);
  });

  // The last two take a master each: the cluster is not the same afterwards.
  test("goes on with the replica when a master hangs with its connections open", {
    timeout: 60_000,
  }, async () => {
    const connection = open();
    const [, master] = cluster.nodes;
    const key = await keyOn(master);
    await command(connection, "SET", [key, "1"], { deadlineMs });
    await admin(master).call("WAIT", [1, 5_000]);
    const reconnected = vi.fn();
    connection.onReconnect(reconnected);
    await master?.pause();
    const startedAt = performance.now();
    const [hung] = await connection.send([cmd("GET", key)], { deadlineMs: 2_500 });
    expect(hung).toMatchObject({ code: "DEADLINE", maybeExecuted: true });
    expect(await command(connection, "GET", [key], { deadlineMs: failoverMs })).toBe("1");
    // Not by waiting for the handshake of the one that hangs.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(reconnected).toHaveBeenCalledTimes(1);
    await master?.resume();
  });

  test("goes on with the replica when a master dies, and announces that", { timeout: 60_000 }, async () => {
    const connection = open();
    const [, , master] = cluster.nodes;
    const key = await keyOn(master);
    await command(connection, "SET", [key, "1"], { deadlineMs });
    await admin(master).call("WAIT", [1, 5_000]);
    const reconnected = vi.fn();
    connection.onReconnect(reconnected);
    admin(master).disconnect();
    if (master !== undefined) await cluster.kill(master);
    const [reply] = await connection.send([cmd("INCR", key)], { deadlineMs: failoverMs });
    // The first call may have been on its way when the master died.
    if (reply !== 2) expect(reply).toMatchObject({ code: "CONNECTION", maybeExecuted: true });
    const value = await command(connection, "GET", [key], { deadlineMs: failoverMs });
    expect(value).toBe(reply === 2 ? "2" : "1");
    expect(reconnected).toHaveBeenCalledTimes(1);
  });
}

async function commandsOf(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))?.[1]);
}
