/**
 * A consumer as users have it: handles the events of one stream, for one group, for one tenant. What it does between
 * `start` and `stop` is `consumer-run.ts`.
 */
import { groupKeys } from "@sluice/lua-scripts";
import type { EventSchemas } from "../catalog.js";
import type { UntypedEventHandler } from "../handler.js";
import { withFields } from "../logger.js";
import type { ConsumerRunOptions, ConsumerRunParts } from "./assembly.js";
import { ConsumerRun } from "./consumer-run.js";
import { emitterFor } from "./events.js";
import { Handlers } from "./handlers.js";
import { Observer } from "./observer.js";
import type { PartsOfBus } from "./parts-of-bus.js";
import { RunHolder } from "./run-holder.js";
import { type ConsumerOptions, consumerSettings } from "./settings.js";
import { ConsumerStats } from "./stats.js";

export interface ConsumerParts extends PartsOfBus {
  readonly tenantId: string | undefined;
}

export class Consumer<C extends EventSchemas = EventSchemas> extends RunHolder<ConsumerRun> {
  readonly tenantId: string | undefined;
  private readonly parts: ConsumerRunParts;

  /** @throws {InvalidNameError | InvalidOptionError | UnknownEventTypeError} naming the option and what was wanted. */
  constructor(parts: ConsumerParts, options: ConsumerOptions<C>) {
    const { stream, tenantId, outages, catalog } = parts;
    const settings = consumerSettings(options);
    const stats = new ConsumerStats(parts.stats);
    const { group, consumer } = settings;
    const logger = withFields(parts.logger, {
      ...(tenantId === undefined ? {} : { tenantId }),
      stream,
      group,
      consumer,
    });
    const emitter = emitterFor(logger);
    // A handler that its catalog types takes the events of its types, which are all that it is given.
    const untyped = options.handlers as readonly UntypedEventHandler[];
    const handlers = new Handlers(untyped, catalog, tenantId !== undefined);
    const running = parts.consumers;
    super({ kind: "consumer", stream, tenantId, settings, handlers, stats, emitter, running });
    this.tenantId = tenantId;
    const scope = { stream, tenantId, group, logger };
    const observer = new Observer({ emitter, stats, outages }, scope);
    this.parts = { ...parts, keys: groupKeys(stream, group, tenantId), scope, settings, handlers, observer };
  }

  /** @internal */
  protected makeRun(options: ConsumerRunOptions): ConsumerRun {
    return new ConsumerRun(this.parts, options);
  }
}
