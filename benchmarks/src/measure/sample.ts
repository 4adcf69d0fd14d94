/** One contender measured once: filled, run in all its processes at the same time, and judged. */

import type { ContenderPlan } from "../plan/contender-plan.js";
import { ContenderError, type ContenderProcess } from "../process/parent.js";
import type { Metric } from "../results.js";
import type { BenchmarkServer } from "../server/benchmark-server.js";
import { type SentParts, splitCalls } from "../server/sighting.js";

/** One figure for each metric that could be told. */
export type Figures = Readonly<Partial<Record<Metric, number>>>;

/** A contender whose processes are up. */
export interface Participant {
  readonly plan: ContenderPlan;
  /** What all of its keys have in their names. */
  readonly name: string;
  /** The first fills and verifies. */
  readonly processes: readonly ContenderProcess[];
}

/** Fills, runs and removes, with nothing measured. */
export async function rehearse(
  it: Participant,
  server: BenchmarkServer,
  events: number,
): Promise<SentParts | undefined> {
  await makeReady(it, events);
  const parts = await server.sight(() => run(it, events));
  await tidy(it, server, events);
  return parts;
}

export interface SampleOptions {
  /** Which commands are the contender's own; without them commands are not told apart, nor told. */
  readonly parts: SentParts | undefined;
  /** Where CPU profiles go; the process is added to the name. */
  readonly profile: string | undefined;
}

/**
 * @throws {ContenderError} when the contender fails, or did not do exactly what it was given.
 */
export async function takeSample(
  it: Participant,
  server: BenchmarkServer,
  { parts, profile }: SampleOptions,
): Promise<Figures> {
  const { events } = it.plan;
  await makeReady(it, events);
  const { result: ran, counters } = await server.counting(() => run(it, events, profile));
  const seconds =
    (latest(ran.map((one) => one.endedAtMs)) - earliest(ran.map((one) => one.startedAtMs))) / 1_000;
  await tidy(it, server, events);
  const per = (total: number | undefined) => (total === undefined ? undefined : total / events);
  const split = parts === undefined ? undefined : splitCalls(counters.calls, parts);
  return defined({
    eventsPerSecond: events / seconds,
    nodeCpuUs: per(sum(ran.map((one) => one.cpuUs))),
    redisCpuUs: per(counters.cpuUs),
    redisMainThreadCpuUs: per(counters.mainThreadCpuUs),
    commandsPerEvent: per(split?.sent),
    commandsInScriptsPerEvent: per(split?.inScripts),
    roundTripsPerEvent: per(sum(ran.map((one) => one.roundTrips))),
    wireBytesPerEvent: per(counters.wireBytes),
    ...ran[0]?.figures,
  });
}

async function makeReady({ processes }: Participant, events: number): Promise<void> {
  await processes[0]?.ask({ kind: "fill", events });
  await Promise.all(processes.map((one) => one.ask({ kind: "prepare" })));
}

async function run({ plan, processes }: Participant, events: number, profile?: string) {
  const files = processes.map((_, at) => (profile === undefined ? undefined : `${profile}.${at}.cpuprofile`));
  const ran = await Promise.all(processes.map((one, at) => one.run(events, files[at])));
  const done = sum(ran.map((one) => one.events));
  if (done !== events) throw new ContenderError(plan.name, `${done} events done: wanted ${events}`);
  return ran;
}

async function tidy(
  { plan, name, processes }: Participant,
  server: BenchmarkServer,
  events: number,
): Promise<void> {
  await processes[0]?.ask({ kind: "verify", events });
  await Promise.all(processes.map((one) => one.ask({ kind: "rest" })));
  if (!plan.keepsKeys) await server.removeKeys(name);
}

function defined(figures: Partial<Record<Metric, number | undefined>>): Figures {
  const told = Object.entries(figures).filter(([, value]) => value !== undefined);
  // What is left has no undefined values, which the filter says and fromEntries does not.
  return Object.fromEntries(told) as Figures;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const latest = (values: readonly number[]) => Math.max(...values);
const earliest = (values: readonly number[]) => Math.min(...values);
