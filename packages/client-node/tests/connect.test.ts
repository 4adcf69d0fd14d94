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
  test.each([
    ["nothing", undefined],
    ["another scheme", "http://127.0.0.1:6379"],
    ["a host without a scheme", "127.0.0.1:6379"],
    ["a database that is no number", "redis://127.0.0.1/first"],
    ["an address that is no URL", "redis://:pass word@127.0.0.1:port"],
    ["a number", 6379],
    ["a list", ["redis://127.0.0.1"]],
    ["Sentinels without the master's name", { sentinels: [{ host: "127.0.0.1", port: 26_379 }] }],
    ["a prefix of keys", { keyPrefix: "app:" }],
    ["a prefix of keys in a URL", "redis://127.0.0.1/0?keyPrefix=app:"],
    ["a timeout of commands", { commandTimeout: 1_000 }],
  ])("%s as redis", async (_, redis) => {
    // Not what the types allow: that is the point.
    const refused = connect({ redis: redis as string, stream, events });
    await expect(refused).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(refused).rejects.toMatchObject({ option: expect.stringMatching(/^redis/) });
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
    for (const redis of [
      "redis://:hush@127.0.0.1/x",
      "http://user:hush@127.0.0.1",
      "redis://:hu/hush@127.0.0.1:x",
    ]) {
      const error = await connect({ redis, stream, events }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(inspect(error, { depth: null })).not.toContain("hush");
    }
  });
});

describe("connect fails", () => {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };

  test("within its deadline, naming host and port but no credentials, when nobody is there", async () => {
    const redis = "redis://user:hush@127.0.0.1:1/2";
    const startedAt = performance.now();
    const error = await connect({ redis, stream: "orders", events, deadlineMs: 300, logger: quiet }).catch(
      (error: unknown) => error,
    );
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/127\.0\.0\.1:1 within 300 ms .*ECONNREFUSED/),
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
    await expect(failed).rejects.toThrow(`127.0.0.1:${port} within 300 ms (it does not answer)`);
  });

  test("at once when the login is refused", async () => {
    const refused = url();
    refused.username = uniqueName("nobody");
    refused.password = "hush";
    const startedAt = performance.now();
    const error = await connect({ redis: refused.href, stream: "orders", events, logger: quiet }).catch(
      (error: unknown) => error,
    );
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(error).toBeInstanceOf(PermissionError);
    expect(inspect(error, { depth: null })).not.toContain("hush");
  });
});
