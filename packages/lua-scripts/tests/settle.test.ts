/** settle: everything that an attempt's end means happens, or nothing of it. */
import { MAX_ENTRIES } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { type Emitted, failure, recovered, retry, skip, success } from "./support/attempts.js";
import { openGroup, type Taken, type TestGroup } from "./support/group.js";
import { entriesOf, keysIn, leasesOf, lettersOf, processedIn, waitingIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { passTime } from "./support/time.js";

const redis = useRedis();

function emit(key: string, fingerprint = ""): Emitted {
  return { key, event: `emitted ${key}`, fingerprint };
}

describe("SUCCESS", () => {
  test("acknowledges, remembers the key, and lets go of the token", async () => {
    const group = await openGroup(redis);
    expect(await group.settle("c1", success(await group.inHand("a")))).toEqual(["SETTLED"]);
    expect(await group.pending()).toEqual([]);
    expect(await processedIn(group)).toEqual(["a"]);
    expect(await leasesOf(group)).toEqual({});
  });

  test("of as many as a call takes settles them all", async () => {
    const group = await openGroup(redis);
    const taken = await group.takeAll(...Array.from({ length: MAX_ENTRIES }, (_, at) => `k${at}`));
    const attempts = taken.map((attempt, at) => success(attempt, at === 0 ? [emit("~")] : []));
    expect(await group.settle("c1", ...attempts)).toEqual(taken.map(() => "SETTLED"));
    expect(await group.pending()).toEqual([]);
    expect(await processedIn(group)).toHaveLength(MAX_ENTRIES);
  });
});

describe("SKIP", () => {
  test("acknowledges without remembering the key", async () => {
    const group = await openGroup(redis);
    expect(await group.settle("c1", skip(await group.inHand("a")))).toEqual(["SETTLED"]);
    expect(await group.pending()).toEqual([]);
    expect(await processedIn(group)).toEqual([]);
    expect(await leasesOf(group)).toEqual({});
    expect(await lettersOf(group)).toEqual([]);
  });
});

describe("RETRY", () => {
  test("waits under its next attempt's number until it is due", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    const reply = await group.settleReply("c1", [retry(a, 20_000)]);
    expect(reply).toMatchObject({ verdicts: ["WAITING"], nextDueInMs: 20_000 });
    expect(await group.pending()).toMatchObject([{ id: a.id, consumer: "/waiting", attempts: 2 }]);
    expect(await waitingIn(group)).toEqual(new Map([[a.id, reply.now + 20_000]]));
    expect(await leasesOf(group)).toEqual({});
    expect(await processedIn(group)).toEqual([]);
  });

  test("waits at most half the TTL, or it could outlast the memory of what was processed meanwhile", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: 4_001 });
    const { nextDueInMs } = await group.settleReply("c1", [retry(await group.inHand("a"), 60_000)]);
    expect(nextDueInMs).toBe(2_000);
  });

  test("of the last attempt is a dead letter that carries its message", async () => {
    const group = await openGroup(redis, { maxAttempts: 2 });
    expect(await group.settle("c1", retry(await group.inHand("a"), 0, "first"))).toEqual(["WAITING"]);
    const [again] = (await group.recover("c1")).leased.map(recovered);
    if (again === undefined) throw new Error("nothing was recovered");
    expect(await group.settle("c1", retry(again, 0, "second"))).toEqual(["DEAD"]);
    expect((await lettersOf(group)).map(({ about }) => about)).toMatchObject([
      { reason: "MAX_ATTEMPTS", message: "second", attempts: "2" },
    ]);
    expect(await group.pending()).toEqual([]);
    expect(await waitingIn(group)).toEqual(new Map());
  });

  test("of as many as are due together answers the soonest", async () => {
    const group = await openGroup(redis);
    const [a, b] = await group.takeAll("a", "b");
    expect((await group.settleReply("c1", [retry(a, 9_000), retry(b, 3_000)])).nextDueInMs).toBe(3_000);
  });
});

describe("FAILURE", () => {
  test("keeps the whole entry, with what happened to it", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    const [entry] = await entriesOf(group);
    const { now, verdicts } = await group.settleReply("c1", [failure(a, "INVALID", "field 'x': wanted")]);
    expect(verdicts).toEqual(["DEAD"]);
    expect(await lettersOf(group)).toEqual([
      {
        about: {
          entryId: a.id,
          reason: "INVALID",
          message: "field 'x': wanted",
          attempts: "1",
          firstDeliveredAt: a.token.split(".")[1],
          deadAt: String(now),
          group: "billing",
          layout: "fields",
        },
        fields: entry?.fields,
      },
    ]);
    expect(await group.pending()).toEqual([]);
    expect(await leasesOf(group)).toEqual({});
  });

  test("marks the entry, and not its key, so that a later event under it runs", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await group.settle("c1", failure(a));
    expect(await processedIn(group)).toEqual([`#${a.id}`]);
    expect((await group.takeAll("a")).map(({ verdict }) => verdict)).toEqual(["LEASED"]);
  });

  test("tells the number of its attempt and the time of the first delivery", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await group.settle("c1", retry(a));
    await passTime(group, 60_000);
    const [again] = (await group.recover("c2")).leased.map(recovered);
    if (again === undefined) throw new Error("nothing was recovered");
    await group.settle("c2", failure(again));
    const [letter] = await lettersOf(group);
    expect(letter?.about).toMatchObject({ attempts: "2" });
    // While it waits, the pending list's clock holds it, to the millisecond or two between two looks at the time.
    const deviation = Number(letter?.about.firstDeliveredAt) + 60_000 - Number(a.token.split(".")[1]);
    expect(Math.abs(deviation)).toBeLessThan(1_000);
  });

  test("of an entry that was trimmed away meanwhile says so", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await redis.xdel(group.keys.stream, a.id);
    expect(await group.settle("c1", failure(a))).toEqual(["DEAD"]);
    expect(await lettersOf(group)).toMatchObject([{ about: { entryId: a.id, layout: "gone" }, fields: [] }]);
  });

  test("keeps a message of 4,096 bytes", async () => {
    const group = await openGroup(redis);
    const message = "é".repeat(2_048);
    await group.settle("c1", failure(await group.inHand("a"), "FAILED", message));
    expect((await lettersOf(group))[0]?.about.message).toBe(message);
  });
});

describe("FENCED", () => {
  const ends: readonly [string, (attempt: Taken) => Parameters<TestGroup["settle"]>[1]][] = [
    ["SUCCESS", (attempt) => success(attempt, [emit("~late"), emit("named", "f")])],
    ["SKIP", skip],
    ["RETRY", (attempt) => retry(attempt)],
    ["FAILURE", (attempt) => failure(attempt)],
  ];
  const lost: readonly [string, (group: TestGroup, a: Taken) => Promise<unknown>][] = [
    ["was settled", (group, a) => group.settle("c1", success(a))],
    ["waits for a retry", (group, a) => group.settle("c1", retry(a, 20_000))],
    ["is a dead letter", (group, a) => group.settle("c1", failure(a))],
    [
      "was taken over by another consumer",
      async (group) => {
        await passTime(group, 60_000);
        expect((await group.recover("c2")).counts.stale).toBe(1);
      },
    ],
    [
      "was taken over, and settled by the other consumer",
      async (group) => {
        await passTime(group, 60_000);
        const [taken] = (await group.recover("c2")).leased.map(recovered);
        expect(taken && (await group.settle("c2", success(taken, [emit("~1")])))).toEqual(["SETTLED"]);
      },
    ],
    ["belongs to a group that was made anew", (group) => redis.del(group.keys.leases)],
  ];

  test.each(lost)("is whatever ends an attempt that %s, and nothing is written", async (_, lead) => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await lead(group, a);
    await unchanged(redis, group.allKeys, async () => {
      for (const [outcome, end] of ends)
        expect(await group.settle("c1", end(a)), outcome).toEqual(["FENCED"]);
    });
  });

  test("is the second of two ends of one attempt in one call, so that its emits appear once", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    const twice = [success(a, [emit("~1")]), success(a, [emit("~1")])];
    expect(await group.settle("c1", ...twice)).toEqual(["SETTLED", "FENCED"]);
    expect(await keysIn(group)).toEqual(["a", "~1"]);
  });

  test("is not what a lease that ran out is, while nobody has taken the entry", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await passTime(group, 600_000);
    expect(await group.settle("c1", success(a))).toEqual(["SETTLED"]);
  });

  test("leaves the others of its batch alone", async () => {
    const group = await openGroup(redis);
    const [a, b, c, d, e] = await group.takeAll("a", "b", "c", "d", "e");
    await group.settle("c1", success(c));
    const batch = [success(a), skip(b), success(c, [emit("~never")]), retry(d, 20_000), failure(e)];
    expect(await group.settle("c1", ...batch)).toEqual(["SETTLED", "SETTLED", "FENCED", "WAITING", "DEAD"]);
    expect(await processedIn(group)).toEqual([`#${e.id}`, "a", "c"]);
    expect((await group.pending()).map(({ id }) => id)).toEqual([d.id]);
    expect(await keysIn(group)).not.toContain("~never");
  });
});
