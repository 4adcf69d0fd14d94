/** release: what is given back is due at once for anybody, and has cost no attempt. */
import { describe, expect, test } from "vitest";
import { failure, recovered, retry, success } from "./support/attempts.js";
import { openGroup, type Taken, type TestGroup } from "./support/group.js";
import { leasesOf, lettersOf, waitingIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { passTime, serverNow } from "./support/time.js";

const redis = useRedis();

describe("RELEASED", () => {
  test("is an attempt in hand: due at once, for another consumer, as the same attempt", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    expect(await group.release("c1", a)).toEqual(["RELEASED"]);
    expect(await group.pending()).toMatchObject([{ id: a.id, consumer: "/waiting", attempts: 1 }]);
    expect((await waitingIn(group)).get(a.id)).toBeLessThanOrEqual(await serverNow(group));
    expect(await leasesOf(group)).toEqual({});
    const { leased, counts } = await group.recover("c2", { scope: "DUE" });
    expect(counts).toMatchObject({ retried: 1 });
    expect(leased[0]?.token).toMatch(`${a.id}|c2|1|`);
  });

  test("is an entry that was delivered and not leased", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    const [a] = await group.read();
    if (a === undefined) throw new Error("nothing was delivered");
    expect(await group.release("c1", { ...a, token: undefined })).toEqual(["RELEASED"]);
    expect((await group.recover("c2")).leased[0]?.token).toMatch(`${a.id}|c2|1|`);
  });

  test("is such an entry also while another one holds its key", async () => {
    const group = await openGroup(redis);
    const holder = await group.inHand("a", "c2");
    await group.add("a");
    const [second] = await group.read("c1");
    if (second === undefined) throw new Error("nothing was delivered");
    expect(await group.release("c1", { ...second, token: undefined })).toEqual(["RELEASED"]);
    expect(await leasesOf(group)).toEqual({ a: holder.token });
    expect(await group.settle("c2", success(holder))).toEqual(["SETTLED"]);
  });

  test("is an entry that a call leased whose reply the process never saw: the ID is all it knows", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    const { consumer, incarnation } = group.member("c1");
    const lost = { id: a.id, key: "", token: undefined };
    await redis.hset(group.keys.leases, "a", `${a.id}|${consumer}|1|${incarnation}x_1.5`);
    expect(await group.release("c1", lost)).toEqual(["LOST"]);
    await redis.hset(group.keys.leases, "a", `${a.id}|${consumer}|1|${incarnation}_1.5`);
    expect(await group.release("c1", lost)).toEqual(["RELEASED"]);
    expect(await group.pending()).toMatchObject([{ id: a.id, consumer: "/waiting", attempts: 1 }]);
    expect(await leasesOf(group)).toEqual({});
  });

  test("keeps a later attempt's number, however often it is given back", async () => {
    const group = await openGroup(redis, { maxAttempts: 2 });
    await group.settle("c1", retry(await group.inHand("a")));
    for (let n = 0; n < 5; n++) {
      const [again] = (await group.recover("c1")).leased.map(recovered);
      if (again === undefined) throw new Error("nothing was recovered");
      expect(again.token).toMatch("|c1|2|");
      expect(await group.release("c1", again)).toEqual(["RELEASED"]);
    }
    expect(await lettersOf(group)).toEqual([]);
  });

  test("keeps the time of the first delivery for the dead letter", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    // As if it had been in hand for a minute.
    const firstMs = Number(a.token.split(".")[1]) - 60_000;
    const token = a.token.replace(/\d+$/, String(firstMs));
    await redis.hset(group.keys.leases, "a", token);
    await group.release("c1", { ...a, token });
    const [again] = (await group.recover("c2")).leased.map(recovered);
    if (again === undefined) throw new Error("nothing was recovered");
    await group.settle("c2", failure(again));
    const [letter] = await lettersOf(group);
    expect(Math.abs(Number(letter?.about.firstDeliveredAt) - firstMs)).toBeLessThan(1_000);
  });

  test("judges each of a batch alone", async () => {
    const group = await openGroup(redis);
    const [a, b, c] = await group.takeAll("a", "b", "c");
    await group.settle("c1", success(b));
    expect(await group.release("c1", a, b, c)).toEqual(["RELEASED", "LOST", "RELEASED"]);
  });

  test("settles no more", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await group.release("c1", a);
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.settle("c1", success(a, [{ key: "emitted", event: "{}" }]))).toEqual(["FENCED"]);
    });
  });
});

describe("LOST", () => {
  const cases: readonly [string, (group: TestGroup, a: Taken) => Promise<unknown>][] = [
    ["settled", (group, a) => group.settle("c1", success(a))],
    ["waiting for a retry", (group, a) => group.settle("c1", retry(a, 20_000))],
    ["given back already", (group, a) => group.release("c1", a)],
    [
      "taken over by another consumer",
      async (group) => {
        await passTime(group, 60_000);
        expect((await group.recover("c2")).counts.stale).toBe(1);
      },
    ],
  ];

  test.each(cases)("is an attempt that is %s, and nothing is written", async (_, lead) => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await lead(group, a);
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.release("c1", a)).toEqual(["LOST"]);
    });
  });

  test("is an entry that is leased, for who has no token", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.release("c1", { ...a, token: undefined })).toEqual(["LOST"]);
      expect(await group.release("c1", { ...a, token: a.token.replace("|1|", "|2|") })).toEqual(["LOST"]);
    });
  });

  test("is an entry that another consumer has", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    const [a] = await group.read("c2");
    if (a === undefined) throw new Error("nothing was delivered");
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.release("c1", { ...a, token: undefined })).toEqual(["LOST"]);
    });
  });
});
