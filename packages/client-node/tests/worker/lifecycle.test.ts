import { expect, it } from "vitest";
import { plainRedis } from "../stories/look.js";
import { Gate, refusal, reports, until } from "../stories/support.js";
import { multi, names, noting, publish, started } from "./support.js";

it("runs once over all tenants, and ends", async () => {
  const { bus } = await multi();
  await publish(bus, names(30), "a");
  const handled: string[] = [];
  const worker = bus.worker({ group: "billing", handlers: [noting(handled)] });
  expect(await worker.runOnce()).toMatchObject({ handled: 30 });
  expect(new Set(handled).size).toBe(30);
  await publish(bus, names(30), "b");
  expect(await worker.runOnce({ max: 7 })).toMatchObject({ handled: 7 });
  expect(await worker.runOnce({ blockMs: 50 })).toMatchObject({ handled: 23 });
});

it("begins nothing while paused, and all that came meanwhile afterwards", async () => {
  const { bus } = await multi();
  const handled: string[] = [];
  await publish(bus, names(20), "a");
  const worker = await started(bus, { group: "billing", handlers: [noting(handled)] });
  await until(() => handled.length === 20);
  worker.pause();
  await publish(bus, names(20), "b");
  await until(() => worker.inHand.running + worker.inHand.unsettled === 0);
  expect(handled).toHaveLength(20);
  worker.resume();
  await worker.idle();
  expect(handled).toHaveLength(40);
});

it("lets handlers end when it stops, and releases the rest to others at no attempt", async () => {
  const { bus } = await multi();
  const gate = new Gate();
  const handled: string[] = [];
  const options = { group: "billing", concurrency: 4 };
  await publish(bus, names(12), "a");
  const first = await started(bus, { ...options, handlers: [noting(handled, () => gate.pass())] });
  await until(() => gate.arrived === 4);
  const stopped = first.stop();
  gate.open();
  await stopped;
  expect(handled).toHaveLength(4);
  const second = bus.worker({ ...options, handlers: [noting(handled)] });
  const told = reports(second, "handled");
  await second.start();
  await second.idle();
  expect(new Set(handled).size).toBe(12);
  expect(handled).toHaveLength(12);
  expect(told.every(({ attempt }) => attempt === 1)).toBe(true);
});

it("leaves no consumer behind, and no record of itself", async () => {
  const { bus, stream } = await multi();
  await publish(bus, ["acme", "globex"], "a");
  const worker = await started(bus, { group: "billing", handlers: [noting([])] });
  await worker.idle();
  await worker.stop();
  const redis = plainRedis();
  for (const tenant of ["acme", "globex"]) {
    const key = `tenant:{${tenant}}:${stream}`;
    expect(await redis.xinfo("CONSUMERS", key, "billing")).toEqual([]);
    expect(
      Object.keys(await redis.hgetall(`${key}/billing/state`)).filter((field) =>
        /begun|incarnation/.test(field),
      ),
    ).toEqual([]);
  }
});

it("serves a list of tenants, or those that a function returns", async () => {
  const { bus } = await multi();
  await publish(bus, names(3), "a");
  const ofList: string[] = [];
  await bus.worker({ group: "list", tenants: ["t0", "t2"], handlers: [noting(ofList)] }).runOnce();
  expect(ofList.sort()).toEqual(["t0 a", "t2 a"]);
  const ofFunction: string[] = [];
  await bus
    .worker({ group: "function", tenants: async () => ["t1"], handlers: [noting(ofFunction)] })
    .runOnce();
  expect(ofFunction).toEqual(["t1 a"]);
});

it("refuses options by name", async () => {
  const { bus } = await multi();
  const options = { group: "billing", handlers: [noting([])] };
  for (const [option, value, wanted] of [
    ["tenants", 7, "registered"],
    ["tenants", ["not a tenant"], "tenant"],
    ["tenantConcurrency", 65, "an integer from 1 to 64"],
    ["weight", 2, "a function"],
    ["batchSize", 5, "batchSize"],
  ] as const) {
    expect(String(await refusal(() => bus.worker({ ...options, [option]: value })))).toContain(wanted);
  }
});

it("retries when it is due, and dead-letters for the tenant alone", async () => {
  const { bus } = await multi();
  const handled: string[] = [];
  const worker = await started(bus, {
    group: "billing",
    maxAttempts: 2,
    retry: { minDelayMs: 20, maxDelayMs: 20 },
    handlers: [
      noting(handled, (orderId) => {
        if (orderId === "bad") throw new Error("no");
      }),
    ],
  });
  const retries = reports(worker, "retry");
  const letters = reports(worker, "deadLetter");
  await publish(bus, ["acme"], "bad");
  await publish(bus, ["globex"], "good");
  await worker.idle();
  expect(handled.sort()).toEqual(["acme bad", "acme bad", "globex good"]);
  expect(retries.map(({ tenantId, attempt }) => [tenantId, attempt])).toEqual([["acme", 1]]);
  expect(letters.map(({ tenantId, attempt }) => [tenantId, attempt])).toEqual([["acme", 2]]);
  expect((await bus.tenant("acme").deadLetters("billing").list()).items).toHaveLength(1);
  expect((await bus.tenant("globex").deadLetters("billing").list()).items).toHaveLength(0);
});
