/**
 * `connect()`: from a URL, options or an instance to a bus that works, or to an error that says what is
 * wrong.
 */

import net from "node:net";
import { inspect } from "node:util";
import {
  ConnectionError,
  type ConnectOptions,
  connect,
  defineEvents,
  InvalidNameError,
  InvalidOptionError,
  PermissionError,
  withTenant,
} from "@sluice/node";
import { sharedServerUrl, startCluster, startServer, uniqueName } from "@sluice/test-server";
import { Cluster, Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";

const events = defineEvents({ "order.placed": z.object({ orderId: z.string() }) });
const order = { orderId: "o1" };

// The name is not written out, so that types are not looked for.
const IOREDIS_5 = "ioredis5";

function url(): URL {
  return new URL(sharedServerUrl());
}

async function publishOne(redis: ConnectOptions<typeof events.schemas>["redis"]): Promise<string> {
  await using bus = await connect({ redis, stream: uniqueName("orders"), events });
  const { id, duplicate } = await bus.publish("order.placed", order);
  expect(duplicate).toBe(false);
  return id;
}

describe("connect takes", () => {
  test("a URL", async () => {
    expect(await publishOne(sharedServerUrl())).toMatch(/^\d+-\d+$/);
  });

  test("options of ioredis", async () => {
    const { hostname, port, username, password } = url();
    const options = { host: hostname, port: Number(port), username, password };
    expect(await publishOne(options)).toMatch(/^\d+-\d+$/);
  });

  test("a URL object, and schemes and hosts in either case", async () => {
    expect(await publishOne(url())).toMatch(/^\d+-\d+$/);
    expect(await publishOne(sharedServerUrl().replace("redis://", "REDIS://"))).toMatch(/^\d+-\d+$/);
  });

  test("a user and a password with every character that has a meaning in URLs, percent-encoded", async () => {
    const admin = new Redis(sharedServerUrl());
    onTestFinished(() => admin.disconnect());
    const [user, password] = [uniqueName("user"), "#?@/%:&= +é"];
    await admin.call("ACL", ["SETUSER", user, "on", `>${password}`, "~*", "&*", "+@all"]);
    const withUser = `redis://${user}:${encodeURIComponent(password)}@${url().host}`;
    expect(await publishOne(withUser)).toMatch(/^\d+-\d+$/);
    expect(await publishOne(new URL(withUser))).toMatch(/^\d+-\d+$/);
    await admin.call("ACL", ["DELUSER", user]);
  });

  test("the path of a socket", async () => {
    const server = await startServer({ args: ["--unixsocket", "redis.sock"] });
    onTestFinished(() => server.stop());
    const admin = new Redis(server.url);
    onTestFinished(() => admin.disconnect());
    const dir = (await admin.config("GET", "dir")) as string[];
    expect(await publishOne(`${dir[1]}/redis.sock`)).toMatch(/^\d+-\d+$/);
  });

  test("a Redis of the user's, which stays as it was", async () => {
    const idle = new Redis(sharedServerUrl(), { lazyConnect: true });
    expect(await publishOne(idle)).toMatch(/^\d+-\d+$/);
    expect(idle.status).toBe("wait");
    const used = new Redis(sharedServerUrl());
    onTestFinished(() => used.disconnect());
    await used.ping();
    expect(await publishOne(used)).toMatch(/^\d+-\d+$/);
    expect(await used.ping()).toBe("PONG");
  });

  test("a Cluster of the user's, which stays as it was", async () => {
    const servers = await startCluster();
    onTestFinished(() => servers.stop());
    const cluster = new Cluster([servers.url]);
    onTestFinished(() => cluster.disconnect());
    expect(await publishOne(cluster)).toMatch(/^\d+-\d+$/);
    expect(await cluster.set("k", "v")).toBe("OK");
  });

  test("a tenancy, and the tenant of the code that calls", async () => {
    const stream = uniqueName("orders");
    const tenant = uniqueName("acme");
    await using bus = await connect({ redis: sharedServerUrl(), stream, events, tenancy: "multi" });
    const named = await bus.tenant(tenant).publish("order.placed", order, { idempotencyKey: "k" });
    const again = await withTenant(tenant, () => bus.publish("order.placed", order, { idempotencyKey: "k" }));
    expect(again).toEqual({ ...named, duplicate: true });
  });
});

describe("connect refuses, before it connects", () => {
  const stream = "orders";
  const address = "127.0.0.1:6379";

  // What was found, the option that is named, and what the text has to say.
  const cases: readonly (readonly [string, unknown, string, RegExp])[] = [
    ["nothing", undefined, "redis", /undefined/],
    ["another scheme", "http://127.0.0.1:6379", "redis", /"http:/],
    ["a host without a scheme", address, "redis", /"127\.0\.0\.1:6379"/],
    ["a URL without a scheme", `//${address}`, "redis", /wanted a URL/],
    [
      "TLS in the words of another library",
      `redis+tls://${address}`,
      "redis",
      /rediss:\/\/ ?.* place of .* redis\+tls:/,
    ],
    [
      "a socket in the words of another library",
      "unix:///run/redis.sock",
      "redis",
      /path of the socket alone/,
    ],
    ["a database that is no number", "redis://127.0.0.1/first", "redis", /number of a database/],
    ["an address that is no URL", "redis://:pass word@127.0.0.1:port", "redis", /credentials/],
    ["a port that is none", "redis://127.0.0.1:0", "redis", /port from 1/],
    ["an option of ioredis in a URL", "redis://127.0.0.1/0?keyPrefix=app:", "redis.keyPrefix", /query/],
    ["an option of ioredis in a socket's path", "/run/redis.sock?tls=true", "redis.tls", /query/],
    ["a number", 6379, "redis", /6379|a number/],
    ["a list", ["redis://127.0.0.1"], "redis", /an array/],
    ["a promise", Promise.resolve(`redis://${address}`), "redis", /await the promise/],
    ["a promise of a Redis", Promise.resolve(new Redis({ lazyConnect: true })), "redis", /await/],
    ["an instance of a class", new Map([["host", "127.0.0.1"]]), "redis", /instance of Map/],
    ["options that say nothing of where", {}, "redis", /nothing says where/],
    ["a password alone", { password: "hush" }, "redis", /nothing says where/],
    ["a host that is not set", { host: undefined, port: 6379 }, "redis.host", /undefined .* localhost/],
    ["the url of node-redis", { url: `redis://${address}` }, "redis.url", /the URL itself/],
    ["the socket of node-redis", { socket: { host: "127.0.0.1" } }, "redis.socket", /host, port and tls/],
    ["the connection of BullMQ", { connection: { host: "127.0.0.1" } }, "redis.connection", /itself/],
    ["the nodes of a Cluster", { nodes: [address] }, "redis.nodes", /Cluster of ioredis/],
    [
      "the root nodes of node-redis",
      { rootNodes: [{ url: `redis://${address}` }] },
      "redis.rootNodes",
      /Cluster/,
    ],
    ["a client of node-redis", nodeRedisClient(), "redis", /another library/],
    ["a misspelt option", { host: "127.0.0.1", pasword: "hush" }, "redis.pasword", /did you mean password\?/],
    ["an option in another case", { Host: "127.0.0.1" }, "redis.Host", /did you mean host\?/],
    ["a port out of range", { host: "127.0.0.1", port: 70_000 }, "redis.port", /70000 .* 65535/],
    ["TLS by a word", { host: "127.0.0.1", tls: "yes" }, "redis.tls", /tls\.connect/],
    [
      "a misspelt option of TLS",
      { host: "127.0.0.1", tls: { rejectUnauthorised: false } },
      "redis.tls.rejectUnauthorised",
      /rejectUnauthorized\?/,
    ],
    ["another host in TLS", { host: "127.0.0.1", tls: { host: "elsewhere" } }, "redis.tls.host", /beside/],
    ["Sentinels without the master's name", { sentinels: [{ host: "127.0.0.1" }] }, "redis.name", /master/],
    ["a Sentinel as a text", { sentinels: [address], name: "m" }, "redis.sentinels[0]", /host, port/],
    [
      "a misspelt option of a Sentinel",
      { sentinels: [{ host: "127.0.0.1", prot: 1 }], name: "m" },
      "redis.sentinels[0].prot",
      /port\?/,
    ],
    ["no Sentinels", { sentinels: [], name: "m" }, "redis.sentinels", /at least one/],
    ["a table of addresses that is none", { host: "h", natMap: "h:1" }, "redis.natMap", /table/],
    ["a prefix of keys", { host: "127.0.0.1", keyPrefix: "app:" }, "redis.keyPrefix", /prefix/],
    [
      "a timeout of commands",
      { host: "127.0.0.1", commandTimeout: 1_000 },
      "redis.commandTimeout",
      /deadlineMs/,
    ],
  ];
  test.each(cases)("%s as redis, naming what was found", async (_, redis, option, text) => {
    // Not what the types allow: that is the point.
    const refused = connect({ redis: redis as string, stream, events });
    await expect(refused).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(refused).rejects.toMatchObject({ option, message: expect.stringMatching(text) });
  });

  test("no option that either major of ioredis has", async () => {
    for (const { Redis: Any } of [await import("ioredis"), await import(IOREDIS_5)]) {
      const defaults = { ...new Any({ lazyConnect: true }).options, lazyConnect: true };
      expect(Object.keys(defaults).length).toBeGreaterThan(20);
      const refused = connect({ redis: { ...defaults, commandTimeout: 1 }, stream, events });
      await expect(refused).rejects.toMatchObject({ option: "redis.commandTimeout" });
    }
  });

  test.each([
    ["other signals than it can drain at", ["SIGHUP"], "signals"],
    ["a signal that is no list", "SIGTERM", "signals"],
    ["other signals in an object", { on: ["SIGHUP"] }, "signals.on"],
    ["an end that there is not", { exit: 0 }, "signals.exit"],
    ["a misspelt part", { exits: "signal" }, "signals.exits"],
  ])("%s", async (_, signals, option) => {
    const refused = connect({ redis: sharedServerUrl(), stream, events, signals: signals as never });
    await expect(refused).rejects.toMatchObject({ code: "INVALID_OPTION", option });
  });

  test("options of the bus, and leaves no connection behind", async () => {
    const nowhere = "redis://127.0.0.1:1";
    const badStream = connect({ redis: nowhere, stream: "a/b", events });
    await expect(badStream).rejects.toBeInstanceOf(InvalidNameError);
    const badDeadline = connect({ redis: nowhere, stream, events, deadlineMs: 0 });
    await expect(badDeadline).rejects.toMatchObject({ code: "INVALID_OPTION", option: "deadlineMs" });
  });

  test("without showing a password", async () => {
    const badPorts = { host: "127.0.0.1", port: 0, password: "hush12" };
    for (const redis of [
      "redis://:hush12@127.0.0.1/x",
      "http://user:hush12@127.0.0.1",
      "REDISS+TLS://user:hush12@127.0.0.1",
      "redis://user:hush12@127.0.0.1:0",
      "redis://user:hush12@127.0.0.1?password=hush12",
      badPorts,
      { url: "redis://:hush12@127.0.0.1" },
      { host: "127.0.0.1", passwort: "hush12" },
      { host: "127.0.0.1", auth: "hush12" },
      { sentinels: ["user:hush12@127.0.0.1"], name: "m" },
    ]) {
      const error = await connect({ redis: redis as string, stream, events }).catch(
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain("hush12");
    }
    const misplaced = await connect({
      redis: "redis://127.0.0.1",
      stream,
      events,
      ...{ password: "hush12" },
    }).catch((error: unknown) => error);
    expect(inspect(misplaced, { depth: null, showHidden: true })).not.toContain("hush12");
  });

  test.each(["#", "?", "/", "@", "%"])(
    "a raw %s in a password, saying how to write it and showing no part of the password",
    async (raw) => {
      // Whole, or such that what comes before it looks like a port.
      for (const password of [`hush${raw}hush`, `12${raw}hush`, `12${raw}34`, `${raw}hush`, `hush${raw}`]) {
        // This is encoded as it should be.
        if (password === "12%34") continue;
        const redis = `redis://user:${password}@127.0.0.1:6379/0`;
        const error = await connect({ redis, stream, events }).catch((error: unknown) => error);
        expect(error).toMatchObject({ code: "INVALID_OPTION", option: "redis" });
        expect(error).toMatchObject({ message: expect.stringMatching(/percent-encoded/) });
        const shown = inspect(error, { depth: null, showHidden: true });
        expect(shown).not.toContain("hush");
        expect(shown).not.toContain("user:12");
      }
    },
  );
});

/** As much of a client of node-redis as tells it from options. */
function nodeRedisClient(): object {
  const options = { url: "redis://127.0.0.1:6379" };
  return { options, isOpen: false, connect() {}, duplicate() {}, sendCommand() {}, on() {}, disconnect() {} };
}

describe("connect fails", () => {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };

  test("within its deadline, naming host and port but no credentials, when nobody is there", async () => {
    const redis = "redis://user:hush@127.0.0.1:1/2";
    const error = await connect({ redis, stream: "orders", events, deadlineMs: 300, logger: quiet }).catch(
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /^cannot reach Redis at 127\.0\.0\.1:1 within 300 ms: connection refused; check /,
      ),
      maybeExecuted: false,
    });
    expect(inspect(error, { depth: null })).not.toContain("hush");
  });

  test("naming all nodes when no node of a Cluster is there", async () => {
    const cluster = new Cluster(["redis://user:hush@127.0.0.1:1", { host: "127.0.0.1", port: 2 }, 3], {
      lazyConnect: true,
    });
    const error = await connect({
      redis: cluster,
      stream: "orders",
      events,
      deadlineMs: 300,
      logger: quiet,
    }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/127\.0\.0\.1:1, 127\.0\.0\.1:2, 127\.0\.0\.1:3 within/),
    });
    expect(inspect(error, { depth: null })).not.toContain("hush");
  });

  test("within its deadline, when something listens that does not answer", async () => {
    const server = net.createServer(() => {}).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.close();
    });
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as net.AddressInfo;
    const redis = `redis://127.0.0.1:${port}`;
    const failed = connect({ redis, stream: "orders", events, deadlineMs: 300, logger: quiet });
    await expect(failed).rejects.toThrow(`127.0.0.1:${port} within 300 ms: it does not answer`);
  });

  test("at once when the login is refused", async () => {
    const refused = url();
    refused.username = uniqueName("nobody");
    refused.password = "hush";
    // The deadline is longer than the test may take.
    const options = { stream: "orders", events, deadlineMs: 600_000, logger: quiet };
    const error = await connect({ redis: refused.href, ...options }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(PermissionError);
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /^log in to Redis at 127\.0\.0\.1:\d+: .* WRONGPASS .*; check the user name and/,
      ),
    });
    // Once: the text of the server is in the message.
    expect(inspect(error, { depth: null }).match(/WRONGPASS/g)).toHaveLength(1);
    expect(inspect(error, { depth: null })).not.toContain("hush");
  });
});
