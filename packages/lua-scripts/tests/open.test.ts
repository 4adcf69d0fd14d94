/** open: a group is where it should be, with the settings it should have, for the process that should have the name. */
import type { GroupSettings } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { success } from "./support/attempts.js";
import { openGroup, SETTINGS, TestGroup } from "./support/group.js";
import { metaOf, stateOf } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { serverNow } from "./support/time.js";
import { busyGroup } from "./support/world.js";

const redis = useRedis();

describe("a group that is new", () => {
  test("begins with the first entry there is", async () => {
    const group = new TestGroup(redis);
    const before = await group.add("a", "b");
    expect(await group.open()).toMatchObject({ how: "CREATED", lowWaterId: "0-0" });
    expect(await group.read()).toEqual(before);
  });

  test("begins behind the entry it is told", async () => {
    const group = new TestGroup(redis);
    const [a, b] = await group.add("a", "b");
    expect(await group.open({ startFrom: a?.id ?? "" })).toMatchObject({ how: "CREATED", lowWaterId: a?.id });
    expect(await group.read()).toEqual([b]);
  });

  test("begins behind the last one when told $", async () => {
    const group = new TestGroup(redis);
    const [, b] = await group.add("a", "b");
    expect(await group.open({ startFrom: "$" })).toMatchObject({ how: "CREATED", lowWaterId: b?.id });
    expect(await group.read()).toEqual([]);
    expect(await group.add("c")).toEqual(await group.read());
  });

  test("comes with its stream, and with all that the others need", async () => {
    const group = new TestGroup(redis);
    const reply = await group.open({ startFrom: "$" });
    expect(Math.abs(reply.now - (await serverNow(group)))).toBeLessThan(5_000);
    expect(await redis.xlen(group.keys.stream)).toBe(0);
    expect(await metaOf(group)).toEqual({ protocol: "1", "group:billing": "0-0" });
    expect(await stateOf(group)).toEqual({
      idempotencyTtlMs: "60000",
      leaseMs: "30000",
      maxAttempts: "3",
      "incarnation:c1": "c1-process",
      balance: "0|0|0|0|0|0-0|0-0|0-0",
      ringIndex: "0",
      ringWidth: "20000",
      ringOpenedAt: expect.stringMatching(/^\d{13}$/),
    });
  });

  test("of a stream that others have groups of stands beside them", async () => {
    const group = await openGroup(redis);
    const entries = await group.add("a");
    const other = await group.sibling("shipping");
    expect(await group.read()).toEqual(entries);
    expect(await other.read()).toEqual(entries);
    expect(Object.keys(await metaOf(group)).sort()).toEqual(["group:billing", "group:shipping", "protocol"]);
  });
});

describe("a group that is there", () => {
  test("is joined where it is, with nothing lost or read again", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    expect(await group.open({ consumer: "c3", startFrom: "$" })).toMatchObject({
      how: "JOINED",
      lowWaterId: "0-0",
    });
    expect(await group.settle("c1", success(a))).toEqual(["SETTLED"]);
    expect(await group.add("b")).toEqual(await group.read("c3"));
  });

  test("is joined also if somebody else made it, and is registered then", async () => {
    const group = new TestGroup(redis);
    const [a, b] = await group.add("a", "b", "c");
    await redis.xgroup("CREATE", group.keys.stream, group.name, a?.id ?? "");
    expect(await group.open()).toMatchObject({ how: "JOINED", lowWaterId: a?.id });
    expect((await group.read("c1", 1))[0]).toEqual(b);
    expect(await metaOf(group)).toMatchObject({ "group:billing": a?.id });
  });
});

describe("settings", () => {
  const others: GroupSettings = { idempotencyTtlMs: 1_000, leaseMs: 2_000, maxAttempts: 7 };
  const each = Object.entries(others) as [keyof GroupSettings, number][];

  test.each(each)("refuse another %s, naming both values, and change nothing", async (setting, asked) => {
    const { group } = await busyGroup(redis);
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.refusal(group.openCall({ [setting]: asked, consumer: "c9" }))).toEqual({
        status: "SETTINGS",
        differences: [{ setting, recorded: SETTINGS[setting], asked }],
      });
    });
  });

  test("name every one that differs", async () => {
    const group = await openGroup(redis);
    const refusal = await group.refusal(group.openCall(others));
    expect(refusal).toEqual({
      status: "SETTINGS",
      differences: each.map(([setting, asked]) => ({ setting, recorded: SETTINGS[setting], asked })),
    });
  });

  test("are changed where that is asked, and hold from then on", async () => {
    const group = await openGroup(redis);
    expect(await group.open({ ...others, change: true })).toMatchObject({ how: "JOINED" });
    expect(await stateOf(group)).toMatchObject({
      idempotencyTtlMs: "1000",
      leaseMs: "2000",
      maxAttempts: "7",
    });
    expect(await group.open(others)).toMatchObject({ how: "JOINED" });
    expect(await group.refusal(group.openCall())).toMatchObject({ status: "SETTINGS" });
  });

  test("belong to one group", async () => {
    const group = await openGroup(redis);
    const other = new TestGroup(redis, { group: "shipping", stream: group.stream, ...others });
    expect(await other.open()).toMatchObject({ how: "CREATED" });
    expect(await group.open()).toMatchObject({ how: "JOINED" });
  });
});

describe("a consumer's name", () => {
  test("goes to the newest process that takes it, and the older one's every call but release is SUPERSEDED", async () => {
    const { group, inHand, delivered } = await busyGroup(redis);
    await group.open({ consumer: "c1", incarnation: "newer" });
    const calls = [
      group.leaseCall("c1", delivered),
      group.settleCall("c1", [success(inHand[0])]),
      group.recoverCall("c1"),
      group.extendCall("c1", [inHand[0]]),
      group.openCall({ consumer: "c1", mode: "REJOIN" }),
    ];
    await unchanged(redis, group.allKeys, async () => {
      for (const call of calls)
        expect(await group.refusal(call), call.script.name).toEqual({ status: "SUPERSEDED" });
    });
  });

  test("is kept by a process that joins again, and leaves other consumers alone", async () => {
    const group = await openGroup(redis);
    expect(await group.open({ consumer: "c1", mode: "REJOIN" })).toMatchObject({ how: "JOINED" });
    const a = await group.inHand("a", "c2");
    await group.open({ consumer: "c1", incarnation: "newer" });
    expect(await group.settle("c2", success(a))).toEqual(["SETTLED"]);
  });

  test("is there for a process that rejoins a group whose records are gone", async () => {
    const group = await openGroup(redis);
    await redis.del(group.keys.state);
    expect(await group.refusal(group.recoverCall("c1"))).toEqual({ status: "NOGROUP" });
    expect(await group.open({ mode: "REJOIN" })).toMatchObject({ how: "JOINED" });
    expect(await group.recover()).toMatchObject({ status: "OK" });
  });
});
