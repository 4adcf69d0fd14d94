/** `replay` gives dead letters back to their group, once, and to no other. */
import { replayCall } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { letterIds, replay, trim } from "./operations/calls.js";
import { live } from "./operations/live.js";
import { placesOf } from "./operations/places.js";
import { failure, numberOf, recovered, skip, success } from "./support/attempts.js";
import { openGroup, type Taken, type TestGroup } from "./support/group.js";
import { entriesOf, keysIn, lettersOf, processedIn, waitingIn } from "./support/look.js";
import { run, useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { serverNow } from "./support/time.js";

const redis = useRedis();

/** A dead letter: its own ID, and the attempt that failed. */
async function die(group: TestGroup, taken: Taken): Promise<string> {
  await group.settle("c1", failure(taken));
  return letterOf(group, taken.id);
}

async function letterOf(group: TestGroup, entryId: string): Promise<string> {
  const letter = (await letterIds(group)).get(entryId);
  if (letter === undefined) throw new Error(`no dead letter of entry ${entryId}`);
  return letter;
}

/** Takes an entry that is not in our layout: clients know it by its ID alone. */
async function takeForeign(group: TestGroup): Promise<Taken> {
  const entries = (await group.read()).map(({ id }) => ({ id, key: "" }));
  const [taken] = await group.lease("c1", entries);
  if (taken?.verdict !== "LEASED") throw new Error(`lease of a foreign entry: ${taken?.verdict}`);
  return taken;
}

/** What recovery gives c1 to handle. */
async function due(group: TestGroup): Promise<readonly Taken[]> {
  return (await group.recover("c1", { scope: "DUE", ownAfter: undefined })).leased.map(recovered);
}

describe("an entry that is in the stream", () => {
  test("is due in its old place, as a first attempt, under its key", async () => {
    const group = await openGroup(redis);
    const taken = await group.inHand("a");
    const letter = await die(group, taken);
    const before = await serverNow(group);
    expect(await replay(group, letter)).toEqual([taken.id]);

    expect(await lettersOf(group)).toEqual([]);
    expect(await processedIn(group)).toEqual([]);
    expect((await waitingIn(group)).get(taken.id)).toBeGreaterThanOrEqual(before);
    expect(await group.pending()).toMatchObject([{ id: taken.id, consumer: "/waiting", attempts: 1 }]);
    const [again] = await due(group);
    expect(again).toMatchObject({ id: taken.id, key: "a" });
    expect(again && numberOf(again)).toBe(1);
  });

  test("is seen by no other group", async () => {
    const group = await openGroup(redis);
    const other = await group.sibling("other");
    const letter = await die(group, await group.inHand("a"));
    const [theirs] = await other.take();
    if (theirs) await other.settle("c1", success(theirs));
    await replay(group, letter);
    expect(await other.read()).toEqual([]);
    expect(await due(other)).toEqual([]);
    expect(await keysIn(group)).toEqual(["a"]);
  });

  test("can die again, and be replayed again", async () => {
    const group = await openGroup(redis);
    let taken: Taken | undefined = await group.inHand("a");
    for (let n = 0; n < 3 && taken; n++) {
      const letter = await die(group, taken);
      expect(await letterIds(group)).toHaveProperty("size", 1);
      await replay(group, letter);
      [taken] = await due(group);
    }
    expect(taken).toBeDefined();
    if (taken) expect(await group.settle("c1", success(taken))).toEqual(["SETTLED"]);
    expect(await processedIn(group)).toEqual(["a"]);
  });

  test("runs again in a group that was lost; one that was not replayed does not", async () => {
    const group = await openGroup(redis);
    await group.add("replayed", "left");
    const [first, second] = await group.take();
    if (!(first && second)) throw new Error("nothing was delivered");
    const letter = await die(group, first);
    await die(group, second);
    await replay(group, letter);
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await group.open({ mode: "REJOIN" });
    expect((await group.take()).map(({ key, verdict }) => [key, verdict])).toEqual([
      ["replayed", "LEASED"],
      ["left", "DUPLICATE"],
    ]);
  });

  test("is not lost with the group, also before the group's next recovery", async () => {
    const group = await openGroup(redis);
    const letter = await die(group, await group.inHand("a"));
    await group.recover("c1"); // records that everything is settled
    await replay(group, letter);
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    expect(await trim(group)).toMatchObject({ dropped: 0 });
    await group.open({ mode: "REJOIN" });
    expect((await group.take()).map(({ key, verdict }) => [key, verdict])).toEqual([["a", "LEASED"]]);
  });

  test("is a duplicate if its key was handled meanwhile", async () => {
    const group = await openGroup(redis);
    const letter = await die(group, await group.inHand("a"));
    await group.settle("c1", success(await group.inHand("a")));
    await replay(group, letter);
    expect((await group.recover("c1")).counts).toMatchObject({ duplicates: 1 });
    expect(await group.pending()).toEqual([]);
  });

  test("need not be in our layout", async () => {
    const group = await openGroup(redis);
    const fields = Array.from({ length: 5_000 }, (_, n) => [`field ${n}`, `${n}`]).flat();
    for (const layout of [["a", "b"], ["key", "k", "event", "{}", "key", "k2"], fields]) {
      const id = await redis.xadd(group.keys.stream, "*", ...layout);
      expect(await replay(group, await die(group, await takeForeign(group)))).toEqual([id]);
      const [again] = await due(group);
      if (again) await group.settle("c1", skip({ ...again, key: "" }));
    }
    expect(await group.pending()).toEqual([]);
  });
});

describe("an entry that a group is given again, since it was lost and made again", () => {
  /** A group that is made again before two dead letters, and another one that has settled both. */
  async function madeAgain(): Promise<{ readonly slow: TestGroup; readonly letter: string }> {
    const fast = await openGroup(redis, { group: "fast" });
    const slow = await fast.sibling("slow");
    await fast.add("a", "b");
    await fast.settle("c1", ...(await fast.take()).map((taken) => success(taken)));
    const [a, b] = await slow.take();
    if (!(a && b)) throw new Error("nothing was delivered");
    const first = await die(slow, a);
    const letter = await die(slow, b);
    await replay(slow, first);
    await redis.xgroup("DESTROY", slow.keys.stream, slow.name);
    await slow.open({ mode: "REJOIN" });
    return { slow, letter };
  }

  test("is given once, and what comes before it is not trimmed away", async () => {
    const { slow, letter } = await madeAgain();
    await replay(slow, letter);
    expect(await trim(slow)).toMatchObject({ dropped: 0 });
    expect(await due(slow)).toEqual([]);
    const taken = await slow.take();
    expect(taken.map(({ key, verdict }) => [key, verdict])).toEqual([
      ["a", "LEASED"],
      ["b", "LEASED"],
    ]);
    await slow.settle("c1", ...taken.map((attempt) => success(attempt)));
    expect((await slow.recover("c1")).counts).toMatchObject({ trimmed: 0, duplicates: 0, retried: 0 });
    expect(await trim(slow)).toMatchObject({ dropped: 2 });
  });

  test("stays with the consumer that it was given to, and is not lost", async () => {
    const { slow, letter } = await madeAgain();
    const entries = await slow.read("c1");
    await replay(slow, letter);
    const taken = await slow.lease("c1", entries);
    expect(taken.map(({ key, verdict }) => [key, verdict])).toEqual([
      ["a", "LEASED"],
      ["b", "LEASED"],
    ]);
    await slow.settle("c1", ...taken.map((attempt) => success(attempt)));
    expect((await slow.recover("c1")).counts).toMatchObject({ trimmed: 0, duplicates: 0, retried: 0 });
  });
});

describe("an entry that is gone from the stream", () => {
  /** A letter whose entry was trimmed away. */
  async function trimmedAway(group: TestGroup, taken: Taken): Promise<string> {
    const letter = await die(group, taken);
    await trim(group);
    expect(await redis.exists(group.keys.stream)).toBe(1);
    expect((await entriesOf(group)).map(({ id }) => id)).not.toContain(taken.id);
    return letter;
  }

  test("is added again, with the group as a third field and the rest as it was", async () => {
    const group = await openGroup(redis, { tenant: "acme" });
    const letter = await trimmedAway(group, await group.inHand("a"));
    const [id] = await replay(group, letter);
    expect(await entriesOf(group)).toEqual([
      { id, fields: ["key", "a", "event", '{"about":"a"}', "group", "billing"] },
    ]);
    expect(await lettersOf(group)).toEqual([]);
    expect(await processedIn(group)).toEqual([]);
    expect((await group.take()).map(({ id, key, verdict }) => [id, key, verdict])).toEqual([
      [id, "a", "LEASED"],
    ]);
  });

  test("is for other groups to acknowledge without marking its key", async () => {
    const group = await openGroup(redis);
    const other = await group.sibling("other");
    const taken = await group.inHand("a");
    const [theirs] = await other.take();
    // The other group has not handled this key, so its scripts would lease it.
    if (theirs) await other.settle("c1", failure(theirs));
    const letter = await trimmedAway(group, taken);
    await replay(group, letter);
    const [seen] = await other.take();
    expect(seen).toMatchObject({ key: "a", verdict: "LEASED" });
    if (seen) await other.settle("c1", skip(seen));
    expect(await processedIn(other)).toEqual([`#${taken.id}`]);
    expect((await group.take()).map(({ verdict }) => verdict)).toEqual(["LEASED"]);
  });

  test("has one third field however often it dies, is trimmed away and replayed", async () => {
    const group = await openGroup(redis);
    let taken: Taken | undefined = await group.inHand("a");
    for (let n = 0; n < 3 && taken; n++) {
      await replay(group, await trimmedAway(group, taken));
      [taken] = await group.take();
      expect(taken).toMatchObject({ key: "a", verdict: "LEASED" });
    }
    expect((await entriesOf(group))[0]?.fields).toHaveLength(6);
  });

  test("keeps its letter if it was gone before it died", async () => {
    const group = await openGroup(redis);
    const taken = await group.inHand("a");
    await redis.xdel(group.keys.stream, taken.id);
    const letter = await die(group, taken);
    await unchanged(redis, group.allKeys, async () => {
      expect(await replay(group, letter)).toEqual([undefined]);
    });
  });

  test("keeps its letter if it is not in our layout: it would die again in every group", async () => {
    const group = await openGroup(redis);
    const many = Array.from({ length: 5_000 }, (_, n) => [`field ${n}`, `${n}`]).flat();
    for (const layout of [["a", "b"], ["key", "k\u0001", "event", "{}"], many]) {
      await redis.xadd(group.keys.stream, "*", ...layout);
      const letter = await trimmedAway(group, await takeForeign(group));
      await unchanged(redis, group.allKeys, async () => {
        expect(await replay(group, letter)).toEqual([undefined]);
      });
    }
  });
});

describe("twice means once", () => {
  test.each([
    ["in place", false],
    ["added again", true],
  ])("%s: a second call finds no letter, nor does the same call", async (_, trimmed) => {
    const group = await openGroup(redis);
    const letter = await die(group, await group.inHand("a"));
    if (trimmed) await trim(group);
    const [first, second] = await replay(group, letter, letter);
    expect(first).toBeDefined();
    expect(second).toBeUndefined();
    expect(await replay(group, letter)).toEqual([undefined]);
    expect(await keysIn(group)).toEqual(["a"]);
    expect((await placesOf(group)).get("a")).toHaveLength(1);
  });

  test("answers in the order asked, whatever is there of it", async () => {
    const group = await openGroup(redis);
    const taken = [await group.inHand("a"), await group.inHand("b"), await group.inHand("c")] as const;
    const [a, b, c] = [await die(group, taken[0]), await die(group, taken[1]), await die(group, taken[2])];
    await redis.xdel(group.keys.stream, taken[1].id);
    const [first, nothing, second, third] = await replay(group, c, "1-0", b, a);
    expect([first, nothing, third]).toEqual([taken[2].id, undefined, taken[0].id]);
    expect(second).not.toBe(taken[1].id);
  });
});

describe("a replay that is refused changes nothing", () => {
  test("NOGROUP, while the group is gone", async () => {
    const group = await openGroup(redis);
    const letter = await die(group, await group.inHand("a"));
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await unchanged(redis, group.allKeys, async () => {
      expect(await run(redis, replayCall(group.keys, group.name, [letter]))).toEqual(["NOGROUP"]);
    });
  });

  test("EXHAUSTED, where an entry must be added and no ID is left; others are given back in place", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b");
    const [a, b] = await group.take();
    if (!(a && b)) throw new Error("nothing was delivered");
    const [inPlace, gone] = [await die(group, a), await die(group, b)];
    await redis.xdel(group.keys.stream, b.id);
    await redis.call("XSETID", group.keys.stream, "18446744073709551615-18446744073709551615");
    await unchanged(redis, group.allKeys, async () => {
      const call = replayCall(group.keys, group.name, [inPlace, gone]);
      expect(await run(redis, call)).toEqual(["EXHAUSTED"]);
    });
    expect(await replay(group, inPlace)).toEqual([a.id]);
  });

  test("NOTFOUND, for what somebody else wrote among the letters", async () => {
    const group = await openGroup(redis);
    const id = await redis.xadd(group.keys.dead, "*", "hello", "world");
    await unchanged(redis, group.allKeys, async () => {
      expect(await replay(group, id ?? "")).toEqual([undefined]);
    });
  });
});

test("over random histories every event is in exactly one place of each group", async () => {
  const happened = await live(redis, {
    count: 300,
    length: 24,
    kinds: { publish: 3, settle: 6, recover: 2, replay: 5, trim: 5, "catch up": 5 },
    outcomes: ["success", "retry now", "retry later", "failure", "failure", "failure"],
    async check({ groups: [fast, slow] }) {
      for (const { group } of [fast, slow]) {
        for (const [key, places] of await placesOf(group)) {
          if (places.length !== 1)
            throw new Error(`${key} of group ${group.name} is ${places.join(" and ")}`);
        }
      }
    },
  });
  expect(Object.keys(happened)).toEqual(expect.arrayContaining(["replayed in place", "replayed anew"]));
}, 60_000);
