/** A consumer that comes, or comes again: what is due, its own and what the dead left come before anything new. */
import { SupersededError } from "@sluice/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Workforce } from "./processes.js";
import {
  commits,
  expectEachOnce,
  expectNothingLeft,
  Gate,
  GROUP,
  type Jobs,
  jobs,
  type Look,
  memoryLogger,
  openBus,
  publishJobs,
  reports,
  start,
  until,
  worker,
} from "./support.js";

let workforce: Workforce;
beforeAll(async () => {
  workforce = await Workforce.hire(1);
});
afterAll(() => workforce?.dismiss());

const LEASE_MS = 60_000;

/** Entries that a consumer read and never leased: it died, longer ago than its lease. */
async function abandoned({ look }: Jobs, count: number, consumer = "ghost"): Promise<void> {
  const { redis, keys } = look;
  const read = await redis.xreadgroup("GROUP", GROUP, consumer, "COUNT", count, "STREAMS", keys.stream, ">");
  // [[stream, [[id, fields], …]]]: the command's documented shape.
  const [[, entries]] = read as [[string, [string, string[]][]]];
  const ids = entries.map(([id]) => id);
  await redis.xclaim(keys.stream, GROUP, consumer, 0, ...ids, "IDLE", LEASE_MS + 1_000, "JUSTID");
}

/** The key is processed, as the scripts record it. */
async function markProcessed(look: Look, key: string): Promise<void> {
  const { ringIndex = "0" } = await look.state();
  await look.redis.sadd(look.rings()[Number(ringIndex)] ?? "", key);
}

describe("a process that was killed and comes again under its name", () => {
  test("handles what is due, its own and what the dead left before anything new, and tells how much it was", async () => {
    const work = await jobs();
    const { look } = work;
    const options = { group: GROUP, consumer: "worker-1", concurrency: 4, leaseMs: LEASE_MS };

    // Jobs 0 and 1 wait to be handled again, job 1 first.
    const asker = await start(work.bus, {
      leaseMs: LEASE_MS,
      work: () => ({ kind: "retry", delayMs: 60_000 }),
    });
    await publishJobs(work.bus, 0, 2);
    await until(async () => (await look.redis.zcard(look.keys.retries)) === 2);
    await asker.stop();
    const [first = "", second = ""] = (await look.entries()).map(({ id }) => id);
    // Jobs 2 to 5 are in the hands of a process that is killed.
    const victim = await workforce.take();
    await victim.start({ redis: work.url, stream: work.stream, options, handlerMs: 3_600_000 });
    await publishJobs(work.bus, 2, 6);
    await until(() => victim.said.filter(({ say }) => say === "handling").length >= 4);
    await victim.kill();
    // Jobs 6 to 8 are with a consumer that is long dead, jobs 9 and 10 are new.
    await publishJobs(work.bus, 6, 11);
    await abandoned(work, 3);
    // Of the victim's and the dead one's, job 3 and job 7 had been committed.
    await markProcessed(look, "job.todo:job-3");
    await markProcessed(look, "job.todo:job-7");
    await look.redis.zadd(look.keys.retries, 2, first, 1, second);

    const logger = memoryLogger();
    const bus = await openBus({ ...work, logger });
    const order: string[] = [];
    const consumer = bus.consumer({
      ...options,
      concurrency: 1,
      handlers: [
        worker("again", ({ n, attempt }) => {
          order.push(`job-${n} attempt ${attempt}`);
        }),
      ],
    });
    const recovered = reports(consumer, "recovered");
    await consumer.start();
    const recovery = await consumer.recovery;
    await consumer.idle();

    expect(order).toEqual([
      "job-1 attempt 2",
      "job-0 attempt 2",
      "job-2 attempt 2",
      "job-4 attempt 2",
      "job-5 attempt 2",
      "job-6 attempt 1",
      "job-8 attempt 1",
      "job-9 attempt 1",
      "job-10 attempt 1",
    ]);
    expect(recovery).toEqual({
      own: 3,
      stale: 2,
      retried: 2,
      duplicates: 2,
      deadLettered: 0,
      trimmed: 0,
      durationMs: expect.any(Number),
    });
    expect(recovered).toEqual([recovery]);
    expect(logger.lines.filter(({ message }) => message === "recovered")).toEqual([
      { level: "info", message: "recovered", fields: expect.objectContaining({ ...recovery, group: GROUP }) },
    ]);
    await expectNothingLeft(work);
  });

  test("takes its own back at once, and another consumer only after the lease", async () => {
    const work = await jobs();
    const options = { group: GROUP, consumer: "worker-1", leaseMs: LEASE_MS };
    const victim = await workforce.take();
    await victim.start({ redis: work.url, stream: work.stream, options, handlerMs: 3_600_000 });
    await publishJobs(work.bus, 0, 3);
    await until(() => victim.said.filter(({ say }) => say === "handling").length === 3);
    await victim.kill();
    const other = await start(work.bus, { consumer: "worker-2", leaseMs: LEASE_MS });
    expect(await other.recovery).toMatchObject({ own: 0, stale: 0 });
    const again = await start(work.bus, { consumer: "worker-1", leaseMs: LEASE_MS });
    expect(await again.recovery).toMatchObject({ own: 3, stale: 0 });
    await again.idle();
    const done = await expectEachOnce(work, 3);
    expect(done.map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
  });

  test("recovers more than it can have in hand before it reads", async () => {
    const work = await jobs();
    await start(work.bus, { leaseMs: LEASE_MS }).then((consumer) => consumer.stop());
    await publishJobs(work.bus, 0, 1_500);
    await abandoned(work, 700, "worker-1");
    await abandoned(work, 400, "ghost-1");
    await abandoned(work, 300, "ghost-2");
    const order: number[] = [];
    const readTo = new Set<unknown>();
    const consumer = await start(work.bus, {
      consumer: "worker-1",
      leaseMs: LEASE_MS,
      concurrency: 10,
      work: async ({ n }) => {
        order.push(n);
        if (n % 200 === 0 && n < 1_300)
          readTo.add((await work.bus.getStreamInfo()).groups[0]?.lastDeliveredId);
      },
    });
    expect(await consumer.recovery).toMatchObject({ own: 700, stale: 700 });
    await consumer.idle();
    // Nothing new was begun before all of it was.
    expect(Math.max(...order.slice(0, 1_400))).toBe(1_399);
    // Nor was it read.
    expect([...readTo]).toEqual([(await work.look.entries())[1_399]?.id]);
    await expectEachOnce(work, 1_500);
  });
});

test("what was deleted from the stream while it was pending is let go, and told", async () => {
  const work = await jobs();
  await start(work.bus, { leaseMs: LEASE_MS }).then((consumer) => consumer.stop());
  await publishJobs(work.bus, 0, 20);
  await abandoned(work, 10);
  const ids = (await work.look.entries()).map(({ id }) => id);
  await work.look.redis.xdel(work.look.keys.stream, ...ids.slice(5, 8));
  const consumer = await start(work.bus, { leaseMs: LEASE_MS });
  expect(await consumer.recovery).toMatchObject({ stale: 7, trimmed: 3 });
  await consumer.idle();
  expect((await commits(work)).length).toBe(17);
  await expectNothingLeft(work);
});

describe("two live processes under one name", () => {
  test("the newer works on; the older stops with SupersededError, and commits nothing more", async () => {
    const work = await jobs();
    const options = { consumer: "worker-1", leaseMs: LEASE_MS };
    const gate = new Gate();
    const older = await start(work.bus, { ...options, by: "older", work: () => gate.pass() });
    const errors = reports(older, "error");
    await publishJobs(work.bus, 0, 2);
    await until(() => gate.arrived === 2);

    const newer = await start(await openBus(work), { ...options, by: "newer" });
    // It takes over what the older one has in hand, too.
    expect(await newer.recovery).toMatchObject({ own: 2 });
    gate.open();
    await until(() => errors.some(({ fatal }) => fatal));
    expect(errors.at(-1)).toMatchObject({ fatal: true, error: expect.any(SupersededError) });
    await publishJobs(work.bus, 2, 50);
    await newer.idle();
    const done = await expectEachOnce(work, 50);
    expect(new Set(done.map(({ by }) => by))).toEqual(new Set(["newer"]));
    await expectNothingLeft(work);
    await older.stop();
    await publishJobs(work.bus, 50, 51);
    await until(async () => (await commits(work)).length === 51);
  });

  test("what the older one's last read was given is not left until its lease is over", async () => {
    const work = await jobs();
    const options = { consumer: "worker-1", leaseMs: LEASE_MS };
    const older = await start(work.bus, { ...options, by: "older" });
    const errors = reports(older, "error");
    const newer = await start(await openBus(work), { ...options, by: "newer" });
    const startedAt = Date.now();
    await publishJobs(work.bus, 0, 20);
    await until(async () => (await commits(work)).length === 20);
    await newer.idle();
    const done = await expectEachOnce(work, 20);
    expect(new Set(done.map(({ by }) => by))).toEqual(new Set(["newer"]));
    expect(Math.max(...done.map(({ at }) => at)) - startedAt).toBeLessThan(5_000);
    await until(() => errors.some(({ fatal }) => fatal));
  }, 60_000);
});
