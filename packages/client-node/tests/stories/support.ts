/**
 * What the stories share: a bus on the run's server, under names of its own, and short ways to start consumers and to
 * wait for what they do. What Redis holds meanwhile is looked at in `look.ts`.
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  type Bus,
  type ConnectOptions,
  type Consumer,
  type ConsumerEvents,
  type ConsumerOptions,
  connect,
  type EventSchemas,
  type Publishing,
  silentLogger,
  type Tenancy,
} from "@sluice/node";
import {
  type StartOptions,
  sharedServerUrl,
  startServer,
  type TestServer,
  uniqueName,
} from "@sluice/test-server";
import { onTestFinished } from "vitest";

export { events, type Schemas } from "./catalog.js";

/** The options of a bus, with a stream that is made up and the run's server unless others are given. */
export type OpenOptions<C extends EventSchemas, T extends Tenancy> = Omit<
  ConnectOptions<C, T>,
  "stream" | "redis"
> &
  Partial<Pick<ConnectOptions<C, T>, "stream" | "redis">>;

/** A bus that logs nothing unless it is given a logger, closed when the test ends. */
export async function openBus<C extends EventSchemas, T extends Tenancy = "single">(
  options: OpenOptions<C, T>,
): Promise<Bus<T, C>> {
  const { redis = sharedServerUrl(), stream = uniqueName("orders"), ...rest } = options;
  const bus = await connect<C, T>({ logger: silentLogger, ...rest, redis, stream });
  onTestFinished(() => bus.close());
  return bus;
}

/** A server of the test's own, to be paused, cut off or counted on. It ends with the test. */
export async function privateServer(options: StartOptions = {}): Promise<TestServer> {
  const server = await startServer(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A consumer that has started, and leased all that was left to recover. The bus stops it. */
export async function started<C extends EventSchemas>(
  bus: Publishing<C>,
  options: ConsumerOptions<C>,
): Promise<Consumer<C>> {
  const consumer = bus.consumer(options);
  await consumer.start();
  await consumer.recovery;
  return consumer;
}

/** What a consumer tells from now on, in order. */
export function reports<E extends keyof ConsumerEvents>(
  consumer: Pick<Consumer, "on">,
  event: E,
): ConsumerEvents[E][] {
  const seen: ConsumerEvents[E][] = [];
  consumer.on(event, (report) => seen.push(report));
  return seen;
}

/** Looks until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { everyMs = 5, withinMs = 45_000 } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for: ${condition}`);
    await delay(everyMs);
  }
}

/** A door that handlers wait at until the test opens it. */
export class Gate {
  /** How many have come so far. */
  arrived = 0;
  private readonly opened: Promise<void>;
  private let: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.let = resolve;
    });
    // So that no handler keeps a bus from closing after a test that failed.
    onTestFinished(() => this.open());
  }

  pass(): Promise<void> {
    this.arrived += 1;
    return this.opened;
  }

  open(): void {
    this.let();
  }
}

export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines. */
export function memoryLogger() {
  const lines: Line[] = [];
  const log =
    (level: Line["level"]) =>
    (message: string, fields: object = {}) => {
      lines.push({ level, message, fields: { ...fields } });
    };
  return { lines, debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

/** Data as it comes from outside of TypeScript. */
export function untyped(data: unknown): never {
  return data as never; // what it is given to refuses it by type as well
}

/** What a call is refused with. */
export async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown by: ${call}`);
}
