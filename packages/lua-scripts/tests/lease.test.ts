/** lease: one entry at a time for a key, and none for a key that is processed. */
import { leaseAfterCall, leaseAfterReply, MAX_ENTRIES } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { failure, retry, skip, success } from "./support/attempts.js";
import { type Delivered, openGroup, type Taken, type TestGroup } from "./support/group.js";
import { leasesOf, waitingIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { passTime } from "./support/time.js";

const redis = useRedis();

function verdictsOf(taken: readonly Taken[]): readonly string[] {
  return taken.map(({ verdict }) => verdict);
}

describe("LEASED", () => {
  test("records the token that the consumer can make by itself", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b");
    const [a, b] = await group.take();
    expect(await leasesOf(group)).toEqual({ a: a?.token, b: b?.token });
    expect(a?.token).toMatch(/^\d+-\d+\|c1\|1\|mortal_\d+\.\d{13}$/);
  });

  test("restarts the lease clock and leaves the count of attempts", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    const entries = await group.read();
    await passTime(group, 20_000);
    await group.lease("c1", entries);
    const [pending] = await group.pending();
    expect(pending?.attempts).toBe(1);
    expect(pending?.idleMs).toBeLessThan(10_000);
  });

  test("is answered in the order asked, whatever that is, for as many as a call takes", async () => {
    const group = await openGroup(redis);
    await group.add(...Array.from({ length: MAX_ENTRIES }, (_, at) => `k${at}`));
    const entries = [...(await group.read())].reverse();
    expect(verdictsOf(await group.lease("c1", entries))).toEqual(entries.map(() => "LEASED"));
    expect(Object.keys(await leasesOf(group))).toHaveLength(MAX_ENTRIES);
  });
});

describe("LOST", () => {
  const cases: readonly [string, (group: TestGroup) => Promise<readonly Delivered[]>][] = [
    ["that was never delivered", (group) => group.add("a")],
    [
      "that another consumer was given",
      async (group) => {
        await group.add("a");
        return await group.read("c2");
      },
    ],
    ["that another consumer has leased", async (group) => [await group.inHand("a", "c2")]],
    ["that this very consumer has leased", async (group) => [await group.inHand("a")]],
    [
      "that was acknowledged",
      async (group) => {
        const a = await group.inHand("a");
        await group.settle("c1", skip(a));
        return [a];
      },
    ],
    [
      "that waits for its retry",
      async (group) => {
        const a = await group.inHand("a");
        await group.settle("c1", retry(a, 20_000));
        return [a];
      },
    ],
    [
      "that was delivered more than once",
      async (group) => {
        const [a] = await group.add("a");
        await group.read("c2");
        await redis.xclaim(group.keys.stream, group.name, "c1", 0, a?.id ?? "");
        return a ? [a] : [];
      },
    ],
    [
      "whose key is processed, but that another consumer has: that one acknowledges it",
      async (group) => {
        await group.settle("c1", success(await group.inHand("a")));
        await group.add("a");
        return await group.read("c2");
      },
    ],
  ];

  test.each(cases)("is an entry %s, and nothing is written", async (_, lead) => {
    const group = await openGroup(redis);
    const entries = await lead(group);
    await unchanged(redis, group.allKeys, async () => {
      expect(verdictsOf(await group.lease("c1", entries))).toEqual(["LOST"]);
    });
  });

  test("is an entry that the batch names twice, the second time", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    const [a] = await group.read();
    if (a === undefined) throw new Error("nothing was delivered");
    expect(verdictsOf(await group.lease("c1", [a, a]))).toEqual(["LEASED", "LOST"]);
  });
});

describe("DUPLICATE", () => {
  test("is an entry whose key was handled, and is acknowledged", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", success(await group.inHand("a")));
    await group.add("a", "b", "a");
    expect(verdictsOf(await group.take("c2"))).toEqual(["DUPLICATE", "LEASED", "DUPLICATE"]);
    expect(await group.pending()).toHaveLength(1);
    expect(Object.keys(await leasesOf(group))).toEqual(["b"]);
  });

  test("wins over DEFERRED: a key that is processed need not wait for who holds it", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", success(await group.inHand("a")));
    const other = await group.inHand("b", "c2");
    // Such a token stays behind when the ring's mark and the lease are of different times.
    await redis.hset(group.keys.leases, "a", other.token);
    await group.add("a");
    expect(verdictsOf(await group.take())).toEqual(["DUPLICATE"]);
  });

  test.each([
    ["skipped", skip],
    ["a dead letter", failure],
    ["given back for a retry", retry],
  ])("is no entry whose key was %s", async (_, end) => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await group.settle("c1", end(a));
    await group.add("a");
    expect(verdictsOf(await group.take())).toEqual(["LEASED"]);
  });

  test("is told from other groups' and other tenants' keys", async () => {
    const group = await openGroup(redis, { tenant: "acme" });
    const sibling = await group.sibling("shipping");
    const tenant = await openGroup(redis, { tenant: "globex", stream: group.stream });
    await group.settle("c1", success(await group.inHand("a")));
    await tenant.add("a");
    expect(verdictsOf(await sibling.take())).toEqual(["LEASED"]);
    expect(verdictsOf(await tenant.take())).toEqual(["LEASED"]);
  });
});

describe("DEFERRED", () => {
  test("is an entry whose key another pending entry holds: it waits, without an attempt more", async () => {
    const group = await openGroup(redis);
    await group.inHand("a");
    const [second] = await group.add("a");
    const taken = await group.read("c2");
    const reply = await group.leaseReply("c2", taken);
    expect(reply.verdicts).toEqual(["DEFERRED"]);
    expect(await group.pending()).toMatchObject([
      { consumer: "c1", attempts: 1 },
      { id: second?.id, consumer: "/waiting", attempts: 1 },
    ]);
    const dueAt = (await waitingIn(group)).get(second?.id ?? "") ?? 0;
    expect(dueAt - reply.now).toBeGreaterThanOrEqual(25);
    expect(dueAt - reply.now).toBe(reply.nextDueInMs);
  });

  test("is the second entry of one key in a batch", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b", "a", "a");
    expect(verdictsOf(await group.take())).toEqual(["LEASED", "LEASED", "DEFERRED", "DEFERRED"]);
  });

  test("is looked at again after as long as the holder has been at it, 25 ms to 5 s", async () => {
    const group = await openGroup(redis);
    const held = await group.inHand("a");
    for (const [ageMs, wait] of [
      [0, 25],
      [1_000, 1_000],
      [60_000, 5_000],
    ] as const) {
      const firstMs = Number(held.token.split(".")[1]) - ageMs;
      await redis.hset(group.keys.leases, "a", held.token.replace(/\d+$/, String(firstMs)));
      const [next] = await group.add("a");
      const reply = await group.leaseReply("c2", await group.read("c2"));
      const waits = ((await waitingIn(group)).get(next?.id ?? "") ?? 0) - reply.now;
      expect(waits).toBeGreaterThanOrEqual(wait);
      expect(waits).toBeLessThanOrEqual(Math.min(wait + 1_000, 5_000));
    }
  });

  test("is no entry whose key a token holds that belongs to nothing pending", async () => {
    const group = await openGroup(redis);
    const gone = await group.inHand("a");
    await redis.xack(group.keys.stream, group.name, gone.id);
    await group.add("a");
    const [second] = await group.take("c2");
    expect(second?.verdict).toBe("LEASED");
    expect(await leasesOf(group)).toEqual({ a: second?.token });
    expect(await group.settle("c1", success(gone))).toEqual(["FENCED"]);
  });

  test("ends when the holder has succeeded, as a duplicate", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await group.add("a");
    await group.take("c2");
    await group.settle("c1", success(a));
    await passTime(group, 5_000);
    expect((await group.recover("c2")).counts).toMatchObject({ duplicates: 1, retried: 0 });
    expect(await group.pending()).toEqual([]);
  });
});

describe("an entry without a key", () => {
  test("is known by its ID alone", async () => {
    const group = await openGroup(redis);
    await redis.xadd(group.keys.stream, "*", "foreign", "1");
    await redis.xadd(group.keys.stream, "*", "foreign", "1");
    const taken = await group.take();
    expect(verdictsOf(taken)).toEqual(["LEASED", "LEASED"]);
    const tokens = taken.map(({ id, token }) => [`#${id}`, token]);
    expect(await leasesOf(group)).toEqual(Object.fromEntries(tokens));
    expect(await group.settle("c1", ...taken.map((attempt) => success(attempt)))).toEqual([
      "SETTLED",
      "SETTLED",
    ]);
  });
});

describe("the next due time", () => {
  test("is answered in milliseconds, 0 once it is past, and not at all where nothing waits", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    expect((await group.leaseReply("c1", [a])).nextDueInMs).toBeUndefined();
    await group.settle("c1", retry(a, 20_000));
    const { nextDueInMs = 0 } = await group.leaseReply("c1", [a]);
    expect(nextDueInMs).toBeGreaterThan(15_000);
    expect(nextDueInMs).toBeLessThanOrEqual(20_000);
    await passTime(group, 30_000);
    expect((await group.leaseReply("c1", [a])).nextDueInMs).toBe(0);
  });
});

describe("AFTER an ID", () => {
  test("leases what was delivered behind it, with the tokens that the consumer can make by itself", async () => {
    const group = await openGroup(redis);
    const before = await group.inHand("before");
    await group.add("a", "b", "c");
    const [a, b] = await group.read();
    const { verdicts } = await group.leaseAfter("c1", before.id, 2);
    expect([...verdicts]).toEqual([
      [a?.id, "LEASED"],
      [b?.id, "LEASED"],
    ]);
    const { before: _, ...leases } = await leasesOf(group);
    expect(Object.keys(leases)).toEqual(["a", "b"]);
    expect(leases.a).toMatch(new RegExp(`^${a?.id}\\|c1\\|1\\|mortal_\\d+\\.\\d{13}$`));
  });

  test("comes to the same verdicts as on a list", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", success(await group.inHand("done")));
    await group.inHand("held", "c2");
    const lost = await group.inHand("lost");
    await group.add("done", "held", "new");
    const [done, held, isNew] = await group.read();
    const { verdicts, nextDueInMs } = await group.leaseAfter("c1", "0-0");
    expect(Object.fromEntries(verdicts)).toEqual({
      [lost.id]: "LOST",
      [done?.id ?? ""]: "DUPLICATE",
      [held?.id ?? ""]: "DEFERRED",
      [isNew?.id ?? ""]: "LEASED",
    });
    expect(nextDueInMs).toBeGreaterThan(0);
  });

  test("knows an entry of another layout by its ID, and one that is gone not at all", async () => {
    const group = await openGroup(redis);
    const foreign = await redis.xadd(group.keys.stream, "*", "some", "thing");
    const gone = await redis.xadd(group.keys.stream, "*", "key", "gone", "event", "{}");
    await group.read();
    await redis.xdel(group.keys.stream, gone ?? "");
    expect([...(await group.leaseAfter("c1", "0-0")).verdicts]).toEqual([[foreign, "LEASED"]]);
    expect(Object.keys(await leasesOf(group))).toEqual([`#${foreign}`]);
  });

  test("takes nothing of other consumers, and nothing of what was delivered before", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b");
    const [a, b] = await group.read();
    await group.add("c");
    await group.read("c2");
    const before = await leasesOf(group);
    expect((await group.leaseAfter("c1", b?.id ?? "")).verdicts.size).toBe(0);
    expect(await leasesOf(group)).toEqual(before);
    expect([...(await group.leaseAfter("c1", a?.id ?? "")).verdicts.keys()]).toEqual([b?.id]);
  });

  test("leases what the blocking read before it on the connection brings", async () => {
    const group = await openGroup(redis);
    const { consumer } = group.member("c1");
    const waiting = redis.duplicate();
    try {
      const args = ["GROUP", group.name, consumer, "BLOCK", 5_000, "STREAMS", group.keys.stream, ">"];
      const read = waiting.call("XREADGROUP", ...args);
      const { script, keys, args: words } = leaseAfterCall(group.keys, group.member("c1"), "n", "0-0", 1);
      const lease = waiting.call("EVAL", script.source, keys.length, ...keys, ...(words as string[]));
      await group.add("a");
      await read;
      expect(leaseAfterReply(await lease)).toMatchObject({
        verdicts: new Map([[expect.any(String), "LEASED"]]),
      });
      expect(Object.keys(await leasesOf(group))).toEqual(["a"]);
    } finally {
      waiting.disconnect();
    }
  });
});
