/** Retries: never early, not late either, whoever asked for them. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  commitCount,
  expectEachOnce,
  expectNothingLeft,
  jobs,
  openBus,
  privateServer,
  publishJobs,
  scaled,
  start,
  until,
} from "./support.js";

/** A consumer looks this often for what is due, where nothing told it when. */
const LOOK_MS = 500;

/** Asks for a retry after `delayMs(n)` at the first attempt, and notes when that was and when the next one began. */
function timekeeper(delayMs: (n: number) => number) {
  const asked = new Map<number, number>();
  const begun = new Map<number, number>();
  /** How many moments there were at which attempts began, those within `togetherMs` of each other taken as one. */
  const momentsOf = (togetherMs: number) => {
    const times = [...begun.values()].sort((a, b) => a - b);
    return times.filter((at, index) => index === 0 || at - (times[index - 1] ?? 0) > togetherMs).length;
  };
  const lateness = () => [...begun].map(([n, at]) => at - (asked.get(n) ?? 0) - delayMs(n));
  return {
    asked,
    lateness,
    momentsOf,
    work: ({ n, attempt }: { n: number; attempt: number }) => {
      if (attempt > 1) {
        begun.set(n, performance.now());
        return undefined;
      }
      asked.set(n, performance.now());
      return { kind: "retry", delayMs: delayMs(n) };
    },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

describe("a retry", () => {
  test("is never early, with stale recovery at work on a lease shorter than the delay", async () => {
    const work = await jobs();
    const keeper = timekeeper((n) => 300 + 97 * n);
    const options = { leaseMs: 60, work: keeper.work };
    const one = await start(work.bus, options);
    const two = await start(await openBus(work), options);
    await publishJobs(work.bus, 0, 12);
    await until(async () => (await commitCount(work, 12)) === 12);
    await one.idle();
    await two.idle();
    const done = await expectEachOnce(work, 12);
    expect(new Set(done.map(({ attempt }) => attempt))).toEqual(new Set([2]));
    // What was asked is measured before Redis hears of it.
    expect(Math.min(...keeper.lateness())).toBeGreaterThanOrEqual(0);
    console.info(`retries late by ${Math.round(median(keeper.lateness()))} ms in the median`);
    await expectNothingLeft(work);
  });

  test("is woken by its due time when the consumer that asked for it is gone", async () => {
    const work = await jobs();
    const apartMs = LOOK_MS / 2;
    const keeper = timekeeper((n) => 700 + apartMs * n);
    const asker = await start(work.bus, { work: keeper.work });
    await publishJobs(work.bus, 0, 8);
    await until(async () => (await work.look.redis.zcard(work.look.keys.retries)) === 8);
    // No first attempt is left for it: it only ever sees what is due.
    const other = await start(await openBus(work), { work: keeper.work });
    await asker.stop();
    await other.idle();
    await expectEachOnce(work, 8);
    expect(Math.min(...keeper.lateness())).toBeGreaterThanOrEqual(0);
    // Looks alone would find two at a time: not all of them began together with another one.
    expect(keeper.momentsOf(LOOK_MS / 10)).toBeGreaterThan(Math.ceil((8 * apartMs) / LOOK_MS) + 1);
  });

  test("survives that every consumer is gone", async () => {
    const work = await jobs();
    const keeper = timekeeper(() => 400);
    const asker = await start(work.bus, { work: keeper.work });
    await publishJobs(work.bus, 0, 3);
    await until(() => keeper.asked.size === 3);
    await asker.stop();
    const later = await start(work.bus, { work: keeper.work });
    await later.idle();
    await expectEachOnce(work, 3);
    expect(Math.min(...keeper.lateness())).toBeGreaterThanOrEqual(0);
  });
});

test("of 10,000 retries due at once none is early and none is forgotten", async () => {
  const work = await jobs();
  const count = scaled(10_000);
  let dueAt = Number.POSITIVE_INFINITY;
  const begunAt: number[] = [];
  const consumer = await start(work.bus, {
    concurrency: 500,
    work: ({ attempt }) => {
      if (attempt > 1) {
        begunAt.push(performance.now());
        return undefined;
      }
      return { kind: "retry", delayMs: 60_000 };
    },
  });
  await publishJobs(work.bus, 0, count);
  await until(async () => (await work.look.redis.zcard(work.look.keys.retries)) === count, { everyMs: 20 });
  expect(begunAt).toEqual([]);
  // All of them become due at one moment, soon.
  const { redis, keys } = work.look;
  const [seconds, micros] = await redis.time();
  const due = Number(seconds) * 1_000 + Number(micros) / 1_000 + 700;
  dueAt = performance.now() + 700;
  await redis.eval(
    `for _, id in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do redis.call("ZADD", KEYS[1], ARGV[1], id) end`,
    1,
    keys.retries,
    Math.ceil(due),
  );
  await until(async () => (await commitCount(work, count)) === count, { everyMs: 20, withinMs: 50_000 });
  await consumer.idle();
  await expectEachOnce(work, count);
  await expectNothingLeft(work);
  // The test's clock was read after the server's.
  expect(Math.min(...begunAt)).toBeGreaterThan(dueAt - 20);
  const last = Math.max(...begunAt) - dueAt;
  console.info(
    `${count} due at once: the last begun ${Math.round(last)} ms after, ${rate(count, last)} a second`,
  );
});

function rate(count: number, ms: number): number {
  return Math.round((count / ms) * 1_000);
}

test("waiting for what is due is no busy loop", async () => {
  const server = await privateServer();
  const work = await jobs({ url: server.url });
  const keeper = timekeeper(() => 2_500);
  const consumer = await start(work.bus, { work: keeper.work, blockMs: 5_000 });
  await publishJobs(work.bus, 0, 3);
  await until(async () => (await work.look.redis.zcard(work.look.keys.retries)) === 3);
  await work.look.redis.config("RESETSTAT");
  const resetAt = performance.now();
  await delay(4 * LOOK_MS);
  const calls = new Map(
    (await work.look.redis.info("commandstats"))
      .split("\r\n")
      .map((line) => /^cmdstat_([^:]+):calls=(\d+),/.exec(line))
      .map((found) => [found?.[1] ?? "", Number(found?.[2] ?? 0)]),
  );
  // A look at what is due every half second, and nothing else.
  expect(calls.get("evalsha") ?? 0).toBeGreaterThan(0);
  expect(calls.get("evalsha") ?? 0).toBeLessThanOrEqual((performance.now() - resetAt) / LOOK_MS + 2);
  expect(calls.get("xreadgroup") ?? 0).toBeLessThanOrEqual(1);
  await consumer.idle();
  await expectEachOnce(work, 3);
  expect(Math.min(...keeper.lateness())).toBeGreaterThanOrEqual(0);
});
