/** What recovery mends on the way: orphans, and a clock that went back. */
import type { RecoverReply } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { recovered, retry, success } from "./support/attempts.js";
import { openGroup, type TestGroup } from "./support/group.js";
import { leasesOf, waitingIn } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { passTime, serverNow } from "./support/time.js";

const redis = useRedis();
const leaseMs = 30_000;

function keysOf(reply: RecoverReply): readonly string[] {
  return reply.leased.map((entry) => recovered(entry).key);
}

const NOTHING = { own: 0, stale: 0, retried: 0, duplicates: 0, deadLettered: 0, trimmed: 0, deferred: 0 };

describe("orphans", () => {
  test("are tokens whose entry is not pending and not in the stream: they go, and the others stay", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a");
    const b = await group.inHand("b");
    await redis.xack(group.keys.stream, group.name, b.id);
    await redis.xdel(group.keys.stream, b.id);
    await group.recover("c1", { scope: "DUE" });
    expect(Object.keys(await leasesOf(group)).sort()).toEqual(["a", "b"]);
    await group.recover("c1", { inHand: [a.id] });
    expect(await leasesOf(group)).toEqual({ a: a.token });
  });

  test("are swept a bounded number at a time, until none is left", async () => {
    const group = await openGroup(redis);
    const tokens = Array.from({ length: 1_500 }, (_, at) => [`k${at}`, `${at + 1}-0|c9|1|n.5`]).flat();
    await redis.hset(group.keys.leases, ...tokens);
    const left: number[] = [];
    for (let n = 0; n < 20; n++) {
      await group.recover("c1");
      left.push(await redis.hlen(group.keys.leases));
    }
    expect(left[0]).toBeGreaterThan(1_000);
    expect(left.at(-1)).toBe(0);
  });

  test("are waiting entries that nothing would wake: they get a due time, a bounded number at a time", async () => {
    const group = await openGroup(redis);
    await group.add(...Array.from({ length: 150 }, (_, at) => `k${at}`));
    const taken = await group.take();
    await group.settle("c1", ...taken.map((attempt) => retry(attempt, 20_000)));
    await redis.del(group.keys.retries);
    expect((await group.recover("c1")).counts.retried).toBe(100);
    expect((await group.recover("c1", { ownAfter: undefined })).counts.retried).toBe(50);
  });

  test("are found also behind others that wait as they should", async () => {
    const group = await openGroup(redis);
    await group.add(...Array.from({ length: 150 }, (_, at) => `k${at}`));
    const taken = await group.take();
    await group.settle("c1", ...taken.map((attempt) => retry(attempt, 20_000)));
    await redis.zrem(group.keys.retries, ...taken.slice(120).map(({ id }) => id));
    expect((await group.recover("c1")).counts.retried).toBe(0);
    expect((await group.recover("c1")).counts.retried).toBe(30);
    expect((await waitingIn(group)).size).toBe(120);
  });

  test("are due times of entries that do not wait: they go", async () => {
    const group = await openGroup(redis);
    const a = await group.inHand("a", "c2");
    await redis.zadd(group.keys.retries, 1, a.id, 1, "5-0");
    expect((await group.recover("c1")).counts).toEqual(NOTHING);
    expect((await waitingIn(group)).size).toBe(0);
    expect(await group.settle("c2", success(a))).toEqual(["SETTLED"]);
  });
});

describe("a clock that goes back", () => {
  /**
   * An entry that c2 has held for 20 seconds and one that is due 20 seconds after its retry, on a server whose clock
   * then goes back. (XCLAIM takes no delivery time in the future, so the 20 seconds pass behind the jump.)
   */
  async function afterJump(jumpMs: number): Promise<TestGroup> {
    const group = await openGroup(redis);
    await group.inHand("held", "c2");
    await group.settle("c1", retry(await group.inHand("waits"), 20_000));
    await group.recover("c1"); // notes the time
    await passTime(group, -jumpMs - 20_000);
    await passTime(group, 20_000);
    return group;
  }

  async function heldForMs(group: TestGroup): Promise<number> {
    const held = (await group.pending()).find(({ consumer }) => consumer === "c2");
    return held?.idleMs ?? Number.NaN;
  }

  test("by more than a lease restarts the leases and brings the due times along", async () => {
    const group = await afterJump(3_600_000);
    const { nextDueInMs } = await group.recover("c1");
    expect(nextDueInMs).toBeGreaterThan(10_000);
    expect(nextDueInMs).toBeLessThanOrEqual(20_000);
    expect(await heldForMs(group)).toBeLessThan(10_000);
    await passTime(group, 20_000);
    expect(keysOf(await group.recover("c1"))).toEqual(["waits"]);
    await passTime(group, leaseMs - 20_000 + 1);
    expect(keysOf(await group.recover("c1", { ownAfter: undefined }))).toEqual(["held"]);
  });

  test("does so once: the next recovery leaves the leases alone", async () => {
    const group = await afterJump(3_600_000);
    await group.recover("c1");
    await passTime(group, 15_000);
    await group.recover("c1");
    expect(await heldForMs(group)).toBeGreaterThanOrEqual(15_000);
  });

  test("by less changes nothing", async () => {
    const group = await afterJump(10_000);
    const { nextDueInMs } = await group.recover("c1");
    expect(nextDueInMs).toBeGreaterThan(20_000);
    expect(await heldForMs(group)).toBeGreaterThanOrEqual(20_000);
  });

  test("leaves what is overdue due", async () => {
    const group = await afterJump(3_600_000);
    await redis.zadd(group.keys.retries, 1, (await waitingIn(group)).keys().next().value ?? "");
    expect((await group.recover("c1")).counts.retried).toBe(1);
  });

  test("brings no due time before now", async () => {
    const group = await afterJump(3_600_000);
    const [id = ""] = (await waitingIn(group)).keys();
    const now = await serverNow(group);
    await redis.zadd(group.keys.retries, now + 1_000, id);
    const { nextDueInMs, counts } = await group.recover("c1", { max: 0 });
    expect([nextDueInMs, counts.retried]).toEqual([0, 0]);
    expect((await waitingIn(group)).get(id)).toBeGreaterThanOrEqual(now);
  });
});
