/** An attempt counts when it runs, not when it is granted; and what kills a process is found out, and nothing else. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leaseScript, recoverScript } from "@sluice/lua-scripts";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { LossyNetwork } from "../stories/lossy.js";
import { Workforce } from "./processes.js";
import {
  commits,
  expectNothingLeft,
  Gate,
  GROUP,
  type Jobs,
  jobs,
  openBus,
  publishJobs,
  reports,
  start,
  until,
  worker,
} from "./support.js";

let workforce: Workforce;
beforeAll(async () => {
  workforce = await Workforce.hire(2);
});
afterAll(() => workforce?.dismiss());

const LEASE_MS = 300;

/** The records of what processes have begun that are left in `state`. */
async function records({ look }: Jobs): Promise<string[]> {
  return Object.keys(await look.state()).filter((field) => field.startsWith("begun:"));
}

/** Whether the record of the only process names the call that has leased something. */
async function namesTheCall(work: Jobs): Promise<boolean> {
  const [token = ""] = await work.look.redis.hvals(work.look.keys.leases);
  const [field = ""] = await records(work);
  const unheard = (await work.look.state())[field]?.split(";")[1]?.split(",") ?? [];
  return unheard.includes(/_(\d+)\./.exec(token)?.[1] ?? "");
}

/** Where processes note what they begin, until the test ends. */
async function journalFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, "attempts");
}

describe("a process that is killed", () => {
  test("while its handler runs has used up an attempt", async () => {
    const work = await jobs();
    const victim = await workforce.take();
    const options = { group: GROUP, leaseMs: LEASE_MS };
    await victim.start({ redis: work.url, stream: work.stream, options });
    victim.tell({ do: "hold" });
    await publishJobs(work.bus, 0, 1);
    await victim.next("held");
    await victim.kill();
    const other = await start(work.bus, { leaseMs: LEASE_MS });
    await until(async () => (await commits(work)).length === 1);
    expect(await commits(work)).toMatchObject([{ n: 0, attempt: 2 }]);
    await expectNothingLeft(work);
    await other.stop();
  });

  test.each([
    ["lease", "what it was read", leaseScript.sha1, 0],
    ["lease", "what came to its blocking read", "\r\nBLOCK\r\n", 150],
    ["recover", "what it took back", recoverScript.sha1, 0],
  ])("before the reply to a %s has come has used up none of %s", async (_, what, marker, blockMs) => {
    const work = await jobs();
    const network = await LossyNetwork.to(work.url);
    const victim = await workforce.take();
    const options = { group: GROUP, leaseMs: LEASE_MS, ...(blockMs > 0 ? { blockMs } : {}) };
    if (what !== "what came to its blocking read") {
      await start(work.bus, { leaseMs: LEASE_MS }).then((consumer) => consumer.stop());
      await publishJobs(work.bus, 0, 3);
    }
    const { redis, keys } = work.look;
    if (what === "what it took back") {
      await redis.xreadgroup("GROUP", GROUP, "ghost", "COUNT", 3, "STREAMS", keys.stream, ">");
      for (const { id } of await work.look.pending()) {
        await redis.xclaim(keys.stream, GROUP, "ghost", 0, id, "IDLE", `${10 * LEASE_MS}`, "JUSTID");
      }
    }
    if (what === "what came to its blocking read") {
      await victim.start({ redis: network.url, stream: work.stream, options });
      network.lose(marker, { thenDeaf: true });
      await until(async () => {
        await publishJobs(work.bus, 0, 3);
        return network.lost > 0;
      });
    } else {
      // Recovery names its calls before they are made; others once their reply is late.
      network.lose(marker, what === "what it took back" ? { thenSilent: true } : { thenDeaf: true });
      victim.tell({ do: "start", redis: network.url, stream: work.stream, options });
      await until(() => network.lost > 0);
    }
    expect(victim.said.filter(({ say }) => say === "handling")).toEqual([]);
    await until(() => namesTheCall(work));
    await victim.kill();
    await start(work.bus, { leaseMs: LEASE_MS });
    await until(async () => (await commits(work)).length === 3);
    expect((await commits(work)).map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
  });
});

describe("an event whose handler ends its process", () => {
  test.each(["SIGKILL", "exit", "soon"] as const)(
    "(%s) runs exactly maxAttempts times, and is a dead letter; those beside it are handled",
    async (dies) => {
      const work = await jobs();
      const journal = await journalFile();
      const options = { group: GROUP, leaseMs: LEASE_MS, maxAttempts: 3 };
      const order = { redis: work.url, stream: work.stream, options, poison: 1, dies, journal };
      let over = false;
      const supervised = async () => {
        while (!over) {
          const one = await workforce.take();
          one.tell({ do: "start", ...order });
          await one.exited;
        }
      };
      onTestFinished(() => {
        over = true;
      });
      await publishJobs(work.bus, 0, 4);
      void supervised();
      await until(async () => (await work.look.deadLetters()).length > 0, { withinMs: 30_000, everyMs: 20 });
      await until(async () => (await commits(work)).length === 3, { withinMs: 30_000, everyMs: 20 });
      expect(await readFile(journal, "utf8")).toBe("1 1\n1 2\n1 3\n");
      expect(await work.look.deadLetters()).toMatchObject([
        { key: "job.todo:job-1", reason: "MAX_ATTEMPTS", attempts: "3" },
      ]);
      expect((await commits(work)).map(({ n }) => n).sort()).toEqual([0, 2, 3]);
    },
    60_000,
  );
});

describe("an event that is the only suspect of its process", () => {
  /** A job as a process leaves it that died at its last attempt but one. */
  async function leftToDie({ bus, look }: Jobs, n: number): Promise<void> {
    const { redis, keys } = look;
    await publishJobs(bus, n, n + 1);
    await redis.xreadgroup("GROUP", GROUP, "ghost", "COUNT", 1, "STREAMS", keys.stream, ">");
    const [{ id } = { id: "" }] = (await look.pending()).filter(({ consumer }) => consumer === "ghost");
    await redis.hset(keys.state, "begun:ghost/process", "1;;");
    await redis.hset(keys.leases, `job.todo:job-${n}`, `${id}|ghost|1|process_1.${Date.now()}`);
    await redis.xclaim(keys.stream, GROUP, "ghost", 0, id, "IDLE", "10000", "JUSTID");
  }

  test("runs in one of three consumers, each of which has a handler that never ends; all other events go on", async () => {
    const work = await jobs();
    const endless = new Gate();
    const options = {
      leaseMs: 1_000,
      maxAttempts: 2,
      concurrency: 4,
      work: async ({ n }: { readonly n: number }) => {
        if (n < 4) await endless.pass();
      },
    };
    await start(work.bus, options).then((consumer) => consumer.stop());
    await leftToDie(work, 0);
    const consumers = [];
    for (const n of [1, 2, 3]) {
      consumers.push(await start(await openBus(work), { ...options, by: `consumer-${n}` }));
      await publishJobs(work.bus, n, n + 1);
      await until(() => endless.arrived >= n);
    }
    await until(() => endless.arrived === 4);
    await publishJobs(work.bus, 4, 104);
    await until(async () => (await commits(work)).length === 100);
    expect(new Set((await commits(work)).map(({ attempt }) => attempt))).toEqual(new Set([1]));
    endless.open();
    await until(async () => (await commits(work)).length === 104);
    expect((await commits(work)).find(({ n }) => n === 0)).toMatchObject({ attempt: 2 });
    await expectNothingLeft(work);
    expect(await work.look.deadLetters()).toEqual([]);
  });

  test("stays the suspect when its consumer stops before it ends, and costs nobody anything", async () => {
    const work = await jobs();
    const gate = new Gate();
    const options = { leaseMs: 1_000, maxAttempts: 2, drainTimeoutMs: 0 };
    await start(work.bus, options).then((consumer) => consumer.stop());
    await leftToDie(work, 0);
    const first = await start(work.bus, { ...options, work: () => gate.pass() });
    await until(() => gate.arrived === 1);
    await first.stop();
    expect(await work.look.pending()).toMatchObject([{ consumer: "/waiting", deliveries: 2 }]);
    const [, dueAt] = await work.look.redis.zrange(work.look.keys.retries, "0", "0", "WITHSCORES");
    expect(Number(dueAt)).toBe(4e15);
    await start(work.bus, options);
    await until(async () => (await commits(work)).length === 1);
    expect(await commits(work)).toMatchObject([{ n: 0, attempt: 2 }]);
    gate.open();
  });

  test("leaves no record behind when everything stopped in good order", async () => {
    const work = await jobs();
    const consumer = await start(work.bus, { leaseMs: 1_000 });
    await publishJobs(work.bus, 0, 3);
    await until(async () => (await commits(work)).length === 3);
    expect(await records(work)).toHaveLength(1);
    await consumer.stop();
    expect(await records(work)).toEqual([]);
  });
});

describe("two processes of one name", () => {
  test("that take over from each other all the time kill no event: none becomes a dead letter", async () => {
    const work = await jobs();
    const options = { consumer: "worker-1", leaseMs: 60_000, maxAttempts: 3 };
    const gate = new Gate();
    await publishJobs(work.bus, 0, 5);
    let older = await start(await openBus(work), { ...options, work: () => gate.pass() });
    await until(() => gate.arrived === 5);
    for (let round = 2; round < 8; round += 1) {
      const lost = reports(older, "leaseLost");
      const newer = await start(await openBus(work), { ...options, work: () => gate.pass() });
      await until(() => gate.arrived >= 5 * round);
      // All are at their first attempt again, by the count: whoever had them is alive.
      await until(async () => (await work.look.pending()).every(({ deliveries }) => deliveries === 1));
      // The older one may have noticed first, and given back some before the newer one took them.
      expect(lost.filter(({ takenBy }) => takenBy !== "newerProcess")).toEqual([]);
      older = newer;
    }
    gate.open();
    await until(async () => (await commits(work)).length === 5);
    await expectNothingLeft(work);
  }, 60_000);

  test("have tokens of their own in each start and each runOnce", async () => {
    const work = await jobs();
    const seen = new Set<string>();
    const consumer = work.bus.consumer({
      group: GROUP,
      consumer: "worker-1",
      handlers: [
        worker("here", async () => {
          for (const token of await work.look.redis.hvals(work.look.keys.leases)) seen.add(token);
        }),
      ],
    });
    for (let n = 0; n < 3; n += 1) {
      await publishJobs(work.bus, n, n + 1);
      if (n === 1) await consumer.runOnce();
      else {
        await consumer.start();
        await consumer.idle();
        await consumer.stop();
      }
    }
    const nonces = [...seen].map((token) => token.split("|")[3]?.split(".")[0]);
    expect(nonces.length).toBeGreaterThanOrEqual(3);
    expect(new Set(nonces).size).toBe(nonces.length);
  });
});

describe("a process that works on several streams beside one whose events kill it", () => {
  test("kills none of theirs: all of them are handled, and only what kills is a dead letter", async () => {
    const work = await jobs();
    const others = await Promise.all([jobs(), jobs()]);
    const journal = await journalFile();
    const options = { group: GROUP, leaseMs: LEASE_MS, maxAttempts: 3, concurrency: 4 };
    const order = {
      redis: work.url,
      stream: work.stream,
      options,
      handlerMs: 30,
      poison: [0, 10, 20, 30],
      dies: "soon" as const,
      journal,
      beside: others.map(({ stream }) => stream),
    };
    let over = false;
    const supervised = async () => {
      while (!over) {
        const one = await workforce.take();
        one.tell({ do: "start", ...order });
        await one.exited;
      }
    };
    onTestFinished(() => {
      over = true;
    });
    await publishJobs(work.bus, 0, 31);
    for (const { bus } of others) await publishJobs(bus, 0, 60);
    void supervised();
    const dead = async () => (await work.look.deadLetters()).map(({ key }) => key);
    await until(async () => (await dead()).length === 4, { withinMs: 60_000, everyMs: 20 });
    for (const { look } of [work, ...others]) {
      await until(async () => (await look.pending()).length === 0, { withinMs: 60_000, everyMs: 20 });
    }
    expect((await dead()).sort()).toEqual([0, 10, 20, 30].map((n) => `job.todo:job-${n}`));
    const runs = (await readFile(journal, "utf8")).trim().split("\n");
    for (const n of [0, 10, 20, 30]) {
      expect(runs.filter((run) => run.startsWith(`${n} `)).length).toBeLessThanOrEqual(3);
    }
    for (const one of others) {
      expect(await one.look.deadLetters()).toEqual([]);
      expect(new Set((await commits(one)).map(({ n }) => n)).size).toBe(60);
    }
  }, 120_000);
});
