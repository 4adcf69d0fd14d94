/** `trim` drops what every group has settled, and nothing else; with a length limit, publishing refuses. */
import { describe, expect, test } from "vitest";
import { trim } from "./operations/calls.js";
import { HOUR_MS } from "./operations/history.js";
import { live } from "./operations/live.js";
import { failure, retry, skip, success } from "./support/attempts.js";
import { openGroup, TestGroup } from "./support/group.js";
import { keysIn, metaOf } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { serverNow } from "./support/time.js";

const redis = useRedis();

/** Takes what is new, and succeeds at all of it but the keys named, which stay in hand. */
async function settleAllBut(group: TestGroup, ...keys: readonly string[]): Promise<void> {
  const taken = await group.take();
  const done = taken.filter(({ key }) => !keys.includes(key));
  if (done.length > 0) await group.settle("c1", ...done.map((attempt) => success(attempt)));
}

describe("what a group has not settled stays", () => {
  test("of a slow group beside a fast one: what it was not given yet", async () => {
    const fast = await openGroup(redis, { group: "fast" });
    const slow = await fast.sibling("slow");
    await fast.add("a", "b", "c", "d");
    await settleAllBut(fast);
    const [a] = await slow.lease("c1", await slow.read("c1", 2));
    if (a) await slow.settle("c1", success(a));
    expect(await trim(fast)).toMatchObject({ dropped: 1, more: false });
    expect(await keysIn(fast)).toEqual(["b", "c", "d"]);
  });

  test("of a group that nobody has read from", async () => {
    const fast = await openGroup(redis, { group: "fast" });
    await fast.sibling("untouched");
    await fast.add("a", "b");
    await settleAllBut(fast);
    expect(await trim(fast)).toMatchObject({ dropped: 0, threshold: "0-1" });
  });

  test("a pending entry in the middle, with all that come after it", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b", "held", "d", "e");
    await settleAllBut(group, "held");
    expect(await trim(group)).toMatchObject({ dropped: 2 });
    expect(await keysIn(group)).toEqual(["held", "d", "e"]);
  });

  test("what a group is to be given again, also where it has a later entry pending", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b", "held");
    await settleAllBut(group, "held");
    const [first] = await redis.xrange(group.keys.stream, "-", "+", "COUNT", 1);
    await redis.xgroup("SETID", group.keys.stream, group.name, first?.[0] ?? "");
    expect(await trim(group)).toMatchObject({ dropped: 1 });
    expect(await keysIn(group)).toEqual(["b", "held"]);
  });

  test("entries that wait for a retry, however many attempts they have had", async () => {
    const group = await openGroup(redis);
    await group.add("a", "waits", "c");
    const [a, waits, c] = await group.take();
    if (!(a && waits && c)) throw new Error("nothing was delivered");
    await group.settle("c1", success(a), retry(waits, 10_000), success(c));
    expect(await trim(group)).toMatchObject({ dropped: 1 });
    expect(await keysIn(group)).toEqual(["waits", "c"]);
  });

  test("entries that were delivered and never leased", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b");
    await group.read();
    expect(await trim(group)).toMatchObject({ dropped: 0 });
  });

  test("of a registered group that is gone: all behind its low-water ID, until it is made again", async () => {
    const fast = await openGroup(redis, { group: "fast" });
    const lost = await fast.sibling("lost");
    await fast.add("a", "b", "c", "d");
    await settleAllBut(fast);
    await settleAllBut(lost, "c");
    await lost.recover("c1", { inHand: (await lost.pending()).map(({ id }) => id) });
    await redis.xgroup("DESTROY", lost.keys.stream, "lost");
    expect(await trim(fast)).toMatchObject({ dropped: 2 });
    expect(await keysIn(fast)).toEqual(["c", "d"]);

    expect(await lost.open({ mode: "REJOIN" })).toMatchObject({ how: "HEALED" });
    expect((await lost.take()).map(({ key, verdict }) => [key, verdict])).toEqual([
      ["c", "LEASED"],
      ["d", "DUPLICATE"],
    ]);
  });

  test("of a group that is there and none of ours", async () => {
    const group = await openGroup(redis);
    const [a] = await group.add("a", "b");
    await settleAllBut(group);
    await redis.xgroup("CREATE", group.keys.stream, "somebody else's", a?.id ?? "");
    expect(await trim(group)).toMatchObject({ dropped: 1 });
    expect(await keysIn(group)).toEqual(["b"]);
  });

  test("where there is no group, all of it: nobody has settled anything", async () => {
    const group = new TestGroup(redis);
    await group.add("a", "b");
    expect(await trim(group)).toMatchObject({ dropped: 0, threshold: "0-0" });
    expect(await keysIn(group)).toEqual(["a", "b"]);
  });
});

describe("what every group has settled goes", () => {
  test("handled, skipped, dead-lettered and duplicates alike", async () => {
    const group = await openGroup(redis);
    await group.add("done", "skipped", "dead", "done");
    const [done, skipped, dead] = await group.take();
    if (!(done && skipped && dead)) throw new Error("nothing was delivered");
    await group.settle("c1", success(done), skip(skipped), failure(dead));
    await settleAllBut(group);
    // The second entry under the key waits while the first is in hand.
    await redis.zadd(group.keys.retries, 0, (await group.pending())[0]?.id ?? "");
    expect((await group.recover()).counts).toMatchObject({ duplicates: 1 });
    expect(await trim(group)).toMatchObject({ dropped: 4 });
    expect(await keysIn(group)).toEqual([]);
  });

  test("once it is settledForMs old by its ID, whenever it was settled", async () => {
    const group = await openGroup(redis);
    const now = await serverNow(group);
    for (const hours of [30, 25, 23, 1]) {
      await redis.xadd(group.keys.stream, `${now - hours * HOUR_MS}-0`, "key", `${hours} h`, "event", "{}");
    }
    await settleAllBut(group);
    expect(await trim(group, { settledForMs: 24 * HOUR_MS })).toMatchObject({ dropped: 2 });
    expect(await keysIn(group)).toEqual(["23 h", "1 h"]);
    expect(await trim(group, { settledForMs: 2 * HOUR_MS })).toMatchObject({ dropped: 1 });
    expect(await trim(group, { settledForMs: 0 })).toMatchObject({ dropped: 1 });
  });

  test("at settledForMs 0 also what was published in this very millisecond", async () => {
    const group = await openGroup(redis);
    for (let n = 0; n < 20; n++) {
      await redis.xadd(group.keys.stream, "*", "key", `${n}`, "event", "{}");
      await settleAllBut(group);
      expect(await trim(group)).toMatchObject({ dropped: 1 });
    }
  });

  // Nodes hold 100 entries, or 4,096 bytes: some are dropped whole, the last one in part.
  test.each([
    ["small entries", "{}", 250],
    ["entries of many sizes", "", 250],
    ["entries that fill a node each", "x".repeat(5_000), 60],
  ])("%s: at most `limit` in a call, and all of them in the calls after", async (_, event, count) => {
    for (const limit of [1, 30, 100, 101, 249]) {
      const group = await openGroup(redis);
      const add = redis.pipeline();
      for (let n = 0; n < count; n++) {
        add.xadd(group.keys.stream, "*", "key", `k${n}`, "event", event || "y".repeat((n * 97) % 1_500));
      }
      await add.exec();
      await settleAllBut(group, `k${count - 10}`);
      let [left, calls] = [count, 0];
      for (let more = true; more; calls += 1) {
        const reply = await trim(group, { limit });
        expect(reply.dropped).toBeLessThanOrEqual(limit);
        left -= reply.dropped;
        expect(await redis.xlen(group.keys.stream)).toBe(left);
        ({ more } = reply);
      }
      expect((await keysIn(group))[0]).toBe(`k${count - 10}`);
      expect(calls).toBeLessThanOrEqual(Math.ceil(count / Math.min(limit, 100)) + 1);
      expect((await metaOf(group)).trimmed).toBe(`${count - 10}`);
    }
  });
});

describe("maxLength", () => {
  test("is recorded for every publisher, whose events are refused and never dropped for it", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b");
    await trim(group, { maxLength: 3 });
    const reply = await group.publish(["c", "d", "e"]);
    expect(reply).toMatchObject({ length: 3, maxLength: 3, slowestGroup: "billing" });
    expect(reply.results.map(({ verdict }) => verdict)).toEqual(["NEW", "FULL", "FULL"]);
    expect(await keysIn(group)).toEqual(["a", "b", "c"]);
  });

  test("makes room again as settled entries are dropped", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b", "c");
    await settleAllBut(group, "c");
    await trim(group, { maxLength: 3 });
    expect((await group.publish(["d", "e", "f"])).results.map(({ verdict }) => verdict)).toEqual([
      "NEW",
      "NEW",
      "FULL",
    ]);
  });

  test("stays as it is where none is given, and goes with 0", async () => {
    const group = await openGroup(redis);
    await trim(group, { maxLength: 1 });
    await trim(group);
    expect((await group.publish(["a", "b"])).results.map(({ verdict }) => verdict)).toEqual(["NEW", "FULL"]);
    await trim(group, { maxLength: 0 });
    expect(await group.publish(["b"])).toMatchObject({ maxLength: 0, results: [{ verdict: "NEW" }] });
  });

  test("below the stream's length drops nothing", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b", "c");
    expect(await trim(group, { maxLength: 1 })).toMatchObject({ dropped: 0 });
    expect((await group.publish(["d"])).results[0]).toMatchObject({ verdict: "FULL" });
    expect(await keysIn(group)).toEqual(["a", "b", "c"]);
  });

  test("names the group that holds up trimming, also one that is gone", async () => {
    const fast = await openGroup(redis, { group: "fast" });
    const slow = await fast.sibling("slow");
    await fast.add("a", "b");
    await settleAllBut(fast);
    await trim(fast, { maxLength: 2 });
    expect(await fast.publish(["c"])).toMatchObject({ slowestGroup: "slow" });
    await redis.xgroup("DESTROY", slow.keys.stream, "slow");
    expect(await fast.publish(["c"])).toMatchObject({ slowestGroup: "slow" });
  });
});

test("a stream that is not there is trimmed to nothing, and stays not there", async () => {
  const group = new TestGroup(redis);
  await unchanged(redis, group.allKeys, async () => {
    expect(await trim(group)).toMatchObject({ dropped: 0, more: false });
  });
});

test("over a thousand random histories nothing unsettled is dropped, and everything settled is", async () => {
  const kinds = {
    ...{ publish: 4, take: 2, settle: 7, "catch up": 3, recover: 1, replay: 2, destroy: 1, heal: 1 },
    ...{ trim: 4, delete: 1 },
  };
  const happened = await live(redis, { count: 1_000, length: 20, kinds });
  const seen = ["dropped settled", "dropped settled and old", "kept what is not settled", "healed"];
  expect(Object.keys(happened)).toEqual(expect.arrayContaining(seen));
}, 60_000);
