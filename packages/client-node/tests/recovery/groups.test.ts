/** Groups and streams that vanish under consumers at work: they go on by themselves. */
import { describe, expect, test } from "vitest";
import {
  commits,
  expectNothingLeft,
  Gate,
  GROUP,
  type Jobs,
  jobs,
  memoryLogger,
  openBus,
  publishJobs,
  start,
  until,
} from "./support.js";

/** Publishes one job after the other, until told to stop. Resolves with how many that were. */
function publishing({ bus }: Jobs, from = 0) {
  let next = from;
  let on = true;
  const done = (async () => {
    for (; on; next += 1) await bus.publish("job.todo", { n: next }, { idempotencyKey: `job-${next}` });
    return next;
  })();
  return {
    /** Resolves when this many more are published. */
    more: (count: number) => {
      const wanted = next + count;
      return until(() => next >= wanted);
    },
    end: () => {
      on = false;
      return done;
    },
  };
}

const leaseMs = 1_000;

describe("the group is deleted", () => {
  test("under consumers at work: nothing is skipped, nothing that was processed is handled again, and it is logged", async () => {
    const work = await jobs();
    const { redis, keys } = work.look;
    const loggers = [memoryLogger(), memoryLogger()];
    const begun = new Map<number, number>();
    const processed = new Set<number>();
    const again: number[] = [];
    for (const logger of loggers) {
      const consumer = await start(await openBus({ ...work, logger }), {
        leaseMs,
        work: ({ n }) => {
          begun.set(n, (begun.get(n) ?? 0) + 1);
          if (processed.has(n)) again.push(n);
        },
      });
      consumer.on("handled", ({ idempotencyKey }) => processed.add(Number(idempotencyKey.slice(4))));
    }
    const publisher = publishing(work);
    for (let round = 0; round < 3; round++) {
      await publisher.more(150);
      await redis.xgroup("DESTROY", keys.stream, GROUP);
    }
    await publisher.more(150);
    const total = await publisher.end();
    await until(async () => (await commits(work)).length >= total);
    const done = await commits(work);
    expect(done.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n));
    expect(again).toEqual([]);
    const healed = loggers.flatMap(({ lines }) =>
      lines.filter(({ message }) => /group was missing/.test(message)),
    );
    expect(healed.length).toBeGreaterThanOrEqual(3);
    expect(healed.filter(({ fields }) => fields.how === "HEALED")).toHaveLength(3);
    await expectNothingLeft(work);
  });

  test("while events are in hand: they are handled, and committed once", async () => {
    const work = await jobs();
    const { redis, keys } = work.look;
    const gate = new Gate();
    const consumer = await start(work.bus, { leaseMs, concurrency: 4, work: () => gate.pass() });
    await publishJobs(work.bus, 0, 10);
    await until(() => gate.arrived === 4);
    await redis.xgroup("DESTROY", keys.stream, GROUP);
    gate.open();
    await until(async () => (await commits(work)).length === 10);
    await consumer.idle();
    expect((await commits(work)).map(({ n }) => n).sort((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    await expectNothingLeft(work);
  });

  test("before a consumer comes: it begins where the group was, not at the end", async () => {
    const work = await jobs();
    const { redis, keys } = work.look;
    const first = await start(work.bus, { leaseMs });
    await publishJobs(work.bus, 0, 5);
    await first.idle();
    await first.stop();
    await redis.xgroup("DESTROY", keys.stream, GROUP);
    await publishJobs(work.bus, 5, 8);
    const begun: number[] = [];
    const second = await start(work.bus, { leaseMs, startFrom: "$", work: ({ n }) => void begun.push(n) });
    await second.idle();
    expect(begun).toEqual([5, 6, 7]);
  });

  test("dead letters and waiting retries: the one does not run again, the other does", async () => {
    const work = await jobs();
    const { redis, keys } = work.look;
    const begun: string[] = [];
    const consumer = await start(work.bus, {
      leaseMs,
      work: ({ n, attempt }) => {
        begun.push(`job ${n} attempt ${attempt}`);
        if (n === 0) return { kind: "failure", reason: "no good" };
        return begun.length < 3 ? { kind: "retry", delayMs: 60_000 } : undefined;
      },
    });
    await publishJobs(work.bus, 0, 2);
    await until(async () => (await work.look.deadLetters()).length === 1 && begun.length === 2);
    await until(async () => (await redis.zcard(keys.retries)) === 1);
    await redis.xgroup("DESTROY", keys.stream, GROUP);
    await until(async () => (await commits(work)).length === 1);
    await consumer.idle();
    expect(begun.slice(2)).toEqual(["job 1 attempt 1"]);
    expect(await work.look.deadLetters()).toHaveLength(1);
  });
});

describe("the stream is deleted", () => {
  test.each([
    ["the stream alone", false],
    ["every key of it", true],
  ])(
    "%s, under consumers and a publisher: both go on, and what is published later is handled",
    async (_, all) => {
      const work = await jobs();
      const { redis, keys } = work.look;
      const logger = memoryLogger();
      const handled: number[] = [];
      const bus = await openBus({ ...work, logger });
      for (let n = 0; n < 2; n++) {
        // A group that begins at the end must not do so again when it is made anew.
        const consumer = await start(bus, { leaseMs, startFrom: "$" });
        consumer.on("handled", ({ idempotencyKey }) => handled.push(Number(idempotencyKey.slice(4))));
      }
      const publisher = publishing(work);
      for (let round = 0; round < 3; round++) {
        await publisher.more(100);
        await redis.del(keys.stream, ...(all ? Object.values(keys) : []));
      }
      await publisher.more(100);
      const total = await publisher.end();
      // Whatever is in the stream now, and what came after the last deletion is.
      const left = (await work.look.entries()).filter(({ event }) => event.type === "job.todo");
      const numbers = left.map(({ event }) => (event.data as { n: number }).n);
      expect(numbers.length).toBeGreaterThanOrEqual(100);
      expect(numbers.at(-1)).toBe(total - 1);
      await until(() => numbers.every((n) => handled.includes(n)));
      // What was handled once is not handled again: no number is there twice.
      expect(handled.length).toBe(new Set(handled).size);
      expect(logger.lines.some(({ message }) => /group was missing/.test(message))).toBe(true);
      await until(async () => (await work.look.pending()).length === 0);
    },
  );

  test("while consumers wait for something to come", async () => {
    const work = await jobs();
    const { redis, keys } = work.look;
    const one = await start(work.bus, { leaseMs });
    await one.idle();
    await redis.del(keys.stream);
    await publishJobs(work.bus, 0, 5);
    await until(async () => (await commits(work)).length === 5);
    await redis.del(...Object.values(keys));
    await publishJobs(work.bus, 5, 10);
    await until(async () => (await commits(work)).length === 5);
    expect((await commits(work)).map(({ n }) => n).sort()).toEqual([5, 6, 7, 8, 9]);
  });
});
