/**
 * Every key that any script touches is among its KEYS: shown by a user who may touch nothing else, and by a Cluster,
 * where a script may touch only what is on its node.
 */
import { allScripts, type Script, type ScriptCall } from "@sluice/lua-scripts";
import {
  startCluster,
  startServer,
  type TestCluster,
  type TestServer,
  uniqueName,
} from "@sluice/test-server";
import { Cluster, type Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { before70, noting, placesOf } from "./support/call-sites.js";
import { TestGroup } from "./support/group.js";
import { type Heard, travel, WORDS_TO_HEAR } from "./support/journey.js";
import { connect, type Run, run } from "./support/redis.js";
import { touching } from "./support/undeclared.js";

function expectEveryPath({ words, scripts }: Heard): void {
  expect(
    WORDS_TO_HEAR.filter((word) => !words.has(word)),
    "words that no script answered",
  ).toEqual([]);
  expect([...scripts].sort()).toEqual(allScripts.map(({ name }) => name));
}

describe("a user who may touch the declared keys of each call and no other", () => {
  let server: TestServer;
  let admin: Redis;
  let user: Redis;

  beforeAll(async () => {
    server = await startServer();
    admin = connect(server.url);
    await admin.acl("SETUSER", "limited", "on", ">secret", "resetkeys", "+@all");
    user = connect(server.url, { username: "limited", password: "secret" });
  });

  afterAll(async () => {
    user.disconnect();
    admin.disconnect();
    await server.stop();
  });

  /** Allows the call's keys and no other, runs it, and fails if anything was denied, also where a script hid that. */
  const runLimited: Run = async (call: ScriptCall) => {
    const patterns = call.keys.map((key) => `~${key.replace(/[\\*?[\]^]/g, "\\$&")}`);
    await admin.acl("SETUSER", "limited", "resetkeys", ...patterns);
    await admin.acl("LOG", "RESET");
    // Servers word the error differently, and a script may hide it; the log has every denial.
    const reply = await run(user, call).catch((error: unknown) => error);
    const denied = await admin.acl("LOG");
    if (Array.isArray(denied) && denied.length > 0) throw new Error(`denied: ${JSON.stringify(denied)}`);
    if (reply instanceof Error) throw reply;
    return reply;
  };

  test("the journey that this is shown by takes every path on which a script touches a key", async () => {
    const hash = uniqueName("places");
    for (const as of [(script: Script) => script, before70]) {
      await travel(admin, (call) => run(admin, { ...call, script: noting(as(call.script), hash) }), {
        tenant: "acme",
      });
    }
    const reached = await admin.hkeys(hash);
    // Only batches beyond what one variadic command carries come here; their keys are those of the batches below.
    const places = placesOf(allScripts).filter((place) => !place.includes("unpack(values, first"));
    expect(places.length).toBeGreaterThan(90);
    expect(places.filter((place) => !reached.includes(place))).toEqual([]);
  });

  test.each([{ tenant: "acme" }, {}])("can run every script on every path (%o)", async (tenancy) => {
    expectEveryPath(await travel(admin, runLimited, tenancy));
  });

  test.each(["call", "pcall"] as const)(
    "cannot run a script that touches another one by redis.%s",
    async (by) => {
      const group = new TestGroup(admin, { tenant: "acme" });
      await expect(runLimited(group.publishCall(["a"]))).resolves.toBeDefined();
      const spoiled = touching(group.publishCall(["a"]), `${group.keys.meta}2`, by);
      await expect(runLimited(spoiled)).rejects.toThrow(/denied: .*meta2/);
    },
  );
});

describe("a Cluster of three masters", () => {
  let servers: TestCluster;
  let cluster: Cluster;

  beforeAll(async () => {
    servers = await startCluster({ masters: 3 });
    cluster = new Cluster([servers.url], { redisOptions: { protocol: 2 } });
  });

  afterAll(async () => {
    cluster.disconnect();
    await servers.stop();
  });

  /** A tenant whose keys are on the master. */
  async function tenantOn(master: number): Promise<string> {
    for (;;) {
      const tenant = uniqueName("tenant");
      const slot = await cluster.cluster("KEYSLOT", tenant);
      if (Math.floor((slot * 3) / 16_384) === master) return tenant;
    }
  }

  test.each([0, 1, 2])("runs every script on every path for a tenant on master %d", async (master) => {
    const tenant = await tenantOn(master);
    expectEveryPath(await travel(cluster, (call) => run(cluster, call), { tenant }));
  });

  test("does so for a stream without a tenant", async () => {
    expectEveryPath(await travel(cluster, (call) => run(cluster, call), {}));
  });

  test("refuses a script that touches a key of another master", async () => {
    const [tenant, other] = [await tenantOn(0), await tenantOn(1)];
    const group = new TestGroup(cluster, { tenant });
    const elsewhere = new TestGroup(cluster, { tenant: other });
    const spoiled = touching(group.publishCall(["a"]), elsewhere.keys.meta, "call");
    await expect(run(cluster, spoiled)).rejects.toThrow(/non local key|same slot/);
  });
});
