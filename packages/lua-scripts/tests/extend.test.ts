/** extend: who owns the token keeps the entry, and nobody else touches its clock. */
import { describe, expect, test } from "vitest";
import { retry, skip, success } from "./support/attempts.js";
import { openGroup, type Taken, type TestGroup } from "./support/group.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { passTime } from "./support/time.js";

const redis = useRedis();

describe("EXTENDED", () => {
  test("restarts the lease clock, and leaves consumer and count of attempts", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await passTime(group, 29_000);
    expect(await group.extend("c1", a)).toEqual(["EXTENDED"]);
    const [pending] = await group.pending();
    expect(pending).toMatchObject({ consumer: "c1", attempts: 1 });
    expect(pending?.idleMs).toBeLessThan(10_000);
  });

  test("keeps a long handler's entry from others for as long as it beats", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    for (let n = 0; n < 5; n++) {
      await passTime(group, 20_000);
      expect((await group.recover("c2")).leased).toEqual([]);
      expect(await group.extend("c1", a)).toEqual(["EXTENDED"]);
    }
    expect(await group.settle("c1", success(a))).toEqual(["SETTLED"]);
  });

  test("serves an attempt that is past its lease and that nobody has taken", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await passTime(group, 60_000);
    expect(await group.extend("c1", a)).toEqual(["EXTENDED"]);
    expect((await group.recover("c2")).leased).toEqual([]);
  });

  test("keeps the number of a later attempt", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", retry(await group.inHand("a")));
    const [again] = (await group.recover("c1")).leased;
    expect(again && (await group.extend("c1", { key: "a", token: again.token }))).toEqual(["EXTENDED"]);
    expect(await group.pending()).toMatchObject([{ consumer: "c1", attempts: 2 }]);
  });

  test("serves an entry without a key", async () => {
    const group = await openGroup(redis);
    await redis.xadd(group.keys.stream, "*", "foreign", "1");
    const taken = await group.take();
    expect(await group.extend("c1", ...taken)).toEqual(["EXTENDED"]);
  });

  test("judges each of a batch alone", async () => {
    const group = await openGroup(redis);
    const [a, b, c] = await group.takeAll("a", "b", "c");
    await group.settle("c1", success(b));
    expect(await group.extend("c1", a, b, c)).toEqual(["EXTENDED", "LOST", "EXTENDED"]);
  });
});

describe("LOST", () => {
  const cases: readonly [string, (group: TestGroup, a: Taken) => Promise<unknown>][] = [
    ["settled", (group, a) => group.settle("c1", success(a))],
    ["skipped", (group, a) => group.settle("c1", skip(a))],
    ["waiting for a retry", (group, a) => group.settle("c1", retry(a, 20_000))],
    ["given back", (group, a) => group.release("c1", a)],
    [
      "taken over by another consumer",
      async (group) => {
        await passTime(group, 60_000);
        expect((await group.recover("c2")).counts.stale).toBe(1);
      },
    ],
    [
      "taken again by its own consumer's next process",
      async (group) => {
        expect((await group.recover("c1")).counts.own).toBe(1);
      },
    ],
    ["of a group that was made anew", (group) => redis.del(group.keys.leases)],
  ];

  test.each(cases)("is an attempt that is %s, and no clock is touched", async (_, lead) => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await lead(group, a);
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.extend("c1", a)).toEqual(["LOST"]);
    });
  });

  test("is a token that was made up", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    const forged = [
      a.token.replace("|1|", "|2|"),
      a.token.replace(/\.\d+$/, ".1"),
      `${a.token}0`,
      `${a.id}|c1|1|x.1`,
    ];
    await unchanged(redis, group.allKeys, async () => {
      for (const token of forged)
        expect(await group.extend("c1", { key: "a", token }), token).toEqual(["LOST"]);
      expect(await group.extend("c1", { key: "b", token: a.token })).toEqual(["LOST"]);
    });
  });
});
