/** `info` tells what there is, exactly where it says so. */
import { infoCall } from "@sluice/lua-scripts";
import { startServer } from "@sluice/test-server";
import { describe, expect, onTestFinished, test } from "vitest";
import { info, infoOf, trim } from "./operations/calls.js";
import { expectInfo } from "./operations/expected-info.js";
import { live } from "./operations/live.js";
import { failure, retry, skip, success } from "./support/attempts.js";
import { openGroup, TestGroup } from "./support/group.js";
import { type Client, connect, run, useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { serverNow } from "./support/time.js";
import { busyGroup } from "./support/world.js";

const redis = useRedis();

async function addMany(group: TestGroup, count: number, bytes = 10): Promise<readonly string[]> {
  const pipeline = redis.pipeline();
  for (let n = 0; n < count; n++) {
    pipeline.xadd(group.keys.stream, "*", "key", `k${n}`, "event", "x".repeat(bytes));
  }
  return ((await pipeline.exec()) ?? []).map(([, id]) => String(id));
}

test("a stream that is not there: the same shape, with zeros", async () => {
  const group = new TestGroup(redis);
  const zeros = { exists: false, length: 0, firstId: undefined, lastId: undefined, memoryBytes: 0 };
  await unchanged(redis, group.allKeys, async () => {
    expect(await info(group)).toMatchObject({ ...zeros, groupNames: [], protocol: undefined, maxLength: 0 });
    expect(await infoOf(group)).toMatchObject({
      ...{ exists: false, pending: 0, lag: 0, lagExact: true, lastDeliveredId: "0-0", oldestPendingMs: 0 },
      ...{ retrying: 0, nextRetryAt: undefined, deadLetters: 0, processedKeys: 0, lowWaterId: undefined },
      ...{ idempotencyTtlMs: 0, leaseMs: 0, maxAttempts: 0, consumers: [] },
    });
  });
});

test("a busy group: every number, and nothing is written", async () => {
  const { group } = await busyGroup(redis);
  const now = await serverNow(group);
  await trim(group, { maxLength: 1_000 });
  const { groups, ...stream } = await unchanged(redis, group.allKeys, () => info(group));
  expect(stream).toMatchObject({ exists: true, protocol: "1", maxLength: 1_000, groupNames: ["billing"] });
  expect(stream.memoryBytes).toBe(await redis.memory("USAGE", group.keys.stream));
  expect(Math.abs(stream.now - now)).toBeLessThan(5_000);
  const [found] = groups;
  expect(found).toMatchObject({
    ...{ name: "billing", exists: true, pending: 7, lag: 1, lagExact: true, retrying: 1, deadLetters: 1 },
    ...group.settings,
  });
  expect(found?.nextRetryAt).toBeGreaterThan(now + 15_000);
  expect(found?.consumers).toEqual([{ name: "c1", pending: 6, idleMs: expect.any(Number) }]);
});

test("the oldest pending entry's age is by its ID, however often it was delivered", async () => {
  const group = await openGroup(redis);
  const now = await serverNow(group);
  await redis.xadd(group.keys.stream, `${now - 90_000}-0`, "key", "old", "event", "{}");
  await group.add("new");
  const [old, fresh] = await group.take();
  if (!(old && fresh)) throw new Error("nothing was delivered");
  const about = async () => (await infoOf(group)).oldestPendingMs;
  expect(await about()).toBeGreaterThanOrEqual(90_000);
  await group.settle("c1", retry(old, 10_000));
  expect(await about()).toBeGreaterThanOrEqual(90_000);
  const [{ id } = { id: "" }] = await group.pending();
  await redis.xack(group.keys.stream, group.name, id);
  expect(await about()).toBeLessThan(60_000);
  await group.settle("c1", skip(fresh));
  expect(await about()).toBe(0);
});

test("processed keys are counted as long as they are remembered, with the marks of dead letters", async () => {
  const group = await openGroup(redis);
  await group.add("done", "skipped", "dead");
  const [done, skipped, dead] = await group.take();
  if (!(done && skipped && dead)) throw new Error("nothing was delivered");
  await group.settle("c1", success(done), skip(skipped), failure(dead));
  expect(await infoOf(group)).toMatchObject({ processedKeys: 2 });
  await redis.hincrby(group.keys.state, "ringOpenedAt", -10 * 60_000);
  expect(await infoOf(group)).toMatchObject({ processedKeys: 0 });
});

test("a group that is registered and gone: what is left of it, and what it has still to be given", async () => {
  const { group } = await busyGroup(redis);
  await redis.xgroup("DESTROY", group.keys.stream, group.name);
  expect(await info(group)).toMatchObject({ groupNames: ["billing"] });
  expect(await infoOf(group)).toMatchObject({
    ...{ exists: false, pending: 0, lag: 11, deadLetters: 1, lowWaterId: "0-0", lastDeliveredId: "0-0" },
  });
});

test("groups that were not asked about are named, so that the next call can ask", async () => {
  const group = await openGroup(redis);
  await group.sibling("other");
  await redis.xgroup("CREATE", group.keys.stream, "somebody/else's", "$");
  const reply = await run(redis, infoCall(group.keys, []));
  expect(reply).toEqual(expect.arrayContaining(["billing", "other", "somebody/else's"]));
});

describe("lag", () => {
  async function lagOf(group: TestGroup) {
    const { lag, lagExact } = await infoOf(group);
    return { lag, lagExact };
  }

  test("of long streams is Redis's own count, also after trim has dropped entries", async () => {
    const group = await openGroup(redis);
    await addMany(group, 3_000);
    expect(await lagOf(group)).toEqual({ lag: 3_000, lagExact: true });
    const taken = await group.lease("c1", await group.read("c1", 500));
    expect(await lagOf(group)).toEqual({ lag: 2_500, lagExact: true });
    await group.settle("c1", ...taken.map((attempt) => skip(attempt)));
    expect(await trim(group)).toMatchObject({ dropped: 500 });
    expect(await lagOf(group)).toEqual({ lag: 2_500, lagExact: true });
  });

  test("is counted where entries were deleted in the middle and few are left", async () => {
    const group = await openGroup(redis);
    const ids = await addMany(group, 900);
    await group.read("c1", 100);
    await redis.xdel(group.keys.stream, ...ids.filter((_, n) => n % 3 === 0));
    expect(await lagOf(group)).toEqual({
      lag: ids.filter((_, n) => n >= 100 && n % 3 !== 0).length,
      lagExact: true,
    });
    await group.read("c1", 1_000);
    expect(await lagOf(group)).toEqual({ lag: 0, lagExact: true });
  });

  test("is not said to be exact where many are left, and is not above the stream's length", async () => {
    const group = await openGroup(redis);
    const ids = await addMany(group, 2_500);
    await group.read("c1", 100);
    await redis.xdel(group.keys.stream, ...ids.slice(1_000, 1_100));
    const { lag, lagExact } = await lagOf(group);
    expect(lagExact).toBe(false);
    expect(lag).toBeGreaterThanOrEqual(2_300);
    expect(lag).toBeLessThanOrEqual(2_400);
  });

  test("of large entries is counted within 4 MiB only", async () => {
    const group = await openGroup(redis);
    const ids = await addMany(group, 100, 100_000);
    await group.read("c1", 10);
    await redis.xdel(group.keys.stream, ids[20] ?? "");
    expect(await lagOf(group)).toMatchObject({ lagExact: false });
    await group.read("c1", 60);
    expect(await lagOf(group)).toEqual({ lag: 29, lagExact: true });
  });

  test("after somebody else has trimmed is not said to be exact", async () => {
    const group = await openGroup(redis);
    await addMany(group, 2_500);
    await group.read("c1", 100);
    await redis.xtrim(group.keys.stream, "MAXLEN", 2_450);
    expect(await lagOf(group)).toMatchObject({ lagExact: false });
    // What is behind the first entry there is needs no counting.
    await redis.xtrim(group.keys.stream, "MAXLEN", 1_500);
    expect(await lagOf(group)).toEqual({ lag: 1_500, lagExact: true });
  });
});

/** Every number of `info` against the model, after each step. */
async function agree(client: Client, count: number): Promise<readonly string[]> {
  const happened = await live(client, {
    count,
    length: 24,
    kinds: {
      ...{ publish: 5, take: 3, settle: 8, recover: 3, replay: 4, discard: 1 },
      ...{ trim: 3, "catch up": 2, delete: 3, destroy: 1, heal: 1 },
    },
    outcomes: ["success", "skip", "retry now", "retry later", "failure", "failure"],
    check: expectInfo,
  });
  return Object.keys(happened);
}

describe("over random histories every number agrees with a model", () => {
  test("on the run's server", async () => {
    const seen = await agree(redis, 400);
    expect(seen).toEqual(expect.arrayContaining(["healed", "dropped settled", "replayed in place"]));
  }, 60_000);

  test("on Valkey 8.1", async ({ skip }) => {
    const server = await startServer({ version: "valkey-8.1" }).catch((error: unknown) =>
      skip(`no Valkey 8.1: ${error}`),
    );
    onTestFinished(() => server.stop());
    const client = connect(server.url);
    onTestFinished(() => client.disconnect());
    await agree(client, 100);
  }, 120_000);
});
