/** The process with the worker: started by `worker-client.ts` alone, compiled, and ended with the command. */

import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@sluice/node";
import { monotonicMs } from "../contender.js";
import { catalog, GROUP, NOISE, TIMED } from "./events.js";
import type { Handled, Reply, Request } from "./protocol.js";

let handled: Handled[] = [];
let start = async () => {};
let [pause, resume, stop] = [async () => {}, async () => {}, async () => {}];
let metrics = (): Readonly<Record<string, number>> => ({});
let endProfile = async () => {};

async function open(url: string, stream: string): Promise<void> {
  const bus = await connect({ redis: url, stream, events: catalog, tenancy: "multi" });
  const handlers = [
    catalog.handler({
      name: "timed",
      eventTypes: [TIMED],
      handle: async (event) => {
        handled.push({ index: event.data.index, atMs: monotonicMs(), wallMs: Date.now() });
      },
    }),
    catalog.handler({
      name: "noise",
      eventTypes: [NOISE],
      handle: async (event) => {
        await sleep(event.data.takesMs);
      },
    }),
  ];
  const worker = bus.worker({ group: GROUP, handlers });
  metrics = () => {
    const { counters, gauges } = worker.metrics();
    return { ...counters, ...gauges };
  };
  pause = async () => void (await worker.pause());
  resume = async () => void (await worker.resume());
  stop = async () => {
    await worker.stop();
    await bus.close();
  };
  start = async () => {
    await worker.start();
    await worker.recovery;
  };
}

async function profile(file: string): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  endProfile = async () => {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    await writeFile(file, JSON.stringify(profile));
  };
}

function usage(): Reply {
  const { user, system } = process.cpuUsage();
  const told = metrics();
  const of = (name: string) => told[name] ?? 0;
  return {
    usage: {
      cpuUs: user + system,
      heap: process.memoryUsage().heapUsed,
      handled: of("sluice_events_handled_total"),
      wastedLooks: of("sluice_worker_looks_wasted_total"),
      foundBySweep: of("sluice_worker_events_found_by_sweep_total"),
    },
  };
}

async function answer(request: Request): Promise<Reply> {
  switch (request.kind) {
    case "connect":
      await open(request.url, request.stream);
      return usage();
    case "start":
      await start();
      return usage();
    case "pause":
      await pause();
      return usage();
    case "resume":
      await resume();
      return usage();
    case "stop":
      await stop();
      return usage();
    case "collect":
      globalThis.gc?.();
      return usage();
    case "profile":
      await profile(request.file);
      return usage();
    case "endProfile":
      await endProfile();
      return usage();
    case "handled": {
      const told = handled;
      handled = [];
      return { handled: told };
    }
    default:
      return usage();
  }
}

// Ctrl-C reaches the whole group of processes; the command ends this one.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", (request: Request) => {
  answer(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) =>
      process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
