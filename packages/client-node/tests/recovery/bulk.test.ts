/** Very much to recover at once: all of it, in order, in bounded memory and in calls that hold up nobody. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import {
  events,
  expectNothingLeft,
  GROUP,
  jobs,
  privateServer,
  publishJobs,
  scaled,
  start,
} from "./support.js";

/** Most entries that a script call takes. */
const MAX_CALL = 1_000;
const MEBIBYTE = 1_048_576;
/** The least that Redis can be asked to note, in microseconds. */
const SLOWLOG_US = 1_000;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

test("100,000 stale entries are recovered by start(), in order, in calls of at most 1,000, in bounded memory", async () => {
  const count = scaled(100_000);
  const leaseMs = 60_000;
  const server = await privateServer();
  const work = await jobs({ url: server.url });
  const { redis, keys } = work.look;
  await start(work.bus, { leaseMs }).then((consumer) => consumer.stop());
  await publishJobs(work.bus, 0, count);
  for (let read = 0; read < count; read += MAX_CALL) {
    const args = ["GROUP", GROUP, "ghost", "COUNT", MAX_CALL, "STREAMS", keys.stream, ">"] as const;
    const reply = await redis.xreadgroup(...args);
    // [[stream, [[id, fields], …]]]: the command's documented shape.
    const [[, entries]] = reply as [[string, [string, string[]][]]];
    const ids = entries.map(([id]) => id);
    await redis.xclaim(keys.stream, GROUP, "ghost", 0, ...ids, "IDLE", leaseMs + 1_000, "JUSTID");
  }
  await redis.config("SET", "slowlog-log-slower-than", SLOWLOG_US, "slowlog-max-len", 10_000);
  await redis.config("RESETSTAT");
  await redis.slowlog("RESET");

  const heapBefore = liveBytes();
  let heapMost = 0;
  let last = -1;
  /** Events that did not follow the one before them. */
  let jumps = 0;
  let begun = 0;
  const startedAt = performance.now();
  const consumer = work.bus.consumer({
    group: GROUP,
    leaseMs,
    concurrency: MAX_CALL,
    handlers: [
      events.handler({
        name: "counter",
        eventTypes: ["job.todo"],
        handle({ data: { n } }) {
          if (n !== last + 1) jumps += 1;
          last = n;
          begun += 1;
          if (begun % 10_000 === 0) heapMost = Math.max(heapMost, liveBytes());
        },
      }),
    ],
  });
  await consumer.start();
  const recovery = await consumer.recovery;
  const seconds = (performance.now() - startedAt) / 1_000;
  expect(recovery).toMatchObject({
    stale: count,
    own: 0,
    duplicates: 0,
    deadLettered: 0,
  });
  await consumer.idle();
  expect(begun).toBe(count);
  // What finds no slot in time is released, and comes again later: on a busy machine there is some of it.
  expect(jumps).toBeLessThanOrEqual(2 * recovery.retried);
  expect(heapMost - heapBefore).toBeLessThan(100 * MEBIBYTE);

  const slow = (await redis.slowlog("GET", 10_000)) as [number, number, number, string[]][];
  const scripts = slow.filter(([, , , [name]]) => name?.toLowerCase() === "evalsha");
  const slowestMs = Math.max(...scripts.map(([, , micros]) => micros)) / 1_000;
  const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
  expect(calls).toBeGreaterThanOrEqual(count / MAX_CALL);
  await expectNothingLeft(work);
  console.info(
    `${count} recovered and handled in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second, ` +
      `slowest call ${slowestMs} ms, heap + ${Math.round((heapMost - heapBefore) / MEBIBYTE)} MiB`,
  );
}, 120_000);
