/**
 * A consumer as users have it: handles the events of one stream, for one group, for one tenant. What it does between
 * `start` and `stop` is `consumer-run.ts`.
 */
import { groupKeys } from "@sluice/lua-scripts";
import { AsyncContext } from "../async-context.js";
import type { EventCatalog, EventSchemas } from "../catalog.js";
import type { ComposeSettings } from "../compose.js";
import type { Connection } from "../connection.js";
import { AlreadyRunningError, ClosedError } from "../errors.js";
import type { UntypedEventHandler } from "../handler.js";
import { type Logger, withFields } from "../logger.js";
import { consumerMetrics, type InHand, type Metrics } from "../monitoring/metrics.js";
import type { StuckAttempts } from "../monitoring/stuck.js";
import type { Outages } from "../outages.js";
import { toLoggable } from "../thrown.js";
import { performance } from "../timing.js";
import type { ConsumerRunParts } from "./assembly.js";
import { ConsumerRun } from "./consumer-run.js";
import { type ConsumerEvents, type ConsumerListener, Emitter } from "./events.js";
import { Handlers } from "./handlers.js";
import { asCaller, outsideAttempts, unlessForCallers } from "./inside.js";
import { Observer } from "./observer.js";
import type { Recovery } from "./recovery.js";
import {
  isMore,
  outcomesOf,
  type RunOnceOptions,
  type RunOnceReport,
  reportOf,
  runOnceOptions,
} from "./run-once.js";
import type { RunningConsumer } from "./running-consumer.js";
import { type ConsumerOptions, type ConsumerSettings, consumerSettings } from "./settings.js";
import { ConsumerStats } from "./stats.js";

export interface ConsumerParts {
  /** The bus's consumers that run: this one is among them from `start` to `stop`. */
  readonly consumers: Set<RunningConsumer>;
  /** The sum over all of the bus's consumers. */
  readonly stats: ConsumerStats;
  readonly connection: Connection;
  readonly catalog: EventCatalog;
  readonly compose: ComposeSettings;
  readonly stream: string;
  readonly tenantId: string | undefined;
  readonly publishWindowMs: number;
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly outages: Outages;
}

/** How often `idle` asks the server again while others' entries, or waiting ones, keep it from resolving. */
const IDLE_POLL_MS = 25;

export class Consumer<C extends EventSchemas = EventSchemas> {
  readonly group: string;
  /** This consumer's name in the group. */
  readonly name: string;
  readonly tenantId: string | undefined;
  private readonly settings: ConsumerSettings;
  private readonly parts: ConsumerRunParts;
  private readonly stats: ConsumerStats;
  private readonly consumers: Set<RunningConsumer>;
  private readonly emitter: Emitter;
  private run: ConsumerRun | undefined;
  private firstRecovery: Promise<Recovery> | undefined;

  /** @throws {InvalidNameError | InvalidOptionError | UnknownEventTypeError} naming the option and what was wanted. */
  constructor(parts: ConsumerParts, options: ConsumerOptions<C>) {
    const { stream, tenantId, outages, catalog } = parts;
    this.settings = consumerSettings(options);
    this.stats = new ConsumerStats(parts.stats);
    this.consumers = parts.consumers;
    this.group = this.settings.group;
    this.name = this.settings.consumer;
    this.tenantId = tenantId;
    const { group, stats } = this;
    const logger = withFields(parts.logger, {
      ...(tenantId === undefined ? {} : { tenantId }),
      stream,
      group,
      consumer: this.name,
    });
    const emitter = new Emitter((event, thrown) =>
      logger.error("listener threw", { event, err: toLoggable(thrown) }),
    );
    this.emitter = emitter;
    const scope = { stream, tenantId, group, logger };
    this.parts = {
      ...parts,
      keys: groupKeys(stream, group, tenantId),
      scope,
      settings: this.settings,
      // A handler that its catalog types takes the events of its types, which are all that it is given.
      handlers: new Handlers(
        options.handlers as readonly UntypedEventHandler[],
        catalog,
        tenantId !== undefined,
      ),
      observer: new Observer({ emitter, stats, outages }, scope),
    };
  }

  /**
   * What recovery found when the consumer last started: everything that was due, its own or stale. Resolves when all of
   * it is leased, and reading begins, which takes as long as the handlers of what came before. Rejects if recovery cannot
   * be done (the consumer stops then, with an `error` event that is `fatal`), with ConsumerStoppedError if the consumer is
   * stopped before, with the error of `start` if that failed, and with ClosedError if it was never started. A rejection
   * that nobody awaits is not an unhandled one. A handler must not await it: it may be what recovery waits for.
   */
  get recovery(): Promise<Recovery> {
    if (this.firstRecovery !== undefined) return this.firstRecovery;
    const refused = Promise.reject<Recovery>(this.notRunning("recovery"));
    refused.catch(() => {});
    return refused;
  }

  /**
   * Opens the group, and begins to take back everything that is due, own or stale; what that was, `recovery` tells. New
   * events are read after that. Resolves when the group is open. Rejects with what keeps the consumer from its work:
   * GroupSettingsError, ProtocolError, PermissionError, WrongTypeError, ConnectionError; with ConsumerStoppedError if it
   * is stopped meanwhile.
   *
   * @throws {AlreadyRunningError} if it is running already.
   */
  async start(): Promise<void> {
    await this.open(this.begin(true, Number.POSITIVE_INFINITY));
  }

  /**
   * Stops reading, lets handlers end for up to `drainTimeoutMs`, settles what they answered, aborts the signal of
   * those that are left, and gives what was not finished back: due at once for other consumers, at no cost of an
   * attempt.
   *
   * Called in a handler it resolves once the other handlers have ended: those that wait in such a call themselves are not
   * waited for. The event of a handler that calls is settled when the handler ends, as any other.
   */
  stop(): Promise<void> {
    const { run } = this;
    if (run === undefined) return Promise.resolve();
    return unlessForCallers(this.drained(), () => run.quiescence.waitsForCallers);
  }

  /** @internal */
  async drained(): Promise<void> {
    const { run } = this;
    if (run === undefined) return;
    await outsideAttempts(() => run.stop(this.settings.drainTimeoutMs));
    this.forget(run);
  }

  /** Takes no more events until `resume`. What is being handled goes on. */
  pause(): void {
    const run = this.running("pause");
    outsideAttempts(() => run.pause());
  }

  resume(): void {
    const run = this.running("resume");
    outsideAttempts(() => run.resume());
  }

  /**
   * Resolves when nothing is left to do: everything that was published is delivered, nothing is in this consumer's
   * hands, and nothing waits for a retry. For tests, above all.
   *
   * Called in a handler it does not wait for the events of handlers that wait in such a call themselves, nor for what
   * cannot begin before one of them ends.
   *
   * @throws {ClosedError} if the consumer is not running, or begins to stop meanwhile.
   */
  async idle(): Promise<void> {
    const run = this.running("idle");
    await asCaller(async (caller) => {
      await run.until(async () => {
        if (run.error !== undefined) throw run.error;
        if (run.stopping) throw this.notRunning("idle");
        return run.hasNothingLeft(caller !== undefined);
      }, IDLE_POLL_MS);
    });
  }

  /**
   * Handles what is there, and ends: for edge functions and cron. Recovers first, then reads; waits for up to
   * `blockMs` if there is nothing to do.
   */
  async runOnce(options: RunOnceOptions = {}): Promise<RunOnceReport> {
    const { max, blockMs } = runOnceOptions(options);
    const before = outcomesOf(this.stats);
    const run = this.begin(blockMs > 0, max);
    const deadline = performance.now() + blockMs;
    try {
      await this.open(run);
      await run.recovery;
      await run.until(
        () => {
          const { quiescence } = run;
          if (run.error !== undefined) throw run.error;
          // Stopped meanwhile.
          if (this.run !== run) return true;
          // What was read ahead when the last one was leased is released.
          if (run.isSpent) return quiescence.drained;
          if (!quiescence.settled || !quiescence.quiet) return false;
          return isMore(before, outcomesOf(this.stats)) || performance.now() >= deadline;
        },
        Math.max(1, Math.min(blockMs, 50)),
      );
    } finally {
      await this.drained();
    }
    return reportOf(before, outcomesOf(this.stats));
  }

  /** Plain numbers for exporters, of this consumer since it was made. */
  metrics(): Metrics {
    return consumerMetrics(this.stats, this.inHand);
  }

  /** What it has in flight now, in entries. */
  get inHand(): InHand {
    const inFlight = this.run?.inFlight;
    return {
      running: inFlight?.running ?? 0,
      prefetched: inFlight === undefined ? 0 : inFlight.delivered + inFlight.leasing + inFlight.ready,
      unsettled: inFlight === undefined ? 0 : inFlight.finished + inFlight.settling,
      stuck: this.run?.watchdog.stuck.length ?? 0,
    };
  }

  /** @internal */
  get waitsForCallers(): boolean {
    return this.run?.quiescence.waitsForCallers ?? false;
  }

  /** @internal */
  get stuck(): StuckAttempts {
    const { tenantId, group, parts } = this;
    return { stream: parts.scope.stream, tenantId, group, attempts: this.run?.watchdog.stuck ?? [] };
  }

  /**
   * Calls the listener at each event of that name, in the async context of `start()`. Returns the way to stop. What a
   * listener throws, or rejects with, is logged.
   */
  on<E extends keyof ConsumerEvents>(event: E, listener: ConsumerListener<E>): () => void {
    return this.emitter.on(event, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private begin(blocks: boolean, budget: number): ConsumerRun {
    if (this.run !== undefined && this.run.error === undefined) {
      throw new AlreadyRunningError({ group: this.group, consumer: this.name });
    }
    // That of the caller, but for the handler that it may be: what handlers of this consumer do is their own.
    const context = outsideAttempts(() => new AsyncContext());
    this.emitter.context = context;
    const run = new ConsumerRun(this.parts, { incarnation: newIncarnation(), context, blocks, budget });
    this.run = run;
    this.firstRecovery = run.recovery;
    this.consumers.add(this);
    this.parts.handlers.handling.begin();
    return run;
  }

  private async open(run: ConsumerRun): Promise<void> {
    try {
      await outsideAttempts(() => run.start());
    } catch (error) {
      this.forget(run);
      throw error;
    }
  }

  private forget(run: ConsumerRun): void {
    // It may have been started again since.
    if (this.run !== run) return;
    this.run = undefined;
    this.parts.handlers.handling.end();
    this.consumers.delete(this);
  }

  private running(attempted: string): ConsumerRun {
    if (this.run === undefined) throw this.notRunning(attempted);
    return this.run;
  }

  private notRunning(attempted: string): ClosedError {
    return new ClosedError({ attempted, closed: `consumer '${this.name}' of group '${this.group}'` });
  }
}

/** Tells one run of a consumer from every other, in this process and in others, so that no token is issued twice. */
function newIncarnation(): string {
  return globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}
