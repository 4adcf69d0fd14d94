/** What others take away from a group: put back where it can be found, else counted, in whatever order they do it. */
import { type ScriptCall, trimCall } from "@sluice/lua-scripts";
import { describe, expect, test } from "vitest";
import { infoOf, trim } from "./operations/calls.js";
import { recovered, retry, skip, success } from "./support/attempts.js";
import { before70 } from "./support/call-sites.js";
import { openGroup, type TestGroup } from "./support/group.js";
import { leasesOf, waitingIn } from "./support/look.js";
import { run, useRedis } from "./support/redis.js";
import { passTime } from "./support/time.js";

const redis = useRedis();

const named = (count: number, prefix = "k") => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** As clients run scripts, and as scripts find themselves on a server that does not tell what was ever added. */
const servers = [
  ["a server that counts what was added", (call: ScriptCall) => run(redis, call), true],
  [
    "a server before 7.0",
    (call: ScriptCall) => run(redis, { ...call, script: before70(call.script) }),
    false,
  ],
] as const;

/** What a recovery finds to be lost, in as many calls as it takes. */
async function lostNow(group: TestGroup): Promise<number> {
  return (await group.recover("c1", { max: 0, ownAfter: undefined })).counts.trimmed;
}

describe.each(servers)("on %s", (_, runCall, exact) => {
  const acts: readonly [string, (group: TestGroup) => Promise<unknown>, number][] = [
    ["XTRIM MAXLEN", ({ client, keys }) => client.xtrim(keys.stream, "MAXLEN", 100), 900],
    [
      "XTRIM MINID",
      async ({ client, keys }) => {
        const [[id = ""] = []] = await client.xrevrange(keys.stream, "+", "-", "COUNT", 1);
        await client.xtrim(keys.stream, "MINID", id);
      },
      999,
    ],
    [
      "MAXLEN of somebody's XADD",
      ({ client, keys }) => client.xadd(keys.stream, "MAXLEN", 10, "*", "a", "b"),
      991,
    ],
    [
      "XDEL of every tenth",
      async ({ client, keys }) => {
        const entries = await client.xrange(keys.stream, "-", "+");
        await client.xdel(keys.stream, ...entries.filter((_, n) => n % 10 === 0).map(([id]) => id));
      },
      100,
    ],
    ["XGROUP SETID", ({ client, keys, name }) => client.xgroup("SETID", keys.stream, name, "$"), 1_000],
    [
      "XGROUP DESTROY and CREATE",
      async ({ client, keys, name }) => {
        await client.xgroup("DESTROY", keys.stream, name);
        await client.xgroup("CREATE", keys.stream, name, "$");
      },
      1_000,
    ],
  ];

  test.each(acts)("unread entries that %s takes away are counted, once", async (_, act, count) => {
    const group = await openGroup(redis, { run: runCall });
    await group.add(...named(1_000));
    expect(await lostNow(group)).toBe(0);
    await act(group);
    expect(await infoOf(group)).toMatchObject({ lost: count, lostExact: exact });
    expect(await lostNow(group)).toBe(count);
    expect(await lostNow(group)).toBe(0);
    expect(await infoOf(group)).toMatchObject({ lost: count, lostExact: exact });
  });

  test("what a busy group reads, settles, retries, skips and trims is never a loss", async () => {
    const group = await openGroup(redis, { run: runCall });
    for (let round = 0; round < 12; round++) {
      await group.add(...named(20, `r${round}-`), ...(round % 3 === 0 ? ["again"] : []));
      const taken = (await group.lease("c1", await group.read("c1", 17))).filter(
        ({ verdict }) => verdict === "LEASED",
      );
      await group.settle(
        "c1",
        ...taken.map((entry, n) =>
          n % 5 === 0 ? retry(entry, 0) : n % 5 === 1 ? skip(entry) : success(entry),
        ),
      );
      const { leased, counts } = await group.recover("c1", { ownAfter: undefined });
      expect(counts.trimmed).toBe(0);
      await group.settle("c1", ...leased.map(recovered).map((entry) => success(entry)));
      await trim(group);
      expect(await lostNow(group)).toBe(0);
      expect(await infoOf(group)).toMatchObject({ lost: 0, lostExact: true, lostAt: undefined });
    }
  });

  test("what others remove once it is settled is no loss, while others read on", async () => {
    const group = await openGroup(redis, { run: runCall });
    for (let round = 0; round < 5; round++) {
      await group.add(...named(20, `r${round}-`));
      await group.settle("c1", ...(await group.take()).map((entry) => success(entry)));
      await redis.xtrim(group.keys.stream, "MAXLEN", 7);
      expect(await lostNow(group)).toBe(0);
    }
  });
});

describe("entries that were taken out of the pending list are not lost", () => {
  test("with a consumer that others deleted: leased or not, they go on, and the holder keeps its lease", async () => {
    const group = await openGroup(redis);
    await group.add(...named(10));
    const leased = await group.lease("c2", await group.read("c2", 4));
    await group.read("c2", 6);
    expect(await lostNow(group)).toBe(0);
    await redis.xgroup("DELCONSUMER", group.keys.stream, group.name, "c2");
    expect(await lostNow(group)).toBe(0);
    const pending = await group.pending();
    expect(pending.map(({ consumer }) => consumer)).toEqual([
      ...named(4).map(() => "c2"),
      ...named(6).map(() => "/waiting"),
    ]);
    expect(await group.settle("c2", ...leased.map((entry) => success(entry)))).toEqual(
      leased.map(() => "SETTLED"),
    );
    expect((await group.recover("c1")).counts).toMatchObject({ retried: 6, trimmed: 0 });
    expect(await infoOf(group)).toMatchObject({ lost: 0 });
  });

  test("with the waiting ones' consumer: hundreds of them, each until it is due", async () => {
    const group = await openGroup(redis);
    await group.add(...named(350));
    await group.settle("c1", ...(await group.take()).map((entry) => retry(entry, 20_000)));
    expect(await lostNow(group)).toBe(0);
    const due = await waitingIn(group);
    await redis.xgroup("DELCONSUMER", group.keys.stream, group.name, "/waiting");
    expect(await lostNow(group)).toBe(0);
    expect(await waitingIn(group)).toEqual(due);
    expect((await group.pending()).filter(({ consumer }) => consumer === "/waiting")).toHaveLength(350);
    await passTime(group, 20_000);
    expect((await group.recover("c1")).counts).toMatchObject({ retried: 350, trimmed: 0 });
  });

  test("by a stranger's XAUTOCLAIM, however often: they wait until they are due, at the same attempt", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", retry(await group.inHand("waits"), 20_000));
    for (let n = 0; n < 5; n++) {
      await redis.xautoclaim(group.keys.stream, group.name, "thief", 0, "0-0");
      expect(await lostNow(group)).toBe(0);
      expect(await group.pending()).toMatchObject([{ consumer: "/waiting", attempts: 2 }]);
    }
    await passTime(group, 20_000);
    expect((await group.recover("c1")).counts).toMatchObject({ retried: 1, stale: 0 });
  });

  test("by a foreign XACK, unless their key is processed", async () => {
    const group = await openGroup(redis);
    const [held, done] = await group.takeAll("held", "done");
    await redis.xack(group.keys.stream, group.name, held.id, done.id);
    await group.settle("c1", success(done));
    expect(await lostNow(group)).toBe(0);
    expect((await group.pending()).map(({ id }) => id)).toEqual([held.id]);
    expect(await leasesOf(group)).toEqual({ held: held.token });
  });
});

test("a stream that is deleted under its group loses what the group had not settled, and no more", async () => {
  const group = await openGroup(redis);
  await group.add(...named(10));
  const taken = await group.lease("c1", await group.read("c1", 6));
  await group.settle("c1", ...taken.slice(0, 2).map((entry) => success(entry)));
  expect(await lostNow(group)).toBe(0);
  await group.settle("c1", ...taken.slice(2, 3).map((entry) => success(entry)));
  await redis.del(group.keys.stream);
  await group.add("new");
  expect(await group.open({ mode: "REJOIN" })).toMatchObject({ how: "HEALED" });
  expect(await lostNow(group)).toBe(7);
  expect(await lostNow(group)).toBe(0);
  expect(await infoOf(group)).toMatchObject({ lost: 7, lostExact: false, lag: 1, lagExact: true });
});

test("where others trim a stream, what trim drops itself is told from what they removed", async () => {
  const group = await openGroup(redis);
  const windowMs = 100_000;
  const verdicts = async () => {
    const { results } = await group.publish(named(6), { windowMs });
    return results.map(({ verdict }) => verdict);
  };
  const { results } = await group.publish(named(6), { windowMs });
  await group.settle("c1", ...(await group.take()).map((entry) => success(entry)));
  await run(redis, trimCall(group.keys, { settledForMs: 0, maxLength: undefined, limit: 3 }));
  expect(await verdicts()).toEqual(named(6).map(() => "DUPLICATE"));
  await redis.xdel(group.keys.stream, results[4]?.id ?? "");
  expect(await verdicts()).toEqual(named(6).map((_, n) => (n === 4 ? "NEW" : "DUPLICATE")));
});
