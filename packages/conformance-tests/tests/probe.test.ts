/** The probe tells what a server is and what weakens a promise, with whatever rights it has, and changes nothing. */

import * as luaScripts from "@sluice/lua-scripts";
import {
  sharedServerUrl,
  startCluster,
  startSentinels,
  startServer,
  type TestServer,
  uniqueName,
} from "@sluice/test-server";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SCRIPT_COMMANDS } from "../src/probe/permissions.js";
import { probeServer } from "../src/probe.js";
import type { Finding, ServerFacts } from "../src/results.js";

async function probe(url: string): Promise<ServerFacts> {
  const redis = new Redis(url, { enableReadyCheck: false });
  try {
    return await probeServer(redis);
  } finally {
    redis.disconnect();
  }
}

function finding({ findings }: ServerFacts, name: string): Finding | undefined {
  const found = findings.filter((one) => one.name === name);
  expect(found.length, name).toBeLessThanOrEqual(1);
  return found[0];
}

const namesOf = ({ findings }: ServerFacts) => findings.map(({ name }) => name);

test("product, version, address and mode are told, and what was looked at has a name each", async () => {
  const facts = await probe(sharedServerUrl());
  expect(facts.product).toMatch(/^(redis|valkey) \d+\.\d+\.\d+$/);
  expect(facts.address).toBe(new URL(sharedServerUrl()).host);
  expect(facts.mode).toBe("standalone");
  expect(finding(facts, "round-trip")?.value).toMatch(/^\d+\.\d\d ms, the slowest of 20 \d+\.\d\d ms$/);
  expect(finding(facts, "protocol")?.value).toBe("RESP2 and RESP3");
  expect(finding(facts, "script-limit")?.value).toMatch(/^(\d+ ms until BUSY|none: .*)$/);
});

describe("a server of our own", () => {
  let server: TestServer;
  let admin: Redis;

  beforeAll(async () => {
    const args = ["--requirepass", "s3cret", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    server = await startServer({ args });
    admin = new Redis(server.url);
  });

  afterAll(async () => {
    admin?.disconnect();
    await server?.stop();
  });

  const state = async () => {
    const [settings, users, size] = await Promise.all([
      admin.config("GET", "*"),
      admin.acl("LIST"),
      admin.dbsize(),
    ]);
    return { settings, users, size };
  };

  test("is as it was before the probe: settings, users and keys", async () => {
    const before = await state();
    await probe(server.url);
    expect(await state()).toEqual(before);
  });

  test("that has a password is told without it", async () => {
    const facts = await probe(server.url);
    expect(JSON.stringify(facts)).not.toContain("s3cret");
    expect(finding(facts, "user")?.value).toBe("default, may make users");
  });

  test("that may evict events, and keeps nothing over a restart, is warned of", async () => {
    const facts = await probe(server.url);
    expect(finding(facts, "maxmemory")).toEqual({ name: "maxmemory", value: "100.0 MiB" });
    expect(finding(facts, "maxmemory-policy")).toEqual({
      name: "maxmemory-policy",
      value: "allkeys-lru",
      warning: "a full server may evict streams: acknowledged events are lost; set noeviction",
    });
    expect(finding(facts, "persistence")?.warning).toContain("a restart loses every event");
  });

  test("that is nearly full is warned of", async () => {
    await using small = await startServer();
    const own = new Redis(small.url);
    await own.setrange("some", 8 * 1024 ** 2, "x");
    const usedBytes = Number(/^used_memory:(\d+)/m.exec(await own.info("memory"))?.[1]);
    await own.config("SET", "maxmemory", String(Math.round(usedBytes * 1.05)));
    own.disconnect();
    const { value, warning } = finding(await probe(small.url), "maxmemory") ?? {};
    expect(value).toMatch(/^\d+\.\d MiB$/);
    expect(warning).toMatch(/^\d+ % used: at the limit publishing is refused, and cases fail$/);
  });

  test("that appends to a file, and evicts nothing, is not warned of", async () => {
    await using durable = await startServer({ persistence: true });
    const facts = await probe(durable.url);
    expect(finding(facts, "persistence")).toEqual({ name: "persistence", value: "appendonly yes, always" });
    const warned = facts.findings.filter(({ warning }) => warning !== undefined);
    // A busy machine may be slow to answer.
    expect(warned.filter(({ name }) => name !== "round-trip")).toEqual([]);
  });

  async function asUser(rules: readonly string[]): Promise<ServerFacts> {
    const username = uniqueName("user");
    await admin.call("ACL", "SETUSER", username, "on", ">pw", ...rules);
    try {
      return await probe(`redis://${username}:pw@127.0.0.1:${server.port}`);
    } finally {
      await admin.call("ACL", "DELUSER", username);
    }
  }

  test("whose user may not run some commands is told which", async () => {
    const rules = ["~*", "+@all", "-@admin", "-sadd", "-xgroup|create", "-eval", "-evalsha"];
    const facts = await asUser(rules);
    expect(finding(facts, "user")?.value).toMatch(/^user-\S+, may not make users$/);
    expect(finding(facts, "commands")).toEqual({
      name: "commands",
      value: "forbidden: EVALSHA, SADD, XGROUP CREATE",
      warning: "clients of this user do not work: allow these commands",
    });
    expect(finding(facts, "keys")?.warning).toBeUndefined();
  });

  test("whose user may neither EVAL nor load scripts is told so; one of the two is enough", async () => {
    const neither = await asUser(["~*", "+@all", "-eval", "-script|load"]);
    expect(finding(neither, "commands")?.value).toBe("forbidden: EVAL or SCRIPT LOAD");
    const one = await asUser(["~*", "+@all", "-eval"]);
    expect(finding(one, "commands")).toEqual({ name: "commands", value: "all that Sluice needs" });
  });

  test("whose user is held to keys of one tenant is told that the suite needs others", async () => {
    const facts = await asUser(["~tenant:{acme}:*", "+@all"]);
    const { value, warning } = finding(facts, "keys") ?? {};
    expect(value).toBe("forbidden: tenant:{…}:…  tenant:{…}:…/meta  …  {…}/meta");
    expect(warning).toContain("made up for the run");
    const tenants = await asUser(["~tenant:*", "+@all"]);
    expect(finding(tenants, "keys")?.value).toBe("forbidden: …  {…}/meta");
  });

  test("whose user may do next to nothing is probed all the same, and what could not be asked is told", async () => {
    const facts = await asUser(["+get"]);
    expect(facts.product).toBe("redis of unknown version");
    expect(finding(facts, "not-known")?.value).toBe(
      "INFO and CONFIG GET: this user may not ask, or the service does not tell",
    );
    expect(finding(facts, "user")?.value).toContain("what it may do is not known");
    expect(namesOf(facts)).not.toContain("persistence");
    expect(namesOf(facts)).toContain("round-trip");
  });
});

test("every command that a script runs is asked for", () => {
  const sources = Object.values(luaScripts).flatMap((exported) => {
    return typeof exported === "object" && "source" in exported ? [exported.source] : [];
  });
  expect(sources.length).toBeGreaterThan(10);
  const asked = new Set(SCRIPT_COMMANDS.map(([command]) => command));
  const used = sources.flatMap((source) => {
    const calls = source.matchAll(/redis\.p?call\("([A-Z]+)"/g);
    // Batches go out by a helper that takes the command's words.
    const batches = source.matchAll(/"(SADD|SREM|SMISMEMBER|HSET|HDEL|HMGET|XACK|XDEL|ZADD|ZREM|UNLINK)"/g);
    return [...calls, ...batches].map(([, command]) => command);
  });
  expect([...new Set(used)].sort()).toEqual([...asked].sort());
});

test("the masters of a Cluster are asked, and where they differ it is told which", async () => {
  await using cluster = await startCluster({ masters: 3 });
  const [first] = cluster.nodes;
  const odd = new Redis(first?.url ?? "");
  await odd.config("SET", "maxmemory-policy", "volatile-lru");
  odd.disconnect();
  const redis = new Cluster([cluster.url], { lazyConnect: true });
  await redis.connect();
  const facts = await probeServer(redis);
  redis.disconnect();
  expect(facts.mode).toBe("cluster");
  expect(facts.address.split(" ").sort()).toEqual(
    cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).sort(),
  );
  expect(finding(facts, "cluster")).toEqual({
    name: "cluster",
    value: "3 masters, 0 replicas",
    warning: "3 without a replica: if one is lost, so are its slots",
  });
  expect(finding(facts, "commands")?.value).toBe("all that Sluice needs");
  const policies = facts.findings.filter(({ name }) => name === "maxmemory-policy");
  expect(policies.map(({ value }) => value).sort()).toEqual([
    expect.stringMatching(/^noeviction \(127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+\)$/),
    `volatile-lru (127.0.0.1:${first?.port})`,
  ]);
});

test("behind Sentinels it is the master that is probed; a replica is warned of", async () => {
  await using set = await startSentinels();
  const sentinels = set.sentinels.map(({ host, port }) => ({ host, port }));
  const redis = new Redis({ sentinels, name: set.masterName });
  const facts = await probeServer(redis);
  redis.disconnect();
  expect(facts.mode).toBe("sentinel");
  expect(facts.address).toBe(`127.0.0.1:${set.master.port}`);
  expect(finding(facts, "role")).toEqual({ name: "role", value: "master, replicas: 1" });
  expect(finding(await probe(set.replica.url), "role")).toEqual({
    name: "role",
    value: "slave",
    warning: "it takes no writes: name the master instead",
  });
});
