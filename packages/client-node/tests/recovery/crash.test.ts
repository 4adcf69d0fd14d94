/** Consumer processes that die, or stand still, in the middle of their work: everything is handled, nothing twice. */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Workforce } from "./processes.js";
import {
  commitCount,
  commits,
  expectEachOnce,
  expectNothingLeft,
  Gate,
  GROUP,
  jobs,
  publishJobs,
  reports,
  scaled,
  start,
  until,
} from "./support.js";

let workforce: Workforce;
beforeAll(async () => {
  workforce = await Workforce.hire(4);
});
afterAll(() => workforce?.dismiss());

test("4 consumers over 5,000 events, killed 50 times in mid-handler: each is committed once", async () => {
  const kills = scaled(50);
  const perKill = 100;
  const total = kills * perKill;
  const work = await jobs();
  const order = {
    redis: work.url,
    stream: work.stream,
    options: { group: GROUP, concurrency: 16, leaseMs: 500, maxAttempts: 50 },
    handlerMs: 10,
  };
  const hire = async () => {
    const worker = await workforce.take();
    await worker.start(order);
    return worker;
  };
  const startedAt = performance.now();
  let killed = 0;
  // Two pairs of workers, so that one dies while another starts.
  const pair = async () => {
    const workers = [await hire(), await hire()];
    while (killed < kills) {
      const kill = killed++;
      const victim = workers.shift();
      if (victim === undefined) throw new Error("nobody is left to kill");
      // One handler of the victim says that it has begun, and stays in the middle; others go on beside it.
      victim.tell({ do: "hold" });
      await publishJobs(work.bus, kill * perKill, (kill + 1) * perKill);
      await victim.next("held");
      await victim.kill();
      workers.push(await hire());
    }
  };
  await Promise.all([pair(), pair()]);
  await until(async () => (await commitCount(work, total)) >= total, { withinMs: 60_000, everyMs: 50 });
  const done = await expectEachOnce(work, total);
  await expectNothingLeft(work);

  const again = done.filter(({ attempt }) => attempt > 1).length;
  const most = Math.max(...done.map(({ attempt }) => attempt));
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.info(
    `${total} events, ${kills} kills in ${seconds} s: ${again} at a later attempt, ${most} at most`,
  );
}, 120_000);

test.each([
  ["is done", true],
  ["is at it", false],
])(
  "a process that stood still for three leases in mid-handler is fenced while the other one %s",
  async (_, isDone) => {
    const work = await jobs();
    const leaseMs = 300;
    // Its heartbeats are those of the group's former lease, so that none comes between SIGCONT and its settle call.
    const options = { group: GROUP, leaseMs: 60_000 };
    const sleeper = await workforce.take();
    await sleeper.start({ redis: work.url, stream: work.stream, options });
    sleeper.tell({ do: "hold" });
    await publishJobs(work.bus, 0, 1);
    const { at } = await sleeper.next("held");
    sleeper.signal("SIGSTOP");
    const gate = new Gate();
    if (isDone) gate.open();
    const other = await start(work.bus, {
      leaseMs,
      changeSettings: true,
      by: "other",
      work: () => gate.pass(),
    });
    const handled = reports(other, "handled");
    await until(
      () => gate.arrived === 1 && (!isDone || handled.length === 1) && Date.now() > at + 3 * leaseMs,
    );
    sleeper.signal("SIGCONT");
    sleeper.tell({ do: "letGo" });
    // With the type of the event, which only the answer to a settle call is told with. What the other one emitted may
    // have been leased to it as well, while it stood still.
    const isJob = ({ type }: { type?: string }) => type === "job.todo";
    expect(await sleeper.next("leaseLost", isJob)).toMatchObject({ attempt: 1, idempotencyKey: "job-0" });
    gate.open();
    await other.idle();
    // What it emitted does not appear, what the other one did does.
    expect(await commits(work)).toEqual([{ n: 0, by: "other", attempt: 2, at: expect.any(Number) }]);
    await expectNothingLeft(work);
    // It goes on as if nothing had been.
    await other.stop();
    await publishJobs(work.bus, 1, 2);
    await until(async () => (await commits(work)).length === 2);
    expect((await commits(work))[1]).toMatchObject({ n: 1, attempt: 1 });
  },
);

test("a process that stood still while its handler waited learns by a heartbeat that it lost the lease", async () => {
  const work = await jobs();
  const leaseMs = 300;
  const sleeper = await workforce.take();
  const options = { group: GROUP, leaseMs };
  await sleeper.start({ redis: work.url, stream: work.stream, options });
  sleeper.tell({ do: "hold" });
  await publishJobs(work.bus, 0, 1);
  const { at } = await sleeper.next("held");
  sleeper.signal("SIGSTOP");
  const other = await start(work.bus, { leaseMs, by: "other" });
  const handled = reports(other, "handled");
  await until(() => handled.length === 1 && Date.now() > at + 3 * leaseMs);
  sleeper.signal("SIGCONT");
  expect(await sleeper.next("aborted")).toMatchObject({ n: 0, code: "LEASE_LOST" });
  expect(await sleeper.next("leaseLost")).toMatchObject({ attempt: 1 });
  sleeper.tell({ do: "letGo" });
  await publishJobs(work.bus, 1, 2);
  await until(async () => (await commits(work)).length === 2);
  expect((await commits(work)).map(({ n, attempt }) => [n, attempt])).toEqual([
    [0, 2],
    [1, 1],
  ]);
});

test("a process that stood still while it waited does not begin what was leased to it and others have done", async () => {
  const work = await jobs();
  const leaseMs = 300;
  const sleeper = await workforce.take();
  // Its reads wait for long enough to be served while it stands still, and not for longer than a lease.
  const options = { group: GROUP, leaseMs, blockMs: 150 };
  await sleeper.start({ redis: work.url, stream: work.stream, options });
  let n = -1;
  for (let leased = false; !leased; ) {
    n += 1;
    sleeper.signal("SIGSTOP");
    await publishJobs(work.bus, n, n + 1);
    leased = (await work.look.pending()).length === 1;
    // It was not waiting at this moment.
    if (!leased) {
      sleeper.signal("SIGCONT");
      await until(async () => (await commitCount(work, n + 1)) === n + 1);
    }
  }
  const at = Date.now();
  const other = await start(work.bus, { leaseMs, by: "other" });
  const handled = reports(other, "handled");
  await until(() => handled.length === 1 && Date.now() > at + 3 * leaseMs);
  await other.stop();
  sleeper.signal("SIGCONT");
  await publishJobs(work.bus, n + 1, n + 2);
  await until(async () => (await commitCount(work, n + 2)) === n + 2);
  expect(sleeper.said).not.toContainEqual(expect.objectContaining({ say: "handling", n }));
  await expectEachOnce(work, n + 2);
});

test("an event that kills its process is a dead letter after maxAttempts; the 999 others are handled", async () => {
  const total = scaled(1_000);
  const poison = Math.floor(total / 2);
  const leaseMs = 500;
  const maxAttempts = 3;
  const work = await jobs();
  const options = { group: GROUP, concurrency: 8, leaseMs, maxAttempts };
  const order = { redis: work.url, stream: work.stream, options, handlerMs: 10, poison };
  let kills = 0;
  let over = false;
  const supervised = async () => {
    while (!over) {
      const one = await workforce.take();
      one.tell({ do: "start", ...order });
      await one.exited;
      if (!over) kills += 1;
    }
  };
  onTestFinished(() => {
    over = true;
  });
  void supervised();
  void supervised();
  await publishJobs(work.bus, 0, total);
  await until(async () => (await work.look.deadLetters()).length > 0, { withinMs: 30_000, everyMs: 50 });
  await until(async () => (await commitCount(work, total)) === total - 1, { withinMs: 30_000, everyMs: 50 });
  await until(async () => (await work.look.pending()).length === 0);

  const letters = await work.look.deadLetters();
  expect(letters).toMatchObject([
    { reason: "MAX_ATTEMPTS", attempts: String(maxAttempts), key: `job.todo:job-${poison}` },
  ]);
  const done = await commits(work);
  expect(new Set(done.map(({ n }) => n)).size).toBe(total - 1);
  expect(done.some(({ n }) => n === poison)).toBe(false);
  expect(kills).toBe(maxAttempts);
  // None of the others has run out of attempts beside it: of its last run nothing is counted to them.
  expect(Math.max(...done.map(({ attempt }) => attempt))).toBeLessThanOrEqual(maxAttempts);
}, 60_000);
