/**
 * The bus: publishing to a stream, and consumers of it, for one tenant or for many. Everything here works on a
 * connection that somebody else made.
 */
import { groupKeys, type PublishItem, streamKeys } from "@sluice/lua-scripts";
import type { Bus, CommonBus, Tenancy, TenantBus } from "./bus-api.js";
import { type EventCatalog, type EventSchemas, isEventCatalog } from "./catalog.js";
import { type Composed, type ComposeSettings, compose, MAX_TOGETHER_CHARS } from "./compose.js";
import type { Connection } from "./connection.js";
import { warningsOnConsole } from "./console.js";
import { Consumer } from "./consumer/consumer.js";
import { outsideAttempts, unlessForCallers } from "./consumer/inside.js";
import type { PartsOfBus } from "./consumer/parts-of-bus.js";
import type { RunningConsumer } from "./consumer/running-consumer.js";
import type { ConsumerOptions } from "./consumer/settings.js";
import { ConsumerStats } from "./consumer/stats.js";
import { currentLineage, currentTenant, inheriting, type Lineage } from "./context.js";
import { ClosedError, InvalidOptionError, SingleTenantError, TenantRequiredError } from "./errors.js";
import { type PublishOptions, TimestampClock } from "./event.js";
import { Fingerprints } from "./fingerprint.js";
import { type Logger, toLogger } from "./logger.js";
import { DeadLetters } from "./monitoring/dead-letters.js";
import { checkHealth, type Health, withChecks } from "./monitoring/health.js";
import { consumerMetrics, type Metrics, merged, publisherMetrics, sumOf } from "./monitoring/metrics.js";
import { type KnownGroups, readInfo, type StreamInfo, toStreamInfo } from "./monitoring/stream-info.js";
import { stuckChecks } from "./monitoring/stuck.js";
import { checkGroup, checkStream, checkTenant } from "./names.js";
import { integerOption, knownOptions, MAX_SPAN_MS, textOption, wordOption } from "./options.js";
import { type Outages, outagesOf } from "./outages.js";
import { atIndex, type Destination, MAX_BATCH, Publisher, type Receipt } from "./publisher.js";
import type { KnownTenant, TenantsOptions } from "./registry/listing.js";
import { Registries, type Registry } from "./registry/registry.js";
import type { WorkerOptions } from "./worker/settings.js";
import { Worker } from "./worker/worker.js";

export interface BusOptions<C extends EventSchemas, T extends Tenancy = "single"> {
  /** The stream: 1 to 128 of A-Z a-z 0-9 . _ : -, starting with a letter or digit. */
  readonly stream: string;
  /** What may be published: made by `defineEvents`. */
  readonly events: EventCatalog<C>;
  /** `"multi"` keeps each tenant under keys of its own; `"single"` unless given. */
  readonly tenancy?: T;
  /** For how long at least a key published again answers with its first entry, in milliseconds; 120,000 unless given, 0 for no window. */
  readonly publishWindowMs?: number;
  /** Longest data of one event, in bytes of its JSON; 1,048,576 unless given. */
  readonly maxPayloadBytes?: number;
  /** Most entries in the stream, above which publishing is refused with StreamFullError; no limit unless given. */
  readonly maxLength?: number;
  /**
   * How long a call may take, in milliseconds; 5,000 unless given. A publish that has waited behind others has half of it
   * at least from when it is written.
   */
  readonly deadlineMs?: number;
  /** Who publishes, as the events' `source`; the stream's name unless given. */
  readonly source?: string;
  /** Where to log; warnings and errors go to the console unless given. */
  readonly logger?: Logger;
}

/** What the streams of one connection share. */
interface Shared {
  readonly connection: Connection;
  readonly publisher: Publisher;
  /** Of a multi-tenant bus. */
  readonly registries: Registries | undefined;
  readonly publishWindowMs: number;
  readonly deadlineMs: number;
  readonly logger: Logger;
  readonly outages: Outages;
  /** Those that run. */
  readonly consumers: Set<RunningConsumer>;
  readonly stats: ConsumerStats;
  readonly known: KnownGroups;
  closing: Promise<void> | undefined;
}

const OPTION_NAMES = [
  "stream",
  "events",
  "tenancy",
  "publishWindowMs",
  "maxPayloadBytes",
  "maxLength",
  "deadlineMs",
  "source",
  "logger",
];

const MEGABYTE = 1_048_576;
/** Longest data of one event that any bus may allow: an eighth of the longest value that Redis takes. */
const MAX_PAYLOAD_BYTES = 64 * MEGABYTE;

/**
 * A bus on a connection.
 *
 * @throws {InvalidNameError | InvalidOptionError} naming the option, its value and what was wanted.
 */
export function createBus<C extends EventSchemas, T extends Tenancy = "single">(
  connection: Connection,
  options: BusOptions<C, T>,
): Bus<T, C> {
  knownOptions("the options of a bus", options, OPTION_NAMES);
  const publishWindowMs = integerOption("publishWindowMs", options.publishWindowMs, 120_000, 0, MAX_SPAN_MS);
  const deadlineMs = integerOption("deadlineMs", options.deadlineMs, 5_000, 1, 3_600_000);
  const maxLength =
    options.maxLength === undefined ? 0 : integerOption("maxLength", options.maxLength, 0, 1, 2 ** 48);
  const logger = toLogger(options.logger ?? warningsOnConsole);
  const tenancy = wordOption<Tenancy>("tenancy", options.tenancy, "single", ["single", "multi"]);
  const registries = tenancy === "multi" ? new Registries({ connection, deadlineMs, logger }) : undefined;
  const shared: Shared = {
    connection,
    publisher: new Publisher(connection, { publishWindowMs, maxLength, deadlineMs }),
    registries,
    publishWindowMs,
    deadlineMs,
    logger,
    outages: outagesOf(options.logger),
    consumers: new Set(),
    stats: new ConsumerStats(),
    known: new Map(),
    closing: undefined,
  };
  const bus = new StreamBus<C>(shared, options, tenancy);
  // `tenancy` is T, or "single" where T was left to its default; `tenant` is there for both, and refuses on "single".
  return bus as unknown as Bus<T, C>;
}

class StreamBus<C extends EventSchemas> implements CommonBus<Tenancy, C> {
  readonly streamName: string;
  private readonly compose: ComposeSettings;
  private readonly registry: Registry | undefined;
  private destination: Destination | undefined;

  constructor(
    private readonly shared: Shared,
    private readonly options: Omit<BusOptions<C, Tenancy>, "tenancy">,
    readonly tenancy: Tenancy,
    readonly tenantId?: string,
  ) {
    this.streamName = checkStream(options.stream);
    if (!isEventCatalog(options.events)) {
      throw new InvalidOptionError({
        option: "events",
        value: options.events,
        wanted: "a catalog made by defineEvents",
      });
    }
    this.registry = shared.registries?.of(this.streamName);
    this.compose = {
      catalog: options.events,
      source: textOption("source", options.source, 256) ?? this.streamName,
      clock: new TimestampClock(),
      fingerprints: new Fingerprints(),
      maxPayloadBytes: integerOption(
        "maxPayloadBytes",
        options.maxPayloadBytes,
        MEGABYTE,
        1,
        MAX_PAYLOAD_BYTES,
      ),
    };
  }

  // Not async: what that adds to each call takes as long as the schema does.
  publish(type: string, data: unknown, options?: PublishOptions): Promise<Receipt> {
    try {
      const tenantId = this.tenantFor("publish");
      const composing = compose(
        this.compose,
        tenantId,
        type,
        data,
        inheriting(this.lineage(tenantId), options),
      );
      return composing instanceof Promise
        ? composing.then((composed) => this.send(tenantId, composed))
        : this.send(tenantId, composing);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private lineage(tenantId: string | undefined): Lineage | undefined {
    return currentLineage(tenantId, () => {
      this.shared.logger.info(
        "from now on, what handlers publish inherits the tracing fields of their event; this first publish may not have",
      );
    });
  }

  private send(tenantId: string | undefined, composed: Composed): Promise<Receipt> {
    return this.shared.publisher.publish(this.destinationFor(tenantId), itemOf(composed));
  }

  /** Where a tenant's events go: mostly where those of the call before went. */
  private destinationFor(tenantId: string | undefined): Destination {
    if (this.destination === undefined || tenantId !== this.destination.tenantId) {
      const stream = this.streamName;
      const keys = streamKeys(stream, tenantId);
      this.destination = { stream, keys, tenantId, enrolment: this.registry?.enrolment };
    }
    return this.destination;
  }

  async publishMany(
    events: readonly ({ readonly type: string; readonly data: unknown } & PublishOptions)[],
  ): Promise<Receipt[]> {
    const tenantId = this.tenantFor("publishMany");
    if (!Array.isArray(events) || events.length > MAX_BATCH) {
      const value = Array.isArray(events) ? events.length : events;
      throw new InvalidOptionError({
        option: "publishMany",
        value,
        wanted: `a list of at most ${MAX_BATCH} events`,
      });
    }
    if (events.length === 0) return [];
    const items: PublishItem[] = [];
    const lineage = this.lineage(tenantId);
    let chars = 0;
    for (const [index, event] of events.entries()) {
      let item: PublishItem;
      try {
        const composing = compose(
          this.compose,
          tenantId,
          event.type,
          event.data,
          inheriting(lineage, event),
          index,
        );
        // Awaited only where it has to be: this runs once for each event.
        item = itemOf(composing instanceof Promise ? await composing : composing);
      } catch (error) {
        throw atIndex(error, index);
      }
      chars += item.event.length;
      if (chars > MAX_TOGETHER_CHARS) {
        throw new InvalidOptionError({
          option: `publishMany[${index}]`,
          value: chars,
          wanted: `at most ${MAX_TOGETHER_CHARS} characters of all events together`,
        });
      }
      items.push(item);
    }
    return this.shared.publisher.publishAll(this.destinationFor(tenantId), items);
  }

  consumer(options: ConsumerOptions<C>): Consumer<C> {
    if (this.shared.closing) throw new ClosedError({ attempted: "consumer", closed: "bus" });
    const tenantId = this.tenantFor("consumer");
    return new Consumer<C>({ ...this.parts, tenantId }, options);
  }

  worker(options: WorkerOptions<C>): Worker<C> {
    const registry = this.registryFor("worker()");
    if (this.shared.closing) throw new ClosedError({ attempted: "worker", closed: "bus" });
    return new Worker<C>({ ...this.parts, list: () => registry.tenants() }, options);
  }

  private get parts(): PartsOfBus {
    const { shared, compose, streamName: stream } = this;
    return { ...shared, compose, catalog: compose.catalog, stream };
  }

  async getStreamInfo(): Promise<StreamInfo> {
    const tenantId = this.tenantFor("getStreamInfo");
    const { connection, known, deadlineMs } = this.shared;
    const reply = await readInfo(connection, known, this.streamName, tenantId, deadlineMs);
    return toStreamInfo(reply, this.streamName, tenantId);
  }

  async health(): Promise<Health> {
    const { connection, known, deadlineMs, consumers } = this.shared;
    const tenantId = this.tenancy === "single" ? undefined : (this.tenantId ?? currentTenant());
    const stream = this.tenancy === "single" || tenantId !== undefined ? this.streamName : undefined;
    const health = await checkHealth({ connection, known, stream, tenantId, deadlineMs });
    const ours = [...consumers].filter(({ stream }) => stream === this.streamName);
    const stuck = ours.flatMap((one) => one.stuck).filter((of) => (tenantId ?? of.tenantId) === of.tenantId);
    const checks = tenantId === undefined ? ours.flatMap((one) => one.checks) : [];
    return withChecks(health, [...stuckChecks(stuck), ...checks]);
  }

  deadLetters(group: string): DeadLetters {
    const tenantId = this.tenantFor("deadLetters");
    const { connection, deadlineMs } = this.shared;
    const keys = groupKeys(this.streamName, checkGroup(group), tenantId);
    return new DeadLetters({ connection, stream: this.streamName, keys, group, deadlineMs });
  }

  metrics(): Metrics {
    const { publisher, consumers, stats } = this.shared;
    const inHand = sumOf([...consumers].map((consumer) => consumer.inHand));
    return merged([publisherMetrics(publisher.stats), consumerMetrics(stats, inHand)]);
  }

  tenant(tenantId: string): TenantBus<C> {
    if (this.tenancy === "single") throw new SingleTenantError({ attempted: "tenant()" });
    const bus = new StreamBus<C>(this.shared, this.options, this.tenancy, checkTenant(tenantId));
    return bus as unknown as TenantBus<C>; // its tenantId is the one just given
  }

  tenants(options?: TenantsOptions): AsyncIterable<KnownTenant> {
    return this.registryFor("tenants()").tenants(options);
  }

  async forgetTenant(tenantId: string): Promise<boolean> {
    return await this.registryFor("forgetTenant()").forget(tenantId);
  }

  private registryFor(attempted: string): Registry {
    if (this.registry === undefined) throw new SingleTenantError({ attempted });
    return this.registry;
  }

  stream<D extends EventSchemas>(
    name: string,
    options: { readonly events: EventCatalog<D> },
  ): Bus<Tenancy, D> {
    const bus = new StreamBus<D>(this.shared, { ...this.options, ...options, stream: name }, this.tenancy);
    return bus as unknown as Bus<Tenancy, D>; // of this bus's own tenancy
  }

  close(): Promise<void> {
    const { shared } = this;
    shared.closing ??= outsideAttempts(() => this.wind());
    return unlessForCallers(shared.closing, () => {
      return (
        shared.consumers.size > 0 && [...shared.consumers].every(({ waitsForCallers }) => waitsForCallers)
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async wind(): Promise<void> {
    const { consumers, publisher, registries, connection } = this.shared;
    await Promise.allSettled([...consumers].map((consumer) => consumer.drained()));
    await publisher.close();
    await registries?.close();
    await connection.close();
  }

  /** The tenant that a call is for: the one named, or that of the code which calls. */
  private tenantFor(attempted: string): string | undefined {
    if (this.tenancy === "single") return undefined;
    const tenantId = this.tenantId ?? currentTenant();
    if (tenantId === undefined) throw new TenantRequiredError({ attempted });
    return tenantId;
  }
}

function itemOf(composed: Composed): PublishItem {
  const idempotencyKey = composed.namedKey ?? globalThis.crypto.randomUUID();
  return { idempotencyKey, event: composed.document(idempotencyKey), fingerprint: composed.fingerprint() };
}
