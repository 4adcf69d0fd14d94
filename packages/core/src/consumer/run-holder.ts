/**
 * What consumers and workers have in common as users have them: they are started, paused and stopped, and tell what they
 * do. What goes on between `start` and `stop` is a run, of which there is one at a time.
 */
import { AsyncContext } from "../async-context.js";
import { AlreadyRunningError, ClosedError } from "../errors.js";
import type { HealthCheck } from "../monitoring/health.js";
import { consumerMetrics, type InHand, type Metrics } from "../monitoring/metrics.js";
import type { StuckAttempts } from "../monitoring/stuck.js";
import { performance } from "../timing.js";
import type { ConsumerRunOptions } from "./assembly.js";
import type { ConsumerEvents, ConsumerListener, Emitter } from "./events.js";
import type { Handlers } from "./handlers.js";
import { asCaller, outsideAttempts, unlessForCallers } from "./inside.js";
import type { LeasedAttempt } from "./leased-attempt.js";
import type { Quiescence } from "./quiescence.js";
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
import type { ConsumerSettings } from "./settings.js";
import type { ConsumerStats } from "./stats.js";

/** How often `idle` asks the server again while others' entries, or waiting ones, keep it from resolving. */
const IDLE_POLL_MS = 25;

/** From opening groups to releasing what is left. */
export interface Run {
  readonly quiescence: Quiescence;
  /** What the first recovery did. Rejects with what has ended the run; nobody has to listen. */
  readonly recovery: Promise<Recovery>;
  readonly inHand: Omit<InHand, "stuck">;
  readonly stuck: readonly LeasedAttempt[];
  /** What ended it; undefined unless it failed. */
  readonly error: unknown;
  /** Whether it has begun to stop. */
  readonly stopping: boolean;
  /** `runOnce` may lease nothing more. */
  readonly isSpent: boolean;
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Lets what runs end for up to `drainTimeoutMs`, then releases the rest. Idempotent. */
  stop(drainTimeoutMs: number): Promise<void>;
  /** Resolves once `condition` holds; looks again whenever what is in flight changes, and after `everyMs`. */
  until(condition: () => boolean | Promise<boolean>, everyMs: number): Promise<void>;
  /** Whether nothing is left to do, here and by what Redis says, but for handlers that wait for that if `butCallers`. */
  hasNothingLeft(butCallers: boolean): Promise<boolean>;
}

export interface RunHolderParts {
  /** "consumer" or "worker", for errors. */
  readonly kind: "consumer" | "worker";
  readonly stream: string;
  readonly tenantId: string | undefined;
  readonly settings: Pick<ConsumerSettings, "group" | "consumer" | "drainTimeoutMs">;
  readonly handlers: Handlers;
  readonly stats: ConsumerStats;
  readonly emitter: Emitter;
  /** The bus's consumers and workers that run. */
  readonly running: Set<RunningConsumer>;
}

export abstract class RunHolder<R extends Run> implements RunningConsumer {
  readonly group: string;
  /** Its name in the group. */
  readonly name: string;
  protected run: R | undefined;
  private firstRecovery: Promise<Recovery> | undefined;

  /** @internal */
  constructor(private readonly held: RunHolderParts) {
    this.group = held.settings.group;
    this.name = held.settings.consumer;
  }

  /** @internal */
  protected abstract makeRun(options: ConsumerRunOptions): R;

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
    await outsideAttempts(() => run.stop(this.held.settings.drainTimeoutMs));
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
    const before = outcomesOf(this.held.stats);
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
          return isMore(before, outcomesOf(this.held.stats)) || performance.now() >= deadline;
        },
        Math.max(1, Math.min(blockMs, 50)),
      );
    } finally {
      await this.drained();
    }
    return reportOf(before, outcomesOf(this.held.stats));
  }

  /** Plain numbers for exporters, of this consumer since it was made. */
  metrics(): Metrics {
    return consumerMetrics(this.held.stats, this.inHand);
  }

  /** What it has in flight now, in entries. */
  get inHand(): InHand {
    const { run } = this;
    return { ...(run?.inHand ?? NOTHING_IN_HAND), stuck: run?.stuck.length ?? 0 };
  }

  /** @internal */
  get waitsForCallers(): boolean {
    return this.run?.quiescence.waitsForCallers ?? false;
  }

  /** @internal */
  get checks(): readonly HealthCheck[] {
    return [];
  }

  /** @internal */
  get stream(): string {
    return this.held.stream;
  }

  /** @internal */
  get stuck(): readonly StuckAttempts[] {
    const byTenant = new Map<string | undefined, LeasedAttempt[]>();
    for (const attempt of this.run?.stuck ?? []) {
      const { tenantId } = attempt.inFlight.scope;
      byTenant.set(tenantId, [...(byTenant.get(tenantId) ?? []), attempt]);
    }
    return [...byTenant].map(([tenantId, attempts]) => ({ tenantId, group: this.group, attempts }));
  }

  /**
   * Calls the listener at each event of that name, in the async context of `start()`. Returns the way to stop. What a
   * listener throws, or rejects with, is logged.
   */
  on<E extends keyof ConsumerEvents>(event: E, listener: ConsumerListener<E>): () => void {
    return this.held.emitter.on(event, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private begin(blocks: boolean, budget: number): R {
    if (this.run !== undefined && this.run.error === undefined) {
      throw new AlreadyRunningError({ group: this.group, consumer: this.name });
    }
    // That of the caller, but for the handler that it may be: what handlers of this consumer do is their own.
    const context = outsideAttempts(() => new AsyncContext());
    this.held.emitter.context = context;
    const run = this.makeRun({ incarnation: newIncarnation(), context, blocks, budget });
    this.run = run;
    this.firstRecovery = run.recovery;
    this.held.running.add(this);
    this.held.handlers.handling.begin();
    return run;
  }

  private async open(run: R): Promise<void> {
    try {
      await outsideAttempts(() => run.start());
    } catch (error) {
      this.forget(run);
      throw error;
    }
  }

  private forget(run: R): void {
    // It may have been started again since.
    if (this.run !== run) return;
    this.run = undefined;
    this.held.handlers.handling.end();
    this.held.running.delete(this);
  }

  private running(attempted: string): R {
    if (this.run === undefined) throw this.notRunning(attempted);
    return this.run;
  }

  private notRunning(attempted: string): ClosedError {
    return new ClosedError({
      attempted,
      closed: `${this.held.kind} '${this.name}' of group '${this.group}'`,
    });
  }
}

const NOTHING_IN_HAND = { running: 0, prefetched: 0, unsettled: 0 };

/** Tells one run of a consumer from every other, in this process and in others, so that no token is issued twice. */
function newIncarnation(): string {
  return globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}
