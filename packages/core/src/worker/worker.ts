/**
 * A worker as users have it: handles the events of all tenants of one stream, for one group, in one process. What it does
 * between `start` and `stop` is `worker-run.ts`.
 */
import type { EventSchemas } from "../catalog.js";
import type { ConsumerRunOptions } from "../consumer/assembly.js";
import { emitterFor } from "../consumer/events.js";
import { Handlers } from "../consumer/handlers.js";
import type { PartsOfBus } from "../consumer/parts-of-bus.js";
import { RunHolder } from "../consumer/run-holder.js";
import { ConsumerStats } from "../consumer/stats.js";
import type { UntypedEventHandler } from "../handler.js";
import { withFields } from "../logger.js";
import type { HealthCheck } from "../monitoring/health.js";
import type { Metrics } from "../monitoring/metrics.js";
import type { WorkerRunParts } from "./assembly.js";
import { type WorkerOptions, workerSettings } from "./settings.js";
import { withWorkerMetrics } from "./worker-metrics.js";
import { WorkerRun, type WorkerRunSources } from "./worker-run.js";
import { WorkerStats } from "./worker-stats.js";

export interface WorkerParts extends PartsOfBus, WorkerRunSources {}

export class Worker<C extends EventSchemas = EventSchemas> extends RunHolder<WorkerRun> {
  private readonly parts: WorkerRunParts & WorkerRunSources;

  /** @throws {InvalidNameError | InvalidOptionError | UnknownEventTypeError} naming the option and what was wanted. */
  constructor(parts: WorkerParts, options: WorkerOptions<C>) {
    const { stream, catalog } = parts;
    const settings = workerSettings(options, parts.logger);
    const { group, consumer } = settings;
    const logger = withFields(parts.logger, { stream, group, consumer });
    const emitter = emitterFor(logger);
    const stats = new ConsumerStats(parts.stats);
    // A handler that its catalog types takes the events of its types, which are all that it is given.
    const handlers = new Handlers(options.handlers as readonly UntypedEventHandler[], catalog, true);
    const running = parts.consumers;
    super({ kind: "worker", stream, tenantId: undefined, settings, handlers, stats, emitter, running });
    this.parts = { ...parts, settings, handlers, emitter, stats, workerStats: new WorkerStats(), logger };
  }

  /**
   * Plain numbers for exporters, of this worker since it was made: those of a consumer, and those of its tenants, by class
   * rather than by tenant.
   */
  override metrics(): Metrics {
    return withWorkerMetrics(super.metrics(), this.parts.workerStats, this.run?.tenantCounts);
  }

  /** @internal */
  protected makeRun(options: ConsumerRunOptions): WorkerRun {
    return new WorkerRun(this.parts, options);
  }

  /** @internal */
  override get checks(): readonly HealthCheck[] {
    const { run, group } = this;
    if (run === undefined) return [];
    const name = `worker:${group}`;
    const checks: HealthCheck[] = [];
    const { polled } = run;
    if (polled !== undefined) {
      const detail =
        `no bell rings (${polled}): tenants are looked at each second, which costs more and finds events later; ` +
        "let the worker's user run CLIENT ID, TRACKING and CACHING and SUBSCRIBE to __redis__:invalidate";
      checks.push({ name, status: "degraded", detail });
    }
    const { suspended } = run.tenantCounts;
    if (suspended > 0) {
      const detail =
        `${suspended === 1 ? "1 tenant is" : `${suspended} tenants are`} suspended, since calls for ` +
        `${suspended === 1 ? "it" : "them"} are refused: the log names each with its error`;
      checks.push({ name, status: "degraded", detail });
    }
    return checks;
  }
}
