/** Leases: kept by heartbeats, lost by whoever stands still, given back by whoever stops in good order. */
import { ConsumerStoppedError, LeaseLostError } from "@sluice/node";
import { describe, expect, test } from "vitest";
import {
  commits,
  events,
  expectEachOnce,
  expectNothingLeft,
  Gate,
  GROUP,
  jobs,
  openBus,
  publishJobs,
  reports,
  start,
  until,
} from "./support.js";

describe("heartbeats", () => {
  test("a handler of six leases is not taken from its consumer", async () => {
    const work = await jobs();
    const leaseMs = 300;
    const gate = new Gate();
    const one = await start(work.bus, { leaseMs, by: "one", work: () => gate.pass() });
    const lost = reports(one, "leaseLost");
    await publishJobs(work.bus, 0, 5);
    await until(() => gate.arrived === 5);
    const begunAt = performance.now();
    const other = await start(await openBus(work), { leaseMs, by: "other" });
    const recovered = reports(other, "recovered");
    await until(() => performance.now() > begunAt + 6 * leaseMs);
    gate.open();
    await one.idle();
    const done = await expectEachOnce(work, 5);
    expect(done.map(({ by, attempt }) => `${by} ${attempt}`)).toEqual(Array(5).fill("one 1"));
    expect(lost).toEqual([]);
    // Its own entries it may recover: those that are on their way to it.
    expect(recovered.filter(({ stale }) => stale > 0)).toEqual([]);
    expect(gate.arrived).toBe(5);
    await expectNothingLeft(work);
  });

  test("a lease that is lost aborts context.signal with LeaseLostError; what the handler answers is of no consequence", async () => {
    const work = await jobs();
    // Longer than the steps below take: a heartbeat among them would keep the lease.
    const leaseMs = 3_000;
    const gate = new Gate();
    const aborted: unknown[] = [];
    const one = await start(work.bus, {
      leaseMs,
      by: "one",
      work: async ({ signal }) => {
        signal.addEventListener("abort", () => aborted.push(signal.reason));
        await gate.pass();
      },
    });
    const lost = reports(one, "leaseLost");
    await publishJobs(work.bus, 0, 1);
    await until(() => gate.arrived === 1);
    // As if it had stood still: the entry is older than the lease when another consumer looks.
    const { redis, keys } = work.look;
    const [{ id, consumer } = { id: "", consumer: "" }] = await work.look.pending();
    await redis.xclaim(keys.stream, GROUP, consumer, 0, id, "IDLE", 10 * leaseMs, "JUSTID");
    const other = await start(await openBus(work), { leaseMs, by: "other" });
    expect(await other.recovery).toMatchObject({ stale: 1 });
    await until(() => aborted.length === 1 && lost.length === 1);
    expect(aborted).toEqual([expect.any(LeaseLostError)]);
    const about = { entryId: id, idempotencyKey: "job-0", type: "job.todo", attempt: 1 };
    expect(lost).toEqual([{ ...about, takenBy: "otherConsumer" }]);
    gate.open();
    await one.idle();
    expect(await commits(work)).toMatchObject([{ n: 0, by: "other", attempt: 2 }]);
    await expectNothingLeft(work);
  });
});

describe("a consumer that stops in good order", () => {
  const leaseMs = 60_000;

  test("gives back what it did not finish in time: due at once for others, under the same attempt", async () => {
    const work = await jobs();
    const gate = new Gate();
    const aborted: unknown[] = [];
    const one = await start(work.bus, {
      leaseMs,
      concurrency: 3,
      drainTimeoutMs: 100,
      by: "one",
      work: async ({ n, signal }) => {
        if (n === 0) return undefined;
        signal.addEventListener("abort", () => aborted.push(signal.reason));
        await gate.pass();
        return undefined;
      },
    });
    const name = one.name;
    await publishJobs(work.bus, 0, 10);
    // Three in hand and others read ahead; one is done.
    await until(() => gate.arrived === 3);
    await until(async () => (await work.look.pending()).length > 3);

    const other = await start(await openBus(work), { leaseMs, by: "other" });
    const begunAt = performance.now();
    await one.stop();
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(100);
    expect(aborted).toEqual(Array(3).fill(expect.any(ConsumerStoppedError)));
    await other.idle();
    const done = await expectEachOnce(work, 10);
    // Under the same attempt: no lease was over.
    expect(new Set(done.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    expect(done.filter(({ by }) => by === "one").map(({ n }) => n)).toEqual([0]);
    expect(
      (await work.bus.getStreamInfo()).groups[0]?.consumers.map((consumer) => consumer.name),
    ).not.toContain(name);
    gate.open();
    await expectNothingLeft(work);
  });

  test("lets handlers finish within drainTimeoutMs, and takes nothing new meanwhile", async () => {
    const work = await jobs();
    const gate = new Gate();
    const one = await start(work.bus, {
      leaseMs,
      drainTimeoutMs: 10_000,
      by: "one",
      work: () => gate.pass(),
    });
    await publishJobs(work.bus, 0, 3);
    await until(() => gate.arrived === 3);
    const stopped = one.stop();
    await publishJobs(work.bus, 3, 6);
    gate.open();
    await stopped;
    expect((await commits(work)).map(({ n }) => n).sort()).toEqual([0, 1, 2]);
    const other = await start(await openBus(work), { leaseMs, by: "other" });
    await other.idle();
    const done = await expectEachOnce(work, 6);
    expect(new Set(done.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    await expectNothingLeft(work);
  });

  test("at whatever moment it stops, no attempt is used up and nothing waits for a lease", async () => {
    const work = await jobs();
    const count = 400;
    for (let first = 0; first < count; first += 20) {
      const one = await start(work.bus, { leaseMs, concurrency: 4, drainTimeoutMs: 0, by: `${first}` });
      const publishing = publishJobs(work.bus, first, first + 20);
      // From before the first entry is read until after the last one is settled.
      await until(async () => (await work.look.redis.xlen(work.look.keys.stream)) >= first, { everyMs: 0 });
      for (let turn = 0; turn < first / 20; turn++) await new Promise(setImmediate);
      await one.stop();
      await publishing;
      const stuck = (await work.look.pending()).filter(({ consumer }) => consumer !== "/waiting");
      expect(stuck, `stopped at turn ${first / 20}`).toEqual([]);
    }
    const last = await start(work.bus, { leaseMs });
    await last.idle();
    const done = await expectEachOnce(work, count);
    expect(new Set(done.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    await expectNothingLeft(work);
  });
});

test("what is leased ahead of handlers that wait for nothing is given back once they wait, at no attempt", async () => {
  const work = await jobs();
  const total = 800;
  const slowFrom = 400;
  const concurrency = 4;
  const leaseMs = 300;
  const gate = new Gate();
  const begun: { n: number; attempt: number }[] = [];
  let running = 0;
  let most = 0;
  const quickAtFirst = events.handler({
    name: "quick at first",
    eventTypes: ["job.todo"],
    async handle({ data: { n } }, { attempt }) {
      begun.push({ n, attempt });
      most = Math.max(most, ++running);
      if (n >= slowFrom) await gate.pass();
      running -= 1;
    },
  });
  await publishJobs(work.bus, 0, total);
  const one = work.bus.consumer({ group: GROUP, handlers: [quickAtFirst], concurrency, leaseMs });
  await one.start();
  await until(() => gate.arrived === concurrency);
  // Four that run, and as many read ahead.
  const held = async () => (await work.look.pending()).filter(({ consumer }) => consumer === one.name);
  await until(async () => (await held()).length <= 2 * concurrency);
  expect(most).toBe(concurrency);
  expect(one.metrics().gauges).toMatchObject({ sluice_events_running: concurrency });
  gate.open();
  await one.idle();
  expect(most).toBe(concurrency);
  expect(begun.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n));
  expect(new Set(begun.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  await expectNothingLeft(work);
});
