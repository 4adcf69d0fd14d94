/** Connections that are lost, servers that stand still or start anew: nothing is lost, nothing is committed twice. */
import { setTimeout as delay } from "node:timers/promises";
import { type Connection, createBus, type Receipt } from "@sluice/core";
import { fromIoredis } from "@sluice/core/ioredis";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Fault, faulty, late, nameOf } from "./faults.js";
import {
  commits,
  events,
  expectEachOnce,
  expectNothingLeft,
  Gate,
  GROUP,
  type JobBus,
  type Jobs,
  jobs,
  openBus,
  privateServer,
  publishJobs,
  quiet,
  start,
  until,
} from "./support.js";

/** A lease, and how long a call may take, in milliseconds: both shorter than the outages are. */
const leaseMs = 1_000;
const deadlineMs = 500;

/** Publishes job after job, ten at a time, until told to stop; keeps what each resolved with, if it did. */
function load(bus: JobBus) {
  const receipts = new Map<number, Receipt>();
  const failed = new Set<number>();
  let next = 0;
  let on = true;
  const publisher = async () => {
    while (on) {
      const n = next++;
      try {
        receipts.set(n, await bus.publish("job.todo", { n }, { idempotencyKey: `job-${n}` }));
      } catch {
        failed.add(n);
      }
      await delay(1);
    }
  };
  const done = Promise.all(Array.from({ length: 10 }, publisher));
  return {
    receipts,
    failed,
    /** Resolves when this many more have resolved. */
    more: (count: number) => {
      const wanted = receipts.size + count;
      return until(() => receipts.size >= wanted);
    },
    end: async () => {
      on = false;
      await done;
    },
  };
}

/**
 * Publishes and consumes while `outage` happens. Afterwards what resolved is in the stream once, and everything that is
 * in the stream was committed once.
 */
async function survives(
  work: Jobs,
  buses: readonly JobBus[],
  outage: (load_: ReturnType<typeof load>) => Promise<void>,
) {
  for (const [at, bus] of buses.entries()) {
    await start(bus, {
      leaseMs,
      maxAttempts: 20,
      by: `consumer ${at}`,
      work: () => delay(Math.random() * 5),
    });
  }
  const busy = load(work.bus);
  await busy.more(200);
  await outage(busy);
  await busy.more(200);
  await busy.end();

  const published = new Map<number, string[]>();
  for (const { id, event } of await work.look.entries()) {
    if (event.type !== "job.todo") continue;
    const { n } = event.data as { n: number }; // as the catalog has it
    published.set(n, [...(published.get(n) ?? []), id]);
  }
  for (const [n, { id }] of busy.receipts) expect(published.get(n), `job ${n}`).toEqual([id]);
  for (const n of busy.failed) expect(published.get(n)?.length ?? 0, `job ${n}`).toBeLessThanOrEqual(1);

  await until(async () => (await commits(work)).length >= published.size, { everyMs: 50 });
  const done = await commits(work);
  expect(done.map(({ n }) => n).sort((a, b) => a - b)).toEqual([...published.keys()].sort((a, b) => a - b));
  await expectNothingLeft(work);
  const attempts = Math.max(...done.map(({ attempt }) => attempt));
  console.info(`${busy.receipts.size} published, ${busy.failed.size} failed, at most ${attempts} attempts`);
}

async function privateJobs() {
  const server = await privateServer({ persistence: true });
  const work = await jobs({ url: server.url, deadlineMs });
  const buses = [await openBus({ ...work, deadlineMs }), await openBus({ ...work, deadlineMs })];
  return { server, work, buses };
}

describe("nothing is lost and nothing is committed twice when, under load,", () => {
  test("the server stands still for longer than any call may take", async () => {
    const { server, work, buses } = await privateJobs();
    await survives(work, buses, async ({ failed }) => {
      await server.pause();
      await until(() => failed.size > 0);
      await delay(2 * deadlineMs);
      await server.resume();
    });
  });

  test.each(["SIGTERM", "SIGKILL"] as const)("the server is restarted by %s", async (signal) => {
    const { server, work, buses } = await privateJobs();
    await survives(work, buses, () => server.restart({ signal }));
  });

  test("every connection is killed, again and again", async () => {
    const { work, buses } = await privateJobs();
    await survives(work, buses, async ({ more }) => {
      for (let round = 0; round < 25; round++) {
        await work.look.redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await more(20);
      }
    });
  });

  test("one reply in eight is lost, of whatever kind", async () => {
    const work = await jobs();
    const fault: Fault = (requests) => {
      // A consumer whose first word gets no answer does not start.
      const from = requests.findIndex((request) => Math.random() < 1 / 8 && nameOf(request) !== "open");
      return from === -1 ? undefined : from;
    };
    const buses = [faultyBus(work, fault), faultyBus(work, fault)];
    await survives({ ...work, bus: faultyBus(work, fault) }, buses, ({ more }) => more(200));
  });
});

describe("what a cut reply brought is taken back at once", () => {
  // Much longer than a test may take.
  const leaseMs = 600_000;

  test.each([
    ["XREADGROUP", "connection"],
    ["lease", "connection"],
    ["recover", "connection"],
    ["settle", "connection"],
    // It did not come in time, and the connection stays.
    ["XREADGROUP", "deadline"],
    ["lease", "deadline"],
    ["recover", "deadline"],
    ["settle", "deadline"],
  ] as const)("that of %s, by the %s", async (name, how) => {
    const work = await jobs();
    let lose = 3;
    const bus = faultyBus(
      work,
      (requests) => {
        const at = requests.findIndex((request) => nameOf(request) === name);
        // A look that brought nothing proves nothing, so several are lost.
        if (at === -1 || lose === 0) return undefined;
        lose -= 1;
        return at;
      },
      how,
    );
    await publishJobs(work.bus, 0, 50);
    const consumer = await start(bus, {
      leaseMs,
      concurrency: 8,
      work: ({ attempt }) =>
        name === "recover" && attempt === 1 ? { kind: "retry", delayMs: 1 } : undefined,
    });
    await until(async () => (await commits(work)).length === 50);
    await consumer.idle();
    expect(lose).toBe(0);
    expect((await commits(work)).map(({ n }) => n).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, n) => n),
    );
    await expectNothingLeft(work);
  });

  test("also when a connection comes back while a look at what is due is under way on the other", async () => {
    const work = await jobs();
    const { redis, keys } = work.look;
    let cut = false;
    const connection = faultyConnection(work, async ([first]) => {
      if (
        !cut ||
        first?.kind !== "script" ||
        first.script.name !== "recover" ||
        !first.args.includes("DUE")
      ) {
        return undefined;
      }
      cut = false;
      // Entries are delivered under this consumer's name in a reply that never comes …
      await publishJobs(work.bus, 0, 5);
      await redis.xreadgroup("GROUP", GROUP, consumer.name, "COUNT", 10, "STREAMS", keys.stream, ">");
      // … and the connection that was to bring it is back before the answer to what is under way is.
      connection.reconnected();
      return undefined;
    });
    const consumer = await start(busOn(connection, work), { leaseMs, blockMs: 50 });
    // Nothing reads meanwhile, and the look is what comes first afterwards.
    consumer.pause();
    await delay(700);
    cut = true;
    consumer.resume();
    await until(async () => (await commits(work)).length === 5);
    expect(cut).toBe(false);
  });
});

test("what a blocking read has leased is not recovered while its reply is on its way", async () => {
  const work = await jobs();
  const { redis, keys } = work.look;
  const passedAt = async () => Number(await redis.hget(keys.state, "seenAt"));
  const held = new Gate();
  const plain = faultyConnection(work, () => undefined);
  const connection = late(plain, ([first, second]) =>
    nameOf(first) === "XREADGROUP" && second !== undefined ? held.pass() : undefined,
  );
  const begun: number[] = [];
  const consumer = await start(busOn(connection, work), {
    leaseMs: 20_000,
    work: ({ attempt }) => begun.push(attempt) && undefined,
  });
  await publishJobs(work.bus, 0, 1);
  await until(async () => (await redis.hlen(keys.leases)) === 1);
  // A recovery pass, from beginning to end, with the lease there and its reply not.
  const leasedAt = await passedAt();
  plain.reconnected();
  await until(async () => (await passedAt()) > leasedAt);
  expect(begun).toEqual([]);
  held.open();
  await consumer.idle();
  expect(begun).toEqual([1]);
  await expectEachOnce(work, 1);
});

function faultyConnection({ url }: Jobs, fault: Fault, how?: "connection" | "deadline") {
  return faulty(fromIoredis(new Redis(url, { lazyConnect: true }), { logger: quiet }), fault, how);
}

function busOn(connection: Connection, { stream }: Jobs): JobBus {
  const bus = createBus(connection, { stream, events, logger: quiet, deadlineMs: 2_000 });
  onTestFinished(() => bus.close());
  return bus;
}

function faultyBus(work: Jobs, fault: Fault, how?: "connection" | "deadline"): JobBus {
  return busOn(faultyConnection(work, fault, how), work);
}
