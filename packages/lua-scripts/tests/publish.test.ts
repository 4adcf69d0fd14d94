/** publish: each key once within the window, never over the length limit, all or nothing where asked. */
import type { PublishItem } from "@sluice/lua-scripts";
import { publishReply } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { retry, success } from "./support/attempts.js";
import { openGroup, TestGroup } from "./support/group.js";
import { entriesOf, keysIn, metaOf } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { passTime, runAtAge } from "./support/time.js";

const redis = useRedis();
const windowMs = 100_000;
/** How long the machine may stall between two commands. */
const stallMs = 5_000;
const MAX_UINT64 = "18446744073709551615";

function item(idempotencyKey: string, fingerprint = "f", event = "{}"): PublishItem {
  return { idempotencyKey, event, fingerprint };
}

/** The server's time in an ID that it assigned. */
function timeOf(id: string | undefined): number {
  return Number(id?.split("-")[0]);
}

function verdictsOf(reply: { readonly results: readonly { readonly verdict: string }[] }): readonly string[] {
  return reply.results.map(({ verdict }) => verdict);
}

describe("an entry", () => {
  test("has the two fields key and event, in this order, and the ID that is answered", async () => {
    const group = new TestGroup(redis);
    const { results } = await group.publish([item("a", "f", "first"), item("b", "f", "second")]);
    expect(await entriesOf(group)).toEqual([
      { id: results[0]?.id, fields: ["key", "a", "event", "first"] },
      { id: results[1]?.id, fields: ["key", "b", "event", "second"] },
    ]);
    expect(results.map(({ verdict }) => verdict)).toEqual(["NEW", "NEW"]);
  });

  test("a batch of 1,000 keeps its order", async () => {
    const group = new TestGroup(redis);
    const keys = Array.from({ length: 1_000 }, (_, at) => `k${at}`);
    const { results } = await group.publish(keys, { windowMs });
    expect(await entriesOf(group)).toHaveLength(1_000);
    expect(await keysIn(group)).toEqual(keys);
    expect(new Set(results.map(({ id }) => id)).size).toBe(1_000);
    expect(verdictsOf(await group.publish(keys, { windowMs }))).toEqual(keys.map(() => "DUPLICATE"));
  });

  test("a stream that is new records the protocol", async () => {
    const group = new TestGroup(redis);
    await group.publish(["a"]);
    expect(await metaOf(group)).toEqual({ protocol: "1" });
  });
});

describe("the publish window", () => {
  test("answers a key that it remembers with the first entry's ID, and adds nothing", async () => {
    const group = new TestGroup(redis);
    const first = await group.publish(["a", "b"], { windowMs });
    const again = await group.publish(["b", "c", "a"], { windowMs });
    expect(again.results.slice(0, 1)).toEqual([{ verdict: "DUPLICATE", id: first.results[1]?.id }]);
    expect(again.results.slice(2)).toEqual([{ verdict: "DUPLICATE", id: first.results[0]?.id }]);
    expect(await keysIn(group)).toEqual(["a", "b", "c"]);
  });

  test("answers another payload under a remembered key with MISMATCH and the first entry's ID", async () => {
    const group = new TestGroup(redis);
    const first = await group.publish([item("a", "one")], { windowMs });
    const again = await group.publish([item("a", "two")], { windowMs });
    expect(again.results).toEqual([{ verdict: "MISMATCH", id: first.results[0]?.id }]);
    expect(await keysIn(group)).toEqual(["a"]);
  });

  test("judges a key twice in one batch within the batch", async () => {
    const group = new TestGroup(redis);
    const batch = [item("a", "one"), item("a", "one"), item("a", "two"), item("b")];
    const { results } = await group.publish(batch, { windowMs });
    const [id, , , other] = results.map((result) => result.id);
    expect(results).toEqual([
      { verdict: "NEW", id },
      { verdict: "DUPLICATE", id },
      { verdict: "MISMATCH", id },
      { verdict: "NEW", id: other },
    ]);
    expect(await keysIn(group)).toEqual(["a", "b"]);
  });

  test("of 0 lets duplicates into the stream, in one batch too, and remembers nothing", async () => {
    const group = new TestGroup(redis);
    expect(verdictsOf(await group.publish([item("a"), item("a", "other")]))).toEqual(["NEW", "NEW"]);
    expect(verdictsOf(await group.publish([item("a")]))).toEqual(["NEW"]);
    expect(await redis.exists(group.keys["published.0"], group.keys["published.1"])).toBe(0);
  });

  // A generation that has just begun, one in the middle, and one about to end.
  test.each([0, 0.5, 0.999])(
    "remembers a key for at least itself, published %d into a generation",
    async (share) => {
      const group = new TestGroup(redis);
      await group.publish(["earlier"], { windowMs });
      await passTime(group, share * windowMs);
      const [first] = (await group.publish(["a"], { windowMs })).results;
      const age = { sinceMs: timeOf(first?.id), ageMs: windowMs - stallMs };
      const { reply } = await runAtAge(group, age, group.publishCall(["a"], { windowMs }));
      expect(publishReply(reply, 1)).toMatchObject({ results: [{ verdict: "DUPLICATE", id: first?.id }] });
    },
  );

  test.each([0, 0.5, 0.999])(
    "forgets a key after twice itself, published %d into a generation",
    async (share) => {
      const group = new TestGroup(redis);
      await group.publish(["earlier"], { windowMs });
      await passTime(group, share * windowMs);
      const [first] = (await group.publish(["a"], { windowMs })).results;
      const age = { sinceMs: timeOf(first?.id), ageMs: 2 * windowMs };
      const { reply } = await runAtAge(group, age, group.publishCall(["a"], { windowMs }));
      expect(publishReply(reply, 1)).toMatchObject({ results: [{ verdict: "NEW" }] });
    },
  );

  test("keeps no key in Redis for longer than twice itself and a tenth", async () => {
    const group = new TestGroup(redis);
    for (let n = 0; n < 8; n++) {
      const [first] = (await group.publish([`k${n}`], { windowMs })).results;
      for (const key of [group.keys["published.0"], group.keys["published.1"]]) {
        const left = await redis.pttl(key);
        expect(left).not.toBe(-1);
        expect(left).toBeLessThanOrEqual(2.1 * windowMs);
        const generation = await redis.hexists(key, `k${n}`);
        if (generation) expect(timeOf(first?.id) + left).toBeGreaterThan(timeOf(first?.id) + windowMs);
      }
      await passTime(group, windowMs * 0.6);
    }
    const held = await Promise.all(
      [0, 1].map((n) => redis.hkeys(group.keys[`published.${n === 0 ? 0 : 1}`])),
    );
    expect(held.flat().length).toBeLessThanOrEqual(4);
  });

  test("that is made longer remembers for at least its new length from then on, also without a call between", async () => {
    const group = new TestGroup(redis);
    await group.publish(["earlier"], { windowMs: 1_000 });
    const [first] = (await group.publish(["a"], { windowMs })).results;
    const age = { sinceMs: timeOf(first?.id), ageMs: windowMs - stallMs };
    const { reply } = await runAtAge(group, age, group.publishCall(["a"], { windowMs }));
    expect(publishReply(reply, 1)).toMatchObject({ results: [{ verdict: "DUPLICATE", id: first?.id }] });
  });

  test("remembers for at least itself, and at most twice, when the server's clock goes back", async () => {
    const group = new TestGroup(redis);
    const first = await group.publish(["a"], { windowMs });
    await passTime(group, -5 * windowMs);
    expect((await group.publish(["a"], { windowMs })).results).toEqual([
      { verdict: "DUPLICATE", id: first.results[0]?.id },
    ]);
    await group.publish(["b", "c"], { windowMs });
    await passTime(group, windowMs - stallMs);
    expect(verdictsOf(await group.publish(["b"], { windowMs }))).toEqual(["DUPLICATE"]);
    await passTime(group, windowMs + stallMs);
    expect(verdictsOf(await group.publish(["c"], { windowMs }))).toEqual(["NEW"]);
  });

  test("ignores an ID above the stream's last one: a failover lost that entry", async () => {
    const group = new TestGroup(redis);
    await group.publish(["a", "b"], { windowMs });
    await redis.hset(group.keys["published.0"], "b", "99999999999999-0|f-b");
    expect(verdictsOf(await group.publish(["a", "b"], { windowMs }))).toEqual(["DUPLICATE", "NEW"]);
  });

  test("ignores what it remembers of a stream that was deleted", async () => {
    const group = new TestGroup(redis);
    await group.publish(["a"], { windowMs });
    await redis.del(group.keys.stream);
    expect(verdictsOf(await group.publish(["a"], { windowMs }))).toEqual(["NEW"]);
    expect(verdictsOf(await group.publish(["a"], { windowMs }))).toEqual(["DUPLICATE"]);
  });
});

describe("the length limit", () => {
  test("refuses what is over it and names length and slowest group", async () => {
    const group = await openGroup(redis, { group: "fast" });
    const slow = await group.sibling("slow");
    await group.add("a", "b");
    const [a] = await slow.take();
    const taken = await group.take();
    await group.settle("c1", ...taken.map((attempt) => success(attempt)));
    // The slow one has read everything; what it has not settled holds it back.
    if (a) await slow.settle("c1", retry(a, 20_000));
    const reply = await group.publish(["c", "d", "e"], { maxLength: 3 });
    expect(reply).toMatchObject({ refused: false, length: 3, slowestGroup: "slow" });
    expect(verdictsOf(reply)).toEqual(["NEW", "FULL", "FULL"]);
    expect(reply.results[1]?.id).toBe("");
    expect(await keysIn(group)).toEqual(["a", "b", "c"]);
  });

  test("names no group where nothing was refused, or where there is none", async () => {
    const group = new TestGroup(redis);
    expect(await group.publish(["a"], { maxLength: 1 })).not.toHaveProperty("slowestGroup");
    expect(await group.publish(["b"], { maxLength: 1 })).not.toHaveProperty("slowestGroup");
  });

  test("counts only new entries", async () => {
    const group = new TestGroup(redis);
    await group.publish(["a", "b"], { windowMs, maxLength: 3 });
    const reply = await group.publish(["a", "c", "c", "b", "d"], { windowMs, maxLength: 3 });
    expect(verdictsOf(reply)).toEqual(["DUPLICATE", "NEW", "DUPLICATE", "DUPLICATE", "FULL"]);
    expect(reply.length).toBe(3);
  });

  test("writes nothing when everything is over it", async () => {
    const group = await openGroup(redis);
    await group.publish(["a"], { windowMs });
    await unchanged(redis, group.allKeys, async () => {
      expect(verdictsOf(await group.publish(["b"], { windowMs, maxLength: 1 }))).toEqual(["FULL"]);
    });
  });

  test("a key that was refused may come again", async () => {
    const group = new TestGroup(redis);
    await group.publish(["a"], { windowMs });
    await group.publish(["b"], { windowMs, maxLength: 1 });
    expect(verdictsOf(await group.publish(["b"], { windowMs, maxLength: 2 }))).toEqual(["NEW"]);
  });
});

describe("an atomic call", () => {
  test.each([
    ["MISMATCH", [item("new"), item("a", "other")], 0],
    ["MISMATCH", [item("new", "one"), item("new", "two")], 0],
    ["FULL", [item("new"), item("newer")], 2],
  ])("with a %s publishes nothing", async (verdict, batch, maxLength) => {
    const group = new TestGroup(redis);
    await group.publish([item("a")], { windowMs });
    await unchanged(redis, group.allKeys, async () => {
      const reply = await group.publish(batch, { windowMs, maxLength, atomic: true });
      expect(reply.refused).toBe(true);
      expect(verdictsOf(reply)).toEqual(["NEW", verdict]);
      expect(reply.results[0]?.id).toBe("");
    });
  });

  test("with nothing but duplicates and new events publishes them all", async () => {
    const group = new TestGroup(redis);
    await group.publish(["a"], { windowMs });
    const reply = await group.publish(["b", "a", "c", "b"], { windowMs, maxLength: 3, atomic: true });
    expect(reply.refused).toBe(false);
    expect(verdictsOf(reply)).toEqual(["NEW", "DUPLICATE", "NEW", "DUPLICATE"]);
    expect(await keysIn(group)).toEqual(["a", "b", "c"]);
  });

  test("not asked, each event is judged alone", async () => {
    const group = new TestGroup(redis);
    await group.publish([item("a")], { windowMs });
    const reply = await group.publish([item("a", "other"), item("b")], { windowMs });
    expect(verdictsOf(reply)).toEqual(["MISMATCH", "NEW"]);
  });
});

describe("a stream whose last ID is the greatest there is", () => {
  const last = `${MAX_UINT64}-${MAX_UINT64}`;

  test.each(["XADD", "XSETID"])("set by %s, is EXHAUSTED and stays as it is", async (command) => {
    const group = await openGroup(redis);
    await group.publish(["a"], { windowMs });
    if (command === "XADD") await redis.xadd(group.keys.stream, last, "key", "z", "event", "{}");
    else await redis.call("XSETID", group.keys.stream, last);
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.refusal(group.publishCall(["b"], { windowMs }))).toEqual({ status: "EXHAUSTED" });
    });
    expect(verdictsOf(await group.publish(["a"], { windowMs }))).toEqual(["DUPLICATE"]);
  });

  test("or so near that a batch might not fit is EXHAUSTED too, and takes no entry", async () => {
    const group = new TestGroup(redis);
    await redis.xadd(
      group.keys.stream,
      `${MAX_UINT64}-${MAX_UINT64.replace(/5$/, "3")}`,
      "key",
      "z",
      "event",
      "{}",
    );
    expect(await group.refusal(group.publishCall(["b", "c", "d"], { windowMs }))).toEqual({
      status: "EXHAUSTED",
    });
    expect(await keysIn(group)).toEqual(["z"]);
    expect(await redis.exists(group.keys.meta, group.keys["published.0"], group.keys["published.1"])).toBe(0);
  });

  test("in its last millisecond still takes entries while there is room", async () => {
    const group = new TestGroup(redis);
    await redis.xadd(group.keys.stream, `${MAX_UINT64}-7`, "key", "z", "event", "{}");
    const { results } = await group.publish(["a", "b"]);
    expect(results.map(({ id }) => id)).toEqual([`${MAX_UINT64}-8`, `${MAX_UINT64}-9`]);
  });
});
