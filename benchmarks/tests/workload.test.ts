import { listKeys, startServer, type TestServer } from "@sluice/test-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { measureWorkload, turnsOf, type WorkloadResult } from "../src/measure/workload.js";
import type { ContenderPlan, Workload } from "../src/plan/contender-plan.js";
import { Programs } from "../src/process/programs.js";
import { BenchmarkServer } from "../src/server/benchmark-server.js";
import type { Options } from "./contenders/list.js";

const EVENTS = 20;

const MODULE = new URL("./contenders/list.ts", import.meta.url).href;

// One of its own: what other tests do on theirs meanwhile would be counted.
let testServer: TestServer;
let server: BenchmarkServer;
let programs: Programs;
beforeAll(async () => {
  testServer = await startServer();
  server = await BenchmarkServer.open(testServer.url, () => {});
  programs = await Programs.compile([MODULE]);
});
afterAll(async () => {
  await programs[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await testServer.stop();
});

function contender(name: string, options: Options, plan: Partial<ContenderPlan> = {}): ContenderPlan {
  return { name, program: { module: MODULE, options }, events: EVENTS, ...plan };
}

async function measure(...contenders: ContenderPlan[]): Promise<WorkloadResult & { readonly turns: number }> {
  const workload: Workload = {
    name: "lists",
    metrics: [
      "eventsPerSecond",
      "commandsPerEvent",
      "commandsInScriptsPerEvent",
      "roundTripsPerEvent",
      "p50Ms",
    ],
    contenders,
  };
  const rounds = { runs: 2, warmUp: true };
  let turns = 0;
  const onTurn = () => {
    turns += 1;
  };
  const result = await measureWorkload(workload, {
    ...{ ...rounds, server, programs, onTurn },
    signal: new AbortController().signal,
  });
  expect(turns).toBe(turnsOf(workload, rounds));
  return { ...result, turns };
}

const samplesOf = ({ measurements }: WorkloadResult, contender: string, metric: string) =>
  measurements.find((one) => one.contender === contender && one.metric === metric)?.samples;
const noteOf = ({ measurements }: WorkloadResult, contender: string) =>
  measurements.find((one) => one.contender === contender)?.note;

describe("a workload", () => {
  test("has one sample for each round that counts, of what is measured and of what contenders tell", async () => {
    const result = await measure(contender("a list", {}, { note: "is a list" }));
    expect(result.failures).toEqual([]);
    expect(samplesOf(result, "a list", "eventsPerSecond")).toHaveLength(2);
    expect(samplesOf(result, "a list", "commandsPerEvent")).toEqual([1, 1]);
    expect(samplesOf(result, "a list", "roundTripsPerEvent")).toEqual([1, 1]);
    expect(samplesOf(result, "a list", "p50Ms")).toEqual([7, 7]);
    expect(noteOf(result, "a list")).toBe("is a list");
  });

  test("a contender with metrics of its own has no others", async () => {
    const result = await measure(contender("a list", {}, { metrics: ["p50Ms"] }), contender("another", {}));
    expect(samplesOf(result, "a list", "p50Ms")).toEqual([7, 7]);
    expect(samplesOf(result, "a list", "eventsPerSecond")).toBeUndefined();
    expect(samplesOf(result, "another", "eventsPerSecond")).toHaveLength(2);
  });

  test("a contender that handles the wrong number of events fails the run, and the others are measured", async () => {
    const result = await measure(contender("careless", { missing: 1 }), contender("careful", {}));
    expect(result.failures).toEqual([expect.stringMatching(/^careless: 19 events done: wanted 20/)]);
    expect(samplesOf(result, "careless", "eventsPerSecond")).toEqual([]);
    expect(noteOf(result, "careless")).toBe("not measured: 19 events done: wanted 20");
    expect(samplesOf(result, "careful", "eventsPerSecond")).toHaveLength(2);
  });

  test("all processes of a contender together have to do all events", async () => {
    // Each of the two does all of them.
    const result = await measure(contender("two", {}, { processes: 2 }));
    expect(result.failures).toEqual([expect.stringMatching(/^two: 40 events done: wanted 20/)]);
  });

  test.each([
    ["finds a fault afterwards", { fails: "verify" }, /verify: Error: this one finds a fault/],
    ["throws", { fails: "run" }, /run: Error: this one does not run/],
    ["ends", { exits: "run" }, /run: its process ended, exit status 3/],
  ] as const)("a contender that %s fails the run", async (_, options, message) => {
    const result = await measure(contender("it", options));
    expect(result.failures).toEqual([expect.stringMatching(message)]);
  });

  test("an optional contender that does not open is reported with its reason, and fails nothing", async () => {
    const result = await measure(contender("foreign", { fails: "open" }, { optional: true }));
    expect(result.failures).toEqual([]);
    expect(noteOf(result, "foreign")).toMatch(/not measured: open: Error: this one does not open/);
  });

  test("a contender that takes too long is ended", async () => {
    const result = await measure(contender("slow", {}, { deadlineMs: 1 }));
    expect(result.failures).toEqual([expect.stringMatching(/^slow: open: not done within 1 ms/)]);
  });

  test("what a contender sends is told from what its scripts call", async () => {
    const result = await measure(contender("scripted", { scripted: true }));
    expect(samplesOf(result, "scripted", "commandsPerEvent")).toEqual([1, 1]);
    expect(samplesOf(result, "scripted", "commandsInScriptsPerEvent")).toEqual([2, 2]);
  });

  test("nothing that contenders made is left", async () => {
    await measure(contender("a list", {}), contender("careless", { missing: 1 }));
    expect(await listKeys(testServer.url)).toEqual([]);
  });
});
