/** The adapter over a master that Sentinel names. */

import { startSentinels, uniqueName } from "@sluice/test-server";
import { Cluster, Redis } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import { command } from "../src/connection.js";
import { ringing, tracked } from "./ioredis-bells-support.js";
import { Opener } from "./ioredis-support.js";

const opener = new Opener({ Redis, Cluster });
/** A second until the Sentinels hold the master for down, a vote, and the replica's promotion. */
const deadlineMs = 20_000;

test("a connection through Sentinel goes on with the new master after a failover", {
  timeout: 60_000,
}, async () => {
  const set = await startSentinels();
  onTestFinished(() => set.stop());
  const sentinels = set.sentinels.map(({ host, port }) => ({ host, port }));
  const user = new Redis({ sentinels, name: set.masterName, lazyConnect: true });
  const connection = opener.on(user);
  const reconnected = vi.fn();
  connection.onReconnect(reconnected);
  const key = uniqueName("failover");
  expect(await command(connection, "SET", [key, "1"], { deadlineMs })).toBe("OK");
  expect(await command(connection, "WAIT", [1, 5_000], { deadlineMs })).toBe(1);
  await set.master.stop();
  const [reply] = await connection.send([{ kind: "command", name: "INCR", args: [key] }], { deadlineMs });
  // The first call may have been on its way when the master died.
  if (reply !== 2) expect(reply).toMatchObject({ code: "CONNECTION", maybeExecuted: true });
  expect(await command(connection, "GET", [key], { deadlineMs })).toBe("2");
  expect(reconnected).toHaveBeenCalledTimes(1);
});

test("bells ring at the new master after a failover that leaves the old one alive", {
  timeout: 60_000,
}, async () => {
  const set = await startSentinels();
  onTestFinished(() => set.stop());
  const sentinels = set.sentinels.map(({ host, port }) => ({ host, port }));
  const source = new Redis({ sentinels, name: set.masterName, lazyConnect: true });
  const connection = opener.on(source);
  const { heard } = await ringing(connection);
  const key = uniqueName("bells");
  await connection.send([tracked("XLEN", key)], { deadlineMs });
  const [sentinel] = set.sentinels;
  const admin = new Redis(sentinel?.url ?? "");
  onTestFinished(() => admin.disconnect());
  await admin.call("SENTINEL", ["FAILOVER", set.masterName]);
  await expect.poll(() => heard.deaf.length, { timeout: 30_000 }).toBeGreaterThan(1);
  const promoted = new Redis(set.replica.url);
  onTestFinished(() => promoted.disconnect());
  // The server that was promoted takes writes a little later than it is named.
  const ring = async () => {
    await connection.send([tracked("XLEN", key)], { deadlineMs });
    await promoted.xadd(key, "*", "x", "1").catch(() => {});
    return heard.rings;
  };
  await expect.poll(ring, { timeout: deadlineMs }).toContain(key);
});
