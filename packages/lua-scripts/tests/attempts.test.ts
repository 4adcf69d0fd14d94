/** How attempts are counted across crashes, and what that ends in: the number goes up as designed and not otherwise. */
import { describe, expect, test } from "vitest";
import { numberOf, recovered, retry, skip, success } from "./support/attempts.js";
import { openGroup, type Taken, type TestGroup } from "./support/group.js";
import { lettersOf, processedIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { passTime } from "./support/time.js";

const redis = useRedis();
const PAST_LEASE_MS = 30_001;

/** Recovers once and answers what was leased. */
async function takenBack(
  group: TestGroup,
  consumer = "c1",
  inHand: readonly string[] = [],
): Promise<readonly Taken[]> {
  return (await group.recover(consumer, { inHand })).leased.map(recovered);
}

describe("the number of an attempt", () => {
  test("goes up by one for a process that died while it handled the entry, whoever takes it", async () => {
    const group = await openGroup(redis, { maxAttempts: 5 });
    expect(numberOf(await group.inHand("a"))).toBe(1);
    expect((await takenBack(group, "c1")).map(numberOf)).toEqual([2]);
    await passTime(group, PAST_LEASE_MS);
    expect((await takenBack(group, "c2")).map(numberOf)).toEqual([3]);
    expect(await group.pending()).toMatchObject([{ consumer: "c2", attempts: 3 }]);
  });

  test("goes up by one at a retry", async () => {
    const group = await openGroup(redis, { maxAttempts: 5 });
    await group.settle("c1", retry(await group.inHand("a")));
    for (const number of [2, 3, 4]) {
      const [again] = await takenBack(group, "c2");
      expect(again && numberOf(again)).toBe(number);
      await group.settle("c2", ...(again ? [retry(again)] : []));
    }
  });

  test.each([
    ["own", "c1", "c1"],
    ["stale", "c2", "c1"],
  ])("stays for an entry that was delivered and never leased (%s)", async (_, reader, taker) => {
    const group = await openGroup(redis, { maxAttempts: 5 });
    await group.add("a");
    await group.read(reader);
    await passTime(group, PAST_LEASE_MS);
    expect((await takenBack(group, taker)).map(numberOf)).toEqual([1]);
    expect((await group.pending()).map(({ attempts }) => attempts)).toEqual([1]);
  });

  test("stays while an entry waits for another one of its key", async () => {
    const group = await openGroup(redis, { maxAttempts: 5 });
    const holder = await group.inHand("a", "c2");
    await group.add("a");
    await group.take("c1");
    for (let n = 0; n < 5; n++) {
      await passTime(group, 5_000);
      await group.extend("c2", holder);
      expect(await takenBack(group, "c1")).toEqual([]);
    }
    await group.settle("c2", skip(holder));
    await passTime(group, 5_000);
    expect((await takenBack(group, "c1")).map(numberOf)).toEqual([1]);
  });

  test("is not raised by XREADGROUP's, lease's or extend's own bookkeeping", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    await group.extend("c1", a);
    await group.extend("c1", a);
    expect((await group.pending()).map(({ attempts }) => attempts)).toEqual([1]);
  });
});

describe("an entry whose process dies every time", () => {
  test("is a dead letter after the last attempt, with the time of its first delivery", async () => {
    const group = await openGroup(redis, { maxAttempts: 3 });
    const first = await group.inHand("poison");
    expect((await takenBack(group)).map(numberOf)).toEqual([2]);
    expect(await takenBack(group)).toEqual([]);
    expect(await group.takeSuspect()).toMatchObject({ token: expect.stringContaining("|3|") });
    const reply = await group.recover("c1");
    expect(reply.leased).toEqual([]);
    expect(reply.counts.deadLettered).toBe(1);
    expect(await group.pending()).toEqual([]);
    expect(await processedIn(group)).toEqual([`#${first.id}`]);
    const letters = await lettersOf(group);
    expect(letters).toMatchObject([
      {
        about: {
          entryId: first.id,
          reason: "MAX_ATTEMPTS",
          attempts: "3",
          message: expect.stringContaining("died"),
        },
        fields: ["key", "poison", "event", '{"about":"poison"}'],
      },
    ]);
    // A suspect keeps it as its idle time, which the server works out by a clock of its own: not to the millisecond.
    const deviation = Number(letters[0]?.about.firstDeliveredAt) - Number(first.token.split(".")[1]);
    expect(Math.abs(deviation)).toBeLessThan(PAST_LEASE_MS / 2);
  });

  test("is so too if other processes take it as stale each time", async () => {
    const group = await openGroup(redis, { maxAttempts: 2 });
    await group.inHand("poison");
    await passTime(group, PAST_LEASE_MS);
    expect(await takenBack(group, "c2")).toEqual([]);
    expect(await group.takeSuspect("c2")).toMatchObject({ token: expect.stringContaining("|2|") });
    await passTime(group, PAST_LEASE_MS);
    expect((await group.recover("c1")).counts.deadLettered).toBe(1);
  });

  test("is a dead letter at once where one attempt is all there is", async () => {
    const group = await openGroup(redis, { maxAttempts: 1 });
    await group.inHand("poison");
    expect((await group.recover("c1")).counts.deadLettered).toBe(1);
  });

  test("and retries in between is one as well: both count", async () => {
    const group = await openGroup(redis, { maxAttempts: 3 });
    await group.inHand("poison");
    const [second] = await takenBack(group);
    await group.settle("c1", ...(second ? [retry(second)] : []));
    expect((await takenBack(group)).map(numberOf)).toEqual([3]);
    expect((await group.recover("c1")).counts.deadLettered).toBe(1);
  });

  test("meets a group that was given fewer attempts meanwhile", async () => {
    const group = await openGroup(redis, { maxAttempts: 9 });
    await group.settle("c1", retry(await group.inHand("a")));
    for (const _ of [2, 3]) {
      const [again] = await takenBack(group);
      await group.settle("c1", ...(again ? [retry(again)] : []));
    }
    await group.open({ maxAttempts: 2, change: true });
    expect((await group.recover("c1")).counts.deadLettered).toBe(1);
  });
});

describe("the last attempt of an entry whose process died", () => {
  /** Leases the keys, and the process dies: with two attempts in all, the next one is the last. */
  async function crashed(...keys: readonly string[]): Promise<TestGroup> {
    const group = await openGroup(redis, { maxAttempts: 2 });
    await group.add(...keys);
    await group.take("c1");
    return group;
  }

  test("waits as a suspect, and the others go on", async () => {
    const group = await crashed("poison");
    await group.add("other");
    await group.read("c1");
    const reply = await group.recover("c1");
    expect(reply.leased.map((entry) => [recovered(entry).key, entry.suspect])).toEqual([["other", false]]);
    expect(reply).toMatchObject({ suspects: 1, more: false, ownAfter: undefined, nextDueInMs: undefined });
    expect((await group.pending())[0]).toMatchObject({ consumer: "/waiting", attempts: 2 });
  });

  test("takes no neighbour along: of a batch that died together each is a suspect, and the poison alone dies", async () => {
    const group = await crashed("a", "poison", "b");
    expect(await group.recover("c1")).toMatchObject({ leased: [], suspects: 3 });
    const beside = await group.inHand("beside", "c1");
    for (const key of ["a", "poison", "b"]) {
      const suspect = await group.takeSuspect("c1");
      expect(suspect).toMatchObject({ suspect: true, fields: ["key", key, "event", `{"about":"${key}"}`] });
      // The poison kills its process once more.
      if (key === "poison") expect((await takenBack(group)).map(numberOf)).toEqual([1]);
      else await group.settle("c1", ...(suspect ? [success(recovered(suspect))] : []));
    }
    expect((await lettersOf(group)).map(({ fields }) => fields[1])).toEqual(["poison"]);
    expect(await group.pending()).toMatchObject([{ id: beside.id, attempts: 1 }]);
  });

  test("is no matter for an attempt that ended with a retry: it runs beside others", async () => {
    const group = await openGroup(redis, { maxAttempts: 2 });
    await group.settle("c1", retry(await group.inHand("a")));
    await group.settle("c1", retry(await group.inHand("b")));
    const { leased } = await group.recover("c1");
    expect(leased.map(({ suspect }) => suspect)).toEqual([false, false]);
  });

  test("is not the one before: that runs beside others", async () => {
    const group = await openGroup(redis, { maxAttempts: 3 });
    await group.add("a", "b");
    await group.take("c1");
    const { leased } = await group.recover("c1");
    expect(leased.map(({ suspect }) => suspect)).toEqual([false, false]);
  });
});
