/** `getStreamInfo()` and `health()` of streams with many groups: all of them, in calls that are bounded. */
import { INFO_GROUPS } from "@sluice/lua-scripts";
import type { Redis } from "ioredis";
import { expect, it } from "vitest";
import { keysOf, openBus, plainRedis, privateServer } from "./support.js";

/** What the calls of one look were, by what the server has seen: scripts, and the entries that they asked for. */
async function watched(redis: Redis, look: () => Promise<unknown>) {
  const monitor = await redis.monitor();
  const calls: { groups: number; entries: number }[] = [];
  const ended = new Promise<void>((resolve) => {
    monitor.on("monitor", (_time: string, [name = "", ...args]: string[]) => {
      const command = name.toUpperCase();
      const last = calls.at(-1);
      if (/^EVAL/.test(command)) calls.push({ groups: 0, entries: 0 });
      else if (command === "XREVRANGE" || command === "XRANGE") {
        if (last) last.entries += Number(args[args.indexOf("COUNT") + 1]);
      } else if (command === "ZCARD" && last) last.groups += 1;
      else if (command === "ECHO") resolve();
    });
  });
  await look();
  await redis.echo("the end");
  await ended;
  monitor.disconnect();
  return calls;
}

/** Groups that were given the first few of 3,000 entries, one of which was removed in the middle. */
async function manyGroups(redis: Redis, stream: string, count: number): Promise<string[]> {
  const pipeline = redis.pipeline();
  for (let n = 1; n <= 3_000; n++) pipeline.xadd(stream, `${n}-0`, "a", "b");
  pipeline.xdel(stream, "1500-0");
  const names = Array.from({ length: count }, (_, n) => `g${n}`);
  for (const [n, name] of names.entries()) pipeline.xgroup("CREATE", stream, name, `${2_900 - n}-0`);
  await pipeline.exec();
  return names.sort();
}

it.each([3, 100, 250, 1_234])(
  "of %d groups all are told, by calls that describe a hundred and count a thousand entries at most",
  async (count) => {
    const server = await privateServer();
    const redis = plainRedis(server.url);
    const bus = await openBus({ redis: server.url });
    const names = await manyGroups(redis, keysOf(bus, "x").stream, count);
    const looks = [() => bus.getStreamInfo(), () => bus.health()];
    for (const look of looks) await look(); // the scripts are loaded, and the groups known
    for (const look of looks) {
      const calls = await watched(redis, look);
      expect(calls).toHaveLength(Math.ceil(count / INFO_GROUPS));
      expect(calls.reduce((sum, { groups }) => sum + groups, 0)).toBe(count);
      for (const { groups, entries } of calls) {
        expect(groups).toBeLessThanOrEqual(INFO_GROUPS);
        expect(entries).toBeLessThanOrEqual(1_000);
      }
    }
    const { groups } = await bus.getStreamInfo();
    expect(groups.map(({ name }) => name).sort()).toEqual(names);
    for (const { name, lag, lagExact } of groups) {
      const behind = 100 + Number(name.slice(1));
      // What lies further back than a thousand entries is not counted, and not said to be.
      if (lagExact) expect([name, lag]).toEqual([name, behind]);
      expect([name, lagExact]).toEqual([name, behind < 1_000]);
    }
    const checks = (await bus.health()).checks.filter(({ name }) => name.startsWith("group:"));
    expect(checks).toHaveLength(count);
  },
);

it("groups that come, and groups that go, are in the next look, and out of it", async () => {
  const bus = await openBus();
  const redis = plainRedis();
  const { stream } = keysOf(bus, "x");
  const create = async (from: number, to: number) => {
    const pipeline = redis.pipeline();
    for (let n = from; n < to; n++) pipeline.xgroup("CREATE", stream, `g${n}`, "$", "MKSTREAM");
    await pipeline.exec();
  };
  const names = async () => (await bus.getStreamInfo()).groups.length;
  await create(0, 99);
  expect(await names()).toBe(99);
  await create(99, 102);
  expect(await names()).toBe(102);
  await create(102, 305);
  expect(await names()).toBe(305);
  const pipeline = redis.pipeline();
  for (let n = 0; n < 300; n++) pipeline.xgroup("DESTROY", stream, `g${n}`);
  await pipeline.exec();
  expect(await names()).toBe(5);
});
