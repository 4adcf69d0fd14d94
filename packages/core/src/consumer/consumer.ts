/**
 * A consumer as users have it: handles the events of one stream, for one group, for one tenant. What it does all day is
 * `loop.ts`.
 */
import { type GroupKeys, groupKeys } from "@sluice/lua-scripts";
import { AsyncContext } from "../async-context.js";
import type { EventCatalog, EventSchemas } from "../catalog.js";
import type { ComposeSettings } from "../compose.js";
import type { Connection } from "../connection.js";
import { ClosedError } from "../errors.js";
import type { UntypedEventHandler } from "../handler.js";
import { type Logger, withFields } from "../logger.js";
import { consumerMetrics, type InHand, type Metrics } from "../monitoring/metrics.js";
import type { StuckAttempts } from "../monitoring/stuck.js";
import { integerOption, knownOptions } from "../options.js";
import type { Outages } from "../outages.js";
import { toLoggable } from "../thrown.js";
import { performance } from "../timing.js";
import { hasNoBacklog } from "./backlog.js";
import { ConsumerRun, type ConsumerRunParts } from "./consumer-run.js";
import { type ConsumerEvents, type ConsumerListener, Emitter } from "./events.js";
import { HandlerRunner } from "./handler-runner.js";
import { asCaller, outsideAttempts, unlessForCallers } from "./inside.js";
import { Observer } from "./observer.js";
import type { Recovery } from "./recovery.js";
import { type ConsumerOptions, type ConsumerSettings, consumerSettings } from "./settings.js";
import { ConsumerStats } from "./stats.js";

/** What a bus needs of a consumer that runs. */
export interface RunningConsumer {
  /** Stops it, and resolves when it has stopped, whoever calls. */
  drained(): Promise<void>;
  readonly inHand: InHand;
  /** Nothing keeps it from having stopped but attempts that wait for that. */
  readonly waitsForCallers: boolean;
  /** Its attempts that have run for ten leases. */
  readonly stuck: StuckAttempts;
}

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

/** What one `runOnce` did, in events. */
export interface RunOnceReport {
  readonly handled: number;
  readonly skipped: number;
  readonly retried: number;
  readonly deadLettered: number;
}

/** Longest wait of `runOnce`, in milliseconds. */
const MAX_BLOCK_MS = 60_000;
/** How often `idle` asks the server again while others' entries, or waiting ones, keep it from resolving. */
const IDLE_POLL_MS = 25;

export class Consumer<C extends EventSchemas = EventSchemas> {
  readonly group: string;
  /** This consumer's name in the group. */
  readonly name: string;
  readonly tenantId: string | undefined;
  private readonly settings: ConsumerSettings;
  private readonly keys: GroupKeys;
  private readonly parts: Omit<ConsumerRunParts, "run">;
  private readonly runner: HandlerRunner;
  private readonly stats: ConsumerStats;
  private readonly consumers: Set<RunningConsumer>;
  private readonly emitter: Emitter;
  private readonly stream: string;
  private session: ConsumerRun | undefined;
  private firstRecovery: Promise<Recovery> | undefined;

  /** @throws {InvalidNameError | InvalidOptionError | UnknownEventTypeError} naming the option and what was wanted. */
  constructor(parts: ConsumerParts, options: ConsumerOptions<C>) {
    this.settings = consumerSettings(options);
    this.stats = new ConsumerStats(parts.stats);
    this.consumers = parts.consumers;
    this.group = this.settings.group;
    this.name = this.settings.consumer;
    this.tenantId = parts.tenantId;
    this.stream = parts.stream;
    this.keys = groupKeys(parts.stream, this.group, parts.tenantId);
    const logger = withFields(parts.logger, {
      ...(parts.tenantId === undefined ? {} : { tenantId: parts.tenantId }),
      stream: parts.stream,
      group: this.group,
      consumer: this.name,
    });
    this.emitter = new Emitter((event, thrown) =>
      logger.error("listener threw", { event, err: toLoggable(thrown) }),
    );
    const { emitter, stats, group } = this;
    const observer = new Observer({ ...parts, emitter, stats, logger, group });
    // A handler that its catalog types takes the events of its types, which are all that it is given.
    const handlers = options.handlers as readonly UntypedEventHandler[];
    const runner = new HandlerRunner({ ...parts, settings: this.settings, logger }, handlers);
    this.runner = runner;
    this.parts = {
      ...parts,
      keys: this.keys,
      settings: this.settings,
      logger,
      observer,
      types: runner.types,
      unnamedCallers: runner.handling.unnamed,
      expire: (attempt, handlerTimeoutMs) => runner.expire(attempt, handlerTimeoutMs),
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
   * @throws {ClosedError} if it is running already.
   */
  async start(): Promise<void> {
    await this.open(this.begin(true));
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
    const { session } = this;
    if (session === undefined) return Promise.resolve();
    return unlessForCallers(this.drained(), () => session.loop.waitsForCallers);
  }

  /** @internal */
  async drained(): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    await outsideAttempts(() => session.end(this.settings.drainTimeoutMs));
    this.forget(session);
  }

  /** Takes no more events until `resume`. What is being handled goes on. */
  pause(): void {
    const { loop } = this.running("pause");
    outsideAttempts(() => loop.pause());
  }

  resume(): void {
    const { loop } = this.running("resume");
    outsideAttempts(() => loop.resume());
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
    const session = this.running("idle");
    await asCaller(async (caller) => {
      await session.until(async () => {
        if (session.loop.error !== undefined) throw session.loop.error;
        if (session.stopping) throw this.notRunning("idle");
        return this.hasNothingLeft(session, caller !== undefined);
      }, IDLE_POLL_MS);
    });
  }

  private async hasNothingLeft({ loop }: ConsumerRun, butCallers: boolean): Promise<boolean> {
    const { connection, deadlineMs } = this.parts;
    if (!(butCallers ? loop.settledButCallers : loop.settled)) return false;
    if (butCallers && loop.heldByCallers) return true;
    const except = butCallers ? [...loop.hand.running.keys()] : [];
    return hasNoBacklog(connection, this.keys, loop.member, deadlineMs, except);
  }

  /**
   * Handles what is there, and ends: for edge functions and cron. Recovers first, then reads; waits for up to
   * `blockMs` if there is nothing to do.
   *
   * @param options.max - events to handle at most, 1 to 1,000,000; 1,000 unless given.
   * @param options.blockMs - milliseconds, 0 to 60,000; 0 unless given.
   */
  async runOnce(options: { readonly max?: number; readonly blockMs?: number } = {}): Promise<RunOnceReport> {
    knownOptions("the options of runOnce", options, ["max", "blockMs"]);
    const max = integerOption("max", options.max, 1_000, 1, 1_000_000);
    const blockMs = integerOption("blockMs", options.blockMs, 0, 0, MAX_BLOCK_MS);
    const before = this.counts();
    const session = this.begin(blockMs > 0);
    const deadline = performance.now() + blockMs;
    try {
      session.loop.limit(max);
      await this.open(session);
      await session.recovery;
      await session.until(
        () => {
          const { loop } = session;
          if (loop.error !== undefined) throw loop.error;
          // Stopped meanwhile.
          if (this.session !== session) return true;
          // What was read ahead when the last one was leased is given back.
          if (loop.spent) return loop.drained;
          if (!loop.settled || !loop.quiet) return false;
          return this.counts().total > before.total || performance.now() >= deadline;
        },
        Math.max(1, Math.min(blockMs, 50)),
      );
    } finally {
      await this.drained();
    }
    const after = this.counts();
    return {
      handled: after.handled - before.handled,
      skipped: after.skipped - before.skipped,
      retried: after.retried - before.retried,
      deadLettered: after.deadLettered - before.deadLettered,
    };
  }

  /** Plain numbers for exporters, of this consumer since it was made. */
  metrics(): Metrics {
    return consumerMetrics(this.stats, this.inHand);
  }

  /** What it has in hand now, in entries. */
  get inHand(): InHand {
    const hand = this.session?.loop.hand;
    return {
      running: hand?.running.size ?? 0,
      prefetched: hand === undefined ? 0 : hand.prefetched.length + hand.waiting.length,
      unsettled: hand?.ended.length ?? 0,
      stuck: this.session?.watchdog.stuck.length ?? 0,
    };
  }

  /** @internal */
  get waitsForCallers(): boolean {
    return this.session?.loop.waitsForCallers ?? false;
  }

  /** @internal */
  get stuck(): StuckAttempts {
    const { stream, tenantId, group } = this;
    return { stream, tenantId, group, attempts: this.session?.watchdog.stuck ?? [] };
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

  private begin(blocks: boolean): ConsumerRun {
    if (this.session !== undefined && this.session.loop.error === undefined) {
      throw new ClosedError({ attempted: "start", closed: "consumer, which is running, to a second start" });
    }
    const context = new AsyncContext();
    this.emitter.context = context;
    const run: ConsumerRunParts["run"] = (attempt, done) => this.runner.run(attempt, context, done);
    const session = new ConsumerRun({ ...this.parts, run }, newIncarnation(), blocks);
    this.session = session;
    this.firstRecovery = session.recovery;
    this.consumers.add(this);
    this.runner.handling.begin();
    return session;
  }

  private async open(session: ConsumerRun): Promise<void> {
    try {
      await outsideAttempts(() => session.start());
    } catch (error) {
      this.forget(session);
      throw error;
    }
  }

  private forget(session: ConsumerRun): void {
    // It may have been started again since.
    if (this.session !== session) return;
    this.session = undefined;
    this.runner.handling.end();
    this.consumers.delete(this);
  }

  private running(attempted: string): ConsumerRun {
    if (this.session === undefined) throw this.notRunning(attempted);
    return this.session;
  }

  private notRunning(attempted: string): ClosedError {
    return new ClosedError({ attempted, closed: `consumer '${this.name}' of group '${this.group}'` });
  }

  private counts() {
    const { handled, duplicates, unhandled, otherGroup, retries, deadLetters } = this.stats;
    const skipped = duplicates + unhandled + otherGroup;
    const total = handled + skipped + retries + deadLetters;
    return { handled, skipped, retried: retries, deadLettered: deadLetters, total };
  }
}

/** Tells one run of a consumer from every other, in this process and in others, so that no token is issued twice. */
function newIncarnation(): string {
  return globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}
