/** recover: what is due comes back, in its order, to one process, with the right number of its attempt. */
import type { RecoverReply } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { recovered, retry, success } from "./support/attempts.js";
import { openGroup, type TestGroup } from "./support/group.js";
import { leasesOf, metaOf, waitingIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { passTime } from "./support/time.js";

const redis = useRedis();
const leaseMs = 30_000;

function keysOf(reply: RecoverReply): readonly string[] {
  return reply.leased.map((entry) => recovered(entry).key);
}

const NOTHING = { own: 0, stale: 0, retried: 0, duplicates: 0, deadLettered: 0, trimmed: 0, deferred: 0 };

/** Two entries: one waits and is due, and one of c1 and one of c2 were delivered long ago. */
async function leftBehind(group: TestGroup): Promise<void> {
  await group.settle("c1", retry(await group.inHand("waits"), 20_000));
  await group.add("stale");
  await group.read("c2");
  await group.add("own");
  await group.read("c1");
  await passTime(group, leaseMs + 1);
}

describe("what is taken back", () => {
  test("is what is due, then what is the consumer's own, then what is stale, each whole and leased", async () => {
    const group = await openGroup(redis);
    await leftBehind(group);
    const reply = await group.recover("c1");
    expect(keysOf(reply)).toEqual(["waits", "own", "stale"]);
    expect(reply.counts).toEqual({ ...NOTHING, own: 1, stale: 1, retried: 1 });
    expect(reply).toMatchObject({
      more: false,
      suspects: 0,
      nextDueInMs: undefined,
      ownAfter: undefined,
    });
    expect(reply.leased[1]?.fields).toEqual(["key", "own", "event", '{"about":"own"}']);
    expect(await leasesOf(group)).toEqual(
      Object.fromEntries(reply.leased.map((entry) => [recovered(entry).key, entry.token])),
    );
    expect((await group.pending()).every(({ consumer, idleMs }) => consumer === "c1" && idleMs < 5_000)).toBe(
      true,
    );
    expect(await group.settle("c1", ...reply.leased.map((entry) => success(recovered(entry))))).toEqual(
      Array.from({ length: 3 }, () => "SETTLED"),
    );
  });

  test("is only what is due where that is asked", async () => {
    const group = await openGroup(redis);
    await leftBehind(group);
    expect(keysOf(await group.recover("c1", { scope: "DUE" }))).toEqual(["waits"]);
  });

  test("is nothing of the consumer's own where that is not asked", async () => {
    const group = await openGroup(redis);
    await leftBehind(group);
    expect(keysOf(await group.recover("c1", { ownAfter: undefined }))).toEqual(["waits", "stale"]);
  });

  test("is nothing that the process names as in hand", async () => {
    const group = await openGroup(redis);
    const [a, b, c] = await group.takeAll("a", "b", "c");
    const reply = await group.recover("c1", { inHand: [a.id, c.id] });
    expect(keysOf(reply)).toEqual(["b"]);
    expect(await group.settle("c1", success(a), success(b), success(c))).toEqual([
      "SETTLED",
      "FENCED",
      "SETTLED",
    ]);
  });

  test("is no waiting entry before its time, also if it has waited for longer than a lease", async () => {
    const group = await openGroup(redis, { leaseMs: 1_000 });
    await group.settle("c1", retry(await group.inHand("a"), 20_000));
    for (let n = 0; n < 9; n++) {
      await passTime(group, 2_000);
      const reply = await group.recover("c2");
      expect(reply.counts).toEqual(NOTHING);
      expect(reply.nextDueInMs).toBeGreaterThan(0);
    }
    await passTime(group, 2_000);
    expect((await group.recover("c2")).counts).toEqual({ ...NOTHING, retried: 1 });
  });

  test("is no other consumer's entry before its lease has run out", async () => {
    const group = await openGroup(redis);
    await group.add("a");
    await group.read("c2");
    await passTime(group, leaseMs - 5_000);
    expect((await group.recover("c1")).counts).toEqual(NOTHING);
    await passTime(group, 5_001);
    expect((await group.recover("c1")).counts).toEqual({ ...NOTHING, stale: 1 });
  });

  test("is an entry of another layout too, by its ID", async () => {
    const group = await openGroup(redis);
    const id = await redis.xadd(group.keys.stream, "*", "foreign", "1");
    await group.read("c1");
    const [entry] = (await group.recover("c1")).leased;
    expect(entry?.fields).toEqual(["foreign", "1"]);
    expect(await leasesOf(group)).toEqual({ [`#${id}`]: entry?.token });
  });
});

describe("what is not to be handled", () => {
  test("is acknowledged if its key was processed", async () => {
    const group = await openGroup(redis);
    await group.add("a", "a", "a");
    const [first] = await group.read("c1", 1);
    await group.read("c2", 1);
    const [a] = await group.lease("c1", first ? [first] : []);
    await group.settle("c1", ...(a ? [success(a)] : []));
    await group.read("c1");
    await passTime(group, leaseMs + 1);
    const reply = await group.recover("c1");
    expect(reply.counts).toEqual({ ...NOTHING, duplicates: 2 });
    expect(reply.leased).toEqual([]);
    expect(await group.pending()).toEqual([]);
  });

  test("waits again if another pending entry holds its key, without an attempt more", async () => {
    const group = await openGroup(redis);
    const holder = await group.inHand("a", "c2");
    const [second] = await group.add("a");
    await group.read("c1");
    for (let n = 0; n < 4; n++) {
      expect((await group.recover("c1")).counts).toEqual({ ...NOTHING, deferred: 1 });
      expect((await group.pending())[1]).toMatchObject({ id: second?.id, consumer: "/waiting", attempts: 1 });
      expect((await waitingIn(group)).size).toBe(1);
      await group.extend("c2", holder);
      await passTime(group, 5_001);
    }
    await group.settle("c2", success(holder));
    expect((await group.recover("c1")).counts).toEqual({ ...NOTHING, duplicates: 1 });
  });

  test("of two stale entries under one key is the second", async () => {
    const group = await openGroup(redis);
    await group.add("a", "a");
    await group.read("c2");
    await passTime(group, leaseMs + 1);
    const reply = await group.recover("c1");
    expect(reply.counts).toEqual({ ...NOTHING, stale: 1, deferred: 1 });
  });

  test("is reported if it was trimmed away, wherever it was", async () => {
    const group = await openGroup(redis);
    await leftBehind(group);
    await redis.xtrim(group.keys.stream, "MAXLEN", 0);
    const reply = await group.recover("c1");
    expect(reply.counts).toEqual({ ...NOTHING, trimmed: 3 });
    expect(await group.pending()).toEqual([]);
    expect((await waitingIn(group)).size).toBe(0);
  });
});

describe("a call", () => {
  test("leases no more than asked, says that there is more, and where the consumer's own go on", async () => {
    const group = await openGroup(redis);
    const entries = await group.add("a", "b", "c", "d", "e");
    await group.read("c1");
    const first = await group.recover("c1", { max: 2 });
    expect(keysOf(first)).toEqual(["a", "b"]);
    expect(first).toMatchObject({ more: true, ownAfter: entries[1]?.id });
    const inHand = entries.slice(0, 2).map(({ id }) => id);
    const second = await group.recover("c1", { max: 3, ownAfter: first.ownAfter, inHand });
    expect(keysOf(second)).toEqual(["c", "d", "e"]);
    expect(second).toMatchObject({ more: false, ownAfter: undefined });
  });

  test("that may lease nothing only says whether there is something", async () => {
    const group = await openGroup(redis);
    expect(await group.recover("c1", { max: 0 })).toMatchObject({ more: false, counts: NOTHING });
    await leftBehind(group);
    expect(await group.recover("c1", { max: 0 })).toMatchObject({ more: true, counts: NOTHING, leased: [] });
  });

  test("looks at no more than 1,000 entries, and the next one goes on", async () => {
    const group = await openGroup(redis);
    const keys = Array.from({ length: 1_000 }, (_, at) => `k${at}`);
    await group.add(...keys);
    await group.add(...keys.slice(0, 100));
    await redis.sadd(group.keys["processed.0"], ...keys);
    await group.read("c1", 2_000);
    const first = await group.recover("c1");
    expect(first).toMatchObject({ more: true, counts: { ...NOTHING, duplicates: 1_000 } });
    const second = await group.recover("c1", { ownAfter: first.ownAfter });
    expect(second).toMatchObject({ more: false, counts: { ...NOTHING, duplicates: 100 } });
  });

  test("says that there is more while another consumer has more stale entries than it may lease", async () => {
    const group = await openGroup(redis);
    await group.add("a", "b", "c");
    await group.read("c2");
    await passTime(group, leaseMs + 1);
    expect(await group.recover("c1", { max: 2 })).toMatchObject({ more: true, counts: { stale: 2 } });
    expect(await group.recover("c1", { ownAfter: undefined, max: 2 })).toMatchObject({
      counts: { stale: 1 },
    });
  });

  test("says so too where those that it looked at needed no lease", async () => {
    const group = await openGroup(redis);
    await group.add("a", "a", "a", "b");
    await redis.sadd(group.keys["processed.0"], "a");
    await group.read("c2");
    await passTime(group, leaseMs + 1);
    expect(await group.recover("c1", { max: 2 })).toMatchObject({ more: true, counts: { duplicates: 3 } });
    expect(await group.recover("c1", { max: 2 })).toMatchObject({ more: false, counts: { stale: 1 } });
  });

  test("with scope ALL notes the group's low-water ID", async () => {
    const group = await openGroup(redis);
    const [a, b] = await group.add("a", "b");
    await group.take();
    await group.recover("c1", { inHand: [a?.id ?? "", b?.id ?? ""] });
    const [ms = "", seq = ""] = a?.id.split("-") ?? [];
    const before = seq === "0" ? `${Number(ms) - 1}-18446744073709551615` : `${ms}-${Number(seq) - 1}`;
    expect(await metaOf(group)).toMatchObject({ "group:billing": before });
    const [again, other] = (await group.recover("c1")).leased.map(recovered);
    if (!(again && other)) throw new Error("nothing was recovered");
    await group.settle("c1", success(again), success(other));
    await group.recover("c1");
    expect(await metaOf(group)).toMatchObject({ "group:billing": b?.id });
  });
});
