/** `health()` says what is in order, what is not and what to do then, and never rejects. */
import { rm } from "node:fs/promises";
import { PROTOCOL } from "@sluice/lua-scripts";
import type { Health, HealthCheck } from "@sluice/node";
import { sharedServerUrl, startServer, type TestServer } from "@sluice/test-server";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  keysOf,
  type OrderBus,
  openBus,
  place,
  plainRedis,
  privateServer,
  started,
  until,
} from "./support.js";

function check(health: Health, name: string): HealthCheck | undefined {
  return health.checks.find((found) => found.name === name);
}

/** All is well but for one check, which says why. */
async function expectDegraded(bus: OrderBus, name: string, detail: RegExp): Promise<void> {
  const health = await bus.health();
  expect(health.status).toBe("degraded");
  const bad = health.checks.filter(({ status }) => status !== "ok");
  expect(bad).toEqual([{ name, status: "degraded", detail: expect.stringMatching(detail) }]);
}

describe("a server as it should be", () => {
  it("is ok: appendonly and noeviction, with a group and a consumer that is alive", async () => {
    const server = await privateServer({
      persistence: true,
      args: ["--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "noeviction"],
    });
    const bus = await openBus({ redis: server.url });
    await started(bus);
    const askedAt = performance.now();
    const health = await bus.health();
    expect(health.checks.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(health.status).toBe("ok");
    expect(health.roundTripMs).toBeGreaterThan(0);
    expect(health.roundTripMs).toBeLessThan(performance.now() - askedAt);
    const details = Object.fromEntries(health.checks.map(({ name, detail }) => [name, detail]));
    expect(details).toEqual({
      connection: expect.stringMatching(/^answered in \d+\.\d ms$/),
      server: expect.stringMatching(/^(Redis|Valkey) \d/),
      role: "master",
      persistence: "append-only file",
      "maxmemory-policy": "noeviction",
      memory: expect.stringMatching(/^\d+ of 104857600 bytes used$/),
      "lazy-expire": expect.any(String),
      protocol: String(PROTOCOL),
      "group:billing": "present",
      "consumers:billing": "1 of 1 alive",
    });
  });

  it("says so before there is a stream", async () => {
    const bus = await openBus();
    const health = await bus.health();
    expect(check(health, "protocol")).toMatchObject({
      status: "ok",
      detail: `${PROTOCOL}; the stream is new`,
    });
    expect(health.checks.filter(({ name }) => /^(group|consumers):/.test(name))).toEqual([]);
  });
});

describe("a server that is not", () => {
  let server: TestServer;
  let redis: Redis;
  let bus: OrderBus;

  beforeAll(async () => {
    server = await startServer({ args: ["--save", "900 1"] });
  });

  afterAll(() => server.stop());

  afterEach(async () => {
    await redis.replicaof("NO", "ONE");
    const settings = { save: "900 1", "maxmemory-policy": "noeviction", maxmemory: "0" };
    for (const [name, value] of Object.entries(settings)) await redis.config("SET", name, value);
  });

  async function begin(): Promise<void> {
    redis = plainRedis(server.url);
    bus = await openBus({ redis: server.url });
    await started(bus);
    const health = await bus.health();
    expect(health.status, JSON.stringify(health)).toBe("ok");
    expect(check(health, "persistence")?.detail).toMatch(/^snapshots only/);
  }

  it.each(["allkeys-lru", "volatile-ttl", "allkeys-random"])("evicts by %s: degraded", async (policy) => {
    await begin();
    await redis.config("SET", "maxmemory-policy", policy);
    await expectDegraded(bus, "maxmemory-policy", new RegExp(`^${policy}: .*noeviction$`));
  });

  it("keeps nothing over a restart: degraded", async () => {
    await begin();
    await redis.config("SET", "save", "");
    await expectDegraded(bus, "persistence", /appendonly yes/);
  });

  it("is nearly full: degraded", async () => {
    await begin();
    const used = Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
    await redis.config("SET", "maxmemory", Math.ceil(used * 1.05));
    await expectDegraded(bus, "memory", /^\d+ of \d+ bytes used: .*maxmemory$/);
    await redis.config("SET", "maxmemory", used * 2);
    expect(await bus.health()).toMatchObject({ status: "ok" });
  });

  it("is a replica: degraded, and read all the same", async () => {
    await begin();
    await redis.replicaof("127.0.0.1", 1);
    await expectDegraded(bus, "role", /^slave: .*master$/);
    expect(await bus.getStreamInfo()).toMatchObject({ exists: true });
  });

  it("could not write its last snapshot: degraded", async () => {
    await begin();
    const [, folder] = (await redis.config("GET", "dir")) as [string, string];
    await rm(folder, { recursive: true });
    await redis.bgsave();
    await until(async () => /rdb_last_bgsave_status:err/.test(await redis.info("persistence")));
    await redis.config("SET", "stop-writes-on-bgsave-error", "no");
    await expectDegraded(bus, "persistence", /last snapshot failed/);
  });
});

describe("a group that is not as it should be", () => {
  /** The shared server may have settings of its own: what is looked at here is the group. */
  async function about(bus: OrderBus, name: string): Promise<HealthCheck | undefined> {
    const health = await bus.health();
    expect(health.status).not.toBe("down");
    return check(health, name);
  }

  it("is registered, and gone: degraded", async () => {
    const bus = await openBus();
    await (await started(bus)).stop();
    await plainRedis().xgroup("DESTROY", keysOf(bus, "billing").stream, "billing");
    expect(await about(bus, "group:billing")).toMatchObject({
      status: "degraded",
      detail: expect.stringMatching(/^registered in metadata but missing from the stream; .*low-water ID$/),
    });
    expect(await bus.health()).toMatchObject({ status: "degraded" });
    expect(await about(bus, "consumers:billing")).toBeUndefined();
    // The stream as well.
    await plainRedis().del(keysOf(bus, "billing").stream);
    expect(await about(bus, "group:billing")).toMatchObject({ status: "degraded" });
  });

  it("has no consumer that is alive: degraded", async () => {
    const bus = await openBus();
    await (await started(bus)).stop();
    expect(await about(bus, "consumers:billing")).toMatchObject({
      status: "degraded",
      detail: "0 of 0 alive: start a consumer",
    });
    await started(bus);
    expect(await about(bus, "consumers:billing")).toMatchObject({ status: "ok", detail: "1 of 1 alive" });
  });

  it("has a pending entry that is older than half of idempotencyTtlMs: degraded", async () => {
    const bus = await openBus();
    const redis = plainRedis();
    const { stream } = keysOf(bus, "billing");
    const ttl = { idempotencyTtlMs: 3_600_000 };
    await (await started(bus, undefined, ttl)).stop();
    const [seconds] = await redis.time();
    const add = (minutes: number) =>
      redis.xadd(stream, `${(Number(seconds) - minutes * 60) * 1_000}-0`, "a", "b");
    const old = await add(31);
    await redis.xreadgroup("GROUP", "billing", "worker-1", "STREAMS", stream, ">");
    expect(await about(bus, "group:billing")).toMatchObject({
      status: "degraded",
      detail: expect.stringMatching(/half of idempotencyTtlMs \(3600000\)/),
    });
    await redis.xack(stream, "billing", old ?? "");
    await redis.hincrby(keysOf(bus, "billing").state, "settled", 1); // as the scripts count what they acknowledge
    await add(29);
    await redis.xreadgroup("GROUP", "billing", "worker-1", "STREAMS", stream, ">");
    expect(await about(bus, "group:billing")).toMatchObject({ status: "ok" });
  });

  it("of somebody else is looked at like any other", async () => {
    const bus = await openBus();
    await place(bus, "a");
    await plainRedis().xgroup("CREATE", keysOf(bus, "x").stream, "theirs", "0");
    expect(await about(bus, "group:theirs")).toMatchObject({ status: "ok" });
    expect(await about(bus, "consumers:theirs")).toMatchObject({ status: "degraded" });
  });
});

describe("on a bus of many tenants", () => {
  it("looks at a tenant's stream within the tenant, and at the server alone outside of all", async () => {
    const bus = await openBus({ tenancy: "multi", redis: sharedServerUrl() });
    await (await started(bus.tenant("acme"))).stop();
    const names = (health: Health) => health.checks.map(({ name }) => name);
    expect(names(await bus.health())).not.toContain("protocol");
    expect(names(await bus.tenant("acme").health())).toContain("group:billing");
    expect(names(await bus.tenant("globex").health())).not.toContain("group:billing");
  });
});
