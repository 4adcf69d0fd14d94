/** `retire` removes consumers that are gone, and never one that has something pending. */
import { retireCall } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { retire } from "./operations/calls.js";
import { recovered, retry, skip, success } from "./support/attempts.js";
import { openGroup, TestGroup } from "./support/group.js";
import { stateOf } from "./support/look.js";
import { run, useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";

const redis = useRedis();

async function consumersOf(group: TestGroup): Promise<readonly string[]> {
  const reply = await redis.xinfo("CONSUMERS", group.keys.stream, group.name);
  return (reply as unknown[][]).map((about) => String(about[1])); // name, its value, and more
}

/** A group whose consumers c1 and c2 have read, and have nothing in hand. */
async function idleGroup(): Promise<TestGroup> {
  const group = await openGroup(redis);
  for (const consumer of ["c1", "c2"]) {
    const taken = await group.inHand(`of ${consumer}`, consumer);
    await group.settle(consumer, success(taken));
  }
  return group;
}

/** Lets a consumer have asked for nothing for so long, by the one clock that servers keep of it: their own. */
async function idleFor(group: TestGroup, consumer: string, ms: number): Promise<void> {
  for (;;) {
    const reply = await redis.xinfo("CONSUMERS", group.keys.stream, group.name);
    const about = (reply as unknown[][]).find((fields) => fields[1] === consumer);
    if (about === undefined || Number(about[5]) >= ms) return;
  }
}

describe("consumers with nothing pending", () => {
  test("go, with what is recorded of them, once they have been idle for the bound", async () => {
    const group = await idleGroup();
    await idleFor(group, "c1", 150);
    await group.recover("c2"); // is heard of
    expect(await retire(group, { idleMs: 150 })).toEqual(["c1"]);
    expect(await consumersOf(group)).toEqual(["c2"]);
    expect(await stateOf(group)).not.toHaveProperty("incarnation:c1");
    expect(await stateOf(group)).toHaveProperty("incarnation:c2");
  });

  test("are heard of at each recovery, also where a read that brings nothing does not count", async () => {
    const group = await openGroup(redis);
    expect(await consumersOf(group)).toEqual([]);
    await group.recover("c1");
    expect(await consumersOf(group)).toEqual(["c1"]);
    await idleFor(group, "c1", 50);
    await group.recover("c1");
    expect(await retire(group, { idleMs: 50 })).toEqual([]);
    expect(await group.pending()).toEqual([]);
  });

  test("stay as long as they are not idle for the bound", async () => {
    const group = await idleGroup();
    await unchanged(redis, group.allKeys, async () => {
      expect(await retire(group, { idleMs: 60_000 })).toEqual([]);
    });
  });

  test("go one by one where one is named", async () => {
    const group = await idleGroup();
    expect(await retire(group, { consumer: "c2" })).toEqual(["c2"]);
    expect(await consumersOf(group)).toEqual(["c1"]);
  });

  test("come back as they were by reading and opening again", async () => {
    const group = await idleGroup();
    await retire(group);
    expect(await group.refusal(group.recoverCall("c1"))).toEqual({ status: "NOGROUP" });
    await group.open({ mode: "REJOIN" });
    expect(await group.inHand("later")).toMatchObject({ verdict: "LEASED" });
  });
});

describe("a consumer with something pending stays, however long it has been idle", () => {
  test("an attempt in hand, and it can still settle it", async () => {
    const group = await openGroup(redis);
    const taken = await group.inHand("a");
    await idleFor(group, "c1", 20);
    expect(await retire(group)).toEqual([]);
    expect(await retire(group, { consumer: "c1" })).toEqual([]);
    expect(await retire(group, { consumer: "c1", incarnation: "c1-process" })).toEqual([]);
    expect(await group.settle("c1", success(taken))).toEqual(["SETTLED"]);
  });

  test("an entry that was delivered and not leased", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    await group.read("c2");
    expect(await retire(group)).toEqual([]);
    expect(await group.pending()).toHaveLength(1);
  });

  test("but not for what it has given up: waiting entries are nobody's", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", retry(await group.inHand("a"), 10_000));
    expect(await retire(group)).toEqual(["c1"]);
    expect(await group.pending()).toMatchObject([{ consumer: "/waiting" }]);
  });
});

test("the waiting entries' own consumer stays, also when nothing waits", async () => {
  const group = await openGroup(redis);
  await group.settle("c1", retry(await group.inHand("a")));
  const [again] = (await group.recover("c1")).leased;
  if (again) await group.settle("c1", skip(recovered(again)));
  await retire(group);
  expect(await consumersOf(group)).toEqual(["/waiting"]);
});

describe("with an incarnation", () => {
  test("a process removes itself, and nobody who has taken its name since", async () => {
    const group = await idleGroup();
    await group.open({ consumer: "c1", incarnation: "newer" });
    expect(await retire(group, { consumer: "c1", incarnation: "c1-process" })).toEqual([]);
    expect(await consumersOf(group)).toContain("c1");
    expect(await retire(group, { consumer: "c1", incarnation: "newer" })).toEqual(["c1"]);
  });

  test("a process that opened the group and never read leaves nothing behind", async () => {
    const group = await openGroup(redis);
    expect(await consumersOf(group)).toEqual([]);
    await retire(group, { consumer: "c1", incarnation: "newer" });
    expect(await stateOf(group)).toHaveProperty("incarnation:c1");
    await retire(group, { consumer: "c1", incarnation: "c1-process" });
    expect(await stateOf(group)).not.toHaveProperty("incarnation:c1");
    expect(await stateOf(group)).toHaveProperty("incarnation:c2");
  });
});

test("where the group is gone it answers NOGROUP and writes nothing", async () => {
  const group = await idleGroup();
  await redis.xgroup("DESTROY", group.keys.stream, group.name);
  const nowhere = new TestGroup(redis);
  for (const asked of [group, nowhere]) {
    await unchanged(redis, asked.allKeys, async () => {
      const call = retireCall(asked.keys, { group: asked.name, idleMs: 0 });
      expect(await run(redis, call)).toEqual(["NOGROUP"]);
    });
  }
});
