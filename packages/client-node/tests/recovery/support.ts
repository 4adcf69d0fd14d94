/**
 * What these tests share: a stream of jobs, and what its group has committed. A job's handler emits `job.done`, which
 * Redis commits together with the acknowledgement or not at all: counting those counts commits, whatever processes
 * believe of themselves.
 */
import { type Bus, type Consumer, type ConsumerOptions, connect, type Logger } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { expect, onTestFinished } from "vitest";
import { Look, plainRedis } from "../stories/look.js";
import { until } from "../stories/support.js";
import { events, type Schemas } from "./events.js";

export { Look, plainRedis } from "../stories/look.js";
export { Gate, memoryLogger, privateServer, reports, until } from "../stories/support.js";
export { events, type Schemas } from "./events.js";

/** `SLUICE_TEST_SCALE` makes the big figures smaller for a quick look: 0.1 is a tenth of them. */
const SCALE = Number(process.env.SLUICE_TEST_SCALE ?? 1);

export function scaled(count: number): number {
  return Math.max(1, Math.round(count * SCALE));
}

export const GROUP = "workers";

/** Outages are what these tests are about, and no news. */
export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export type JobBus = Bus<"single", Schemas>;
export type JobConsumer = Consumer<Schemas>;
interface BusPlace {
  readonly url: string;
  readonly stream: string;
  /** Silent unless given. */
  readonly logger?: Logger;
  readonly deadlineMs?: number;
}

export interface Jobs {
  readonly stream: string;
  readonly url: string;
  readonly bus: JobBus;
  readonly look: Look;
}

/** A stream of its own, with a bus to it that is closed when the test ends. */
export async function jobs(options: Partial<BusPlace> = {}): Promise<Jobs> {
  const { url = sharedServerUrl(), stream = uniqueName("jobs") } = options;
  const bus = await openBus({ ...options, url, stream });
  return { stream, url, bus, look: new Look(plainRedis(url), stream, GROUP) };
}

/** A further bus to a stream, with connections of its own, as another process would have. */
export async function openBus({
  url,
  stream,
  logger = quiet,
  deadlineMs = 5_000,
}: BusPlace): Promise<JobBus> {
  const bus = await connect({ redis: url, stream, events, logger, deadlineMs });
  onTestFinished(() => bus.close());
  return bus;
}

/** Publishes the jobs `from` up to and without `to`. */
export async function publishJobs(bus: JobBus, from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += 1_000) {
    const count = Math.min(1_000, to - first);
    await bus.publishMany(
      Array.from({ length: count }, (_, at) => ({
        type: "job.todo" as const,
        data: { n: first + at },
        idempotencyKey: `job-${first + at}`,
      })),
    );
  }
}

export interface JobHandling {
  readonly n: number;
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Of the entry. */
  readonly id: string;
}

/** A handler of jobs that emits `job.done` and then does `work`. */
export function worker(by: string, work: (job: JobHandling) => unknown = () => {}) {
  return events.handler({
    name: "worker",
    eventTypes: ["job.todo"],
    async handle({ data: { n }, id }, { attempt, emit, signal }) {
      emit("job.done", { n, by, attempt });
      const answer = await work({ n, attempt, signal, id });
      return answer as undefined; // what a test has its handler answer on purpose
    },
  });
}

type StartOptions = Omit<ConsumerOptions<Schemas>, "group" | "handlers"> & {
  readonly by?: string;
  readonly work?: (job: JobHandling) => unknown;
};

/** A consumer of the group that has started, and leased all that was left to recover. */
export async function start(
  bus: JobBus,
  { by = "here", work, ...options }: StartOptions,
): Promise<JobConsumer> {
  const consumer = bus.consumer({ group: GROUP, handlers: [worker(by, work)], ...options });
  await consumer.start();
  await consumer.recovery;
  return consumer;
}

export interface Commit {
  readonly n: number;
  readonly by: string;
  readonly attempt: number;
  /** When it was committed, in milliseconds since 1970 by the server's clock. */
  readonly at: number;
}

/** What was committed, in that order. */
export async function commits({ look }: Pick<Jobs, "look">): Promise<Commit[]> {
  const done = (await look.entries()).filter(({ event }) => event.type === "job.done");
  return done.map(({ id, event }) => {
    const data = event.data as Omit<Commit, "at">; // as the catalog has it
    return { ...data, at: Number(id.split("-")[0]) };
  });
}

/** How many jobs were committed so far, if nothing but jobs and their results is in the stream. */
export async function commitCount({ look }: Pick<Jobs, "look">, published: number): Promise<number> {
  return (await look.redis.xlen(look.keys.stream)) - published;
}

/** Each of the jobs was committed, and once. */
export async function expectEachOnce(jobs: Pick<Jobs, "look">, count: number): Promise<Commit[]> {
  const done = await commits(jobs);
  const numbers = done.map(({ n }) => n).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n));
  return done;
}

/**
 * The group comes to have nothing pending, no lease, nothing waiting and no dead letter. Results are events too, which
 * some consumer or other may be about to skip.
 */
export async function expectNothingLeft({ look }: Pick<Jobs, "look">): Promise<void> {
  await until(async () => (await look.pending()).length === 0, { everyMs: 20 });
  expect(await look.redis.hgetall(look.keys.leases)).toEqual({});
  expect(await look.redis.zcard(look.keys.retries)).toBe(0);
  expect(await look.deadLetters()).toEqual([]);
}
