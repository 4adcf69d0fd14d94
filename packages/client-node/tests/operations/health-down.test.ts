/** `health()` when something cannot be reached, read or asked. */
import { PROTOCOL } from "@sluice/lua-scripts";
import { type Health, type HealthCheck, PermissionError } from "@sluice/node";
import { describe, expect, it } from "vitest";
import {
  keysOf,
  type OrderBus,
  openBus,
  place,
  plainRedis,
  privateServer,
  refusal,
  started,
  until,
} from "./support.js";

function check(health: Health, name: string): HealthCheck | undefined {
  return health.checks.find((found) => found.name === name);
}

describe("down", () => {
  it("when the server has stopped, within the deadline, and up again when it is back", async () => {
    const server = await privateServer();
    const bus = await openBus({ redis: server.url, deadlineMs: 500 });
    await place(bus, "a");
    await server.kill();
    const health = await bus.health();
    expect(health).toMatchObject({
      status: "down",
      roundTripMs: 0,
      checks: [{ name: "connection", status: "down" }],
    });
    await server.restart();
    await until(async () => (await bus.health()).status !== "down");
  });

  it("when the server does not answer", async () => {
    const server = await privateServer();
    const bus = await openBus({ redis: server.url, deadlineMs: 300 });
    server.pause();
    try {
      expect(await bus.health()).toMatchObject({ status: "down", checks: [{ name: "connection" }] });
    } finally {
      server.resume();
    }
  });

  it("when the stream is of a newer protocol, and it says what to upgrade", async () => {
    const bus = await openBus();
    await place(bus, "a");
    await plainRedis().hset(keysOf(bus, "x").meta, "protocol", PROTOCOL + 1);
    const health = await bus.health();
    expect(health.status).toBe("down");
    expect(check(health, "protocol")).toMatchObject({
      status: "down",
      detail: expect.stringMatching(/protocol 2, this client of 1: upgrade/),
    });
  });

  it("when a key of the stream holds something else", async () => {
    const bus = await openBus();
    const { meta } = keysOf(bus, "x");
    await plainRedis().set(meta, "x");
    const health = await bus.health();
    expect(health.status).toBe("down");
    expect(check(health, "stream")?.detail).toContain(meta);
  });

  it("when the bus is closed", async () => {
    const bus = await openBus();
    await bus.close();
    expect(await bus.health()).toMatchObject({ status: "down" });
  });
});

describe("a user who may not ask everything", () => {
  async function as(user: string, ...rules: string[]): Promise<OrderBus> {
    const server = await privateServer({ args: ["--save", "900 1"] });
    await plainRedis(server.url).acl("SETUSER", user, "on", ">secret", "~*", ...rules);
    const url = new URL(server.url);
    url.username = user;
    url.password = "secret";
    return await openBus({ redis: url.href });
  }

  it("without INFO learns what is not known, and that the rest is ok", async () => {
    const bus = await as("limited", "+@all", "-info", "-config");
    await started(bus);
    const health = await bus.health();
    expect(health.status).toBe("ok");
    expect(check(health, "server")?.detail).toMatch(/INFO.*not known/);
    expect(check(health, "consumers:billing")).toMatchObject({ detail: "1 of 1 alive" });
    expect(check(health, "maxmemory-policy")).toBeUndefined();
  });

  it("without CONFIG still learns the policy; whether snapshots are made is not known", async () => {
    const bus = await as("limited", "+@all", "-config");
    const health = await bus.health();
    expect(health.status).toBe("ok");
    expect(check(health, "persistence")?.detail).toMatch(/not known/);
    expect(check(health, "maxmemory-policy")).toMatchObject({ detail: "noeviction" });
    expect(check(health, "lazy-expire")).toMatchObject({ status: "ok", detail: "not known" });
  });

  it("without a command that the scripts need is down, and told which", async () => {
    const bus = await as("limited", "+@all", "-xinfo");
    const health = await bus.health();
    expect(health.status).toBe("down");
    expect(check(health, "stream")?.detail).toMatch(/the user executing|ACL/i);
    // Not "there is none", which would be a false answer.
    expect(await refusal(() => bus.getStreamInfo())).toBeInstanceOf(PermissionError);
  });
});
