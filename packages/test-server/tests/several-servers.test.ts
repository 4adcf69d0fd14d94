import { describe, expect, it, onTestFinished } from "vitest";
import {
  listKeys,
  removeNamesOfRun,
  runTag,
  sharedServerUrl,
  startCluster,
  startSentinels,
  uniqueName,
} from "../src/index.js";
import { parseInfo } from "../src/resp.js";
import { waitUntil } from "../src/wait.js";
import { command } from "./support.js";

async function roleOf(url: string): Promise<string | undefined> {
  return parseInfo(await command(url, "INFO", "replication")).get("role");
}

describe("a cluster", () => {
  it("comes up whole, fails over when a master is killed, and takes the killed node back", async () => {
    const cluster = await startCluster({ masters: 3, replicas: 1 });
    onTestFinished(() => cluster.stop());
    expect(cluster.nodes.map(({ role }) => role)).toEqual([
      ...Array(3).fill("master"),
      ...Array(3).fill("replica"),
    ]);
    expect(cluster.description).toMatch(/, 3 masters with a replica each$/);
    for (const { url } of cluster.nodes) {
      const info = parseInfo(await command(url, "CLUSTER", "INFO"));
      expect(Object.fromEntries(info)).toMatchObject({
        cluster_state: "ok",
        cluster_slots_ok: "16384",
        cluster_size: "3",
        cluster_known_nodes: "6",
      });
    }

    const [first, , , replica] = cluster.nodes;
    if (first === undefined || replica === undefined) throw new Error("wanted six nodes");
    await cluster.kill(first);
    await waitUntil(async () => (await roleOf(replica.url)) === "master", {
      what: "the replica to take over",
      deadlineMs: 20_000,
    });
    await first.restart();
    await waitUntil(async () => (await roleOf(first.url)) === "slave", {
      what: "the killed node to follow its former replica",
      deadlineMs: 20_000,
    });
  });

  it("is cleaned up on every master, and only of what carries the run's tag", async () => {
    const cluster = await startCluster({ masters: 2 });
    onTestFinished(() => cluster.stop());
    for (const { url } of cluster.nodes) {
      // Which master has a key depends on its name; each of twenty names goes to one of the two.
      for (let index = 0; index < 20; index++) {
        await command(url, "SET", uniqueName("key"), "1").catch(() => "MOVED");
      }
      for (const name of ["a", "b", "c", "d"]) await command(url, "SET", name, "theirs").catch(() => "MOVED");
    }
    const removed = await removeNamesOfRun(cluster.url);
    expect(removed.length).toBeGreaterThan(1);
    expect(removed.every((name) => name.includes(runTag()))).toBe(true);
    expect([...(await listKeys(cluster.url))].sort()).toEqual(["a", "b", "c", "d"]);
  });
});

describe("a Sentinel set", () => {
  it("comes up agreed and makes the replica master when the master is killed", async () => {
    const set = await startSentinels();
    onTestFinished(() => set.stop());
    const [sentinel] = set.sentinels;
    if (sentinel === undefined) throw new Error("wanted three Sentinels");
    const currentMaster = () => command(sentinel.url, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", set.masterName);
    expect(await currentMaster()).toEqual([set.master.host, String(set.master.port)]);

    await set.master.kill();

    const isReplica = async () => String(await currentMaster()) === `${set.replica.host},${set.replica.port}`;
    await waitUntil(isReplica, { what: "the Sentinels to name the replica", deadlineMs: 20_000 });
  });
});

describe("names of a run", () => {
  it("are unique, carry the run's tag, and are removed from the shared server with its ACL users", async () => {
    const url = sharedServerUrl();
    const [key, user] = [uniqueName("key"), uniqueName("user")];
    expect(key).toMatch(/^key-run[a-z0-9]{9}-[a-z0-9]{6}$/);
    expect(uniqueName("key")).not.toBe(key);
    // A tag of its own: clearing the run's would take the keys of the suites that run beside this one.
    const tag = `run${uniqueName("x").slice(-6)}abc`;
    await command(url, "SET", key, "other");
    await command(url, "SET", `tenant:{acme-${tag}}:orders`, "1");
    await command(url, "ACL", "SETUSER", user.replace(runTag(), tag));
    const removed = await removeNamesOfRun(url, tag);
    expect([...removed].sort()).toEqual([`tenant:{acme-${tag}}:orders`, user.replace(runTag(), tag)].sort());
    expect(await command(url, "GET", key)).toBe("other");
  });
});
