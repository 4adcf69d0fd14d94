/** A bus as users have it: what can be published, consumed and looked at, on a bus of one tenant or of many. */
import type { EntryBySchemas, EventCatalog, EventSchemas, InputBySchemas } from "./catalog.js";
import type { Consumer } from "./consumer/consumer.js";
import type { ConsumerOptions } from "./consumer/settings.js";
import type { PublishOptions } from "./event.js";
import type { DeadLetters } from "./monitoring/dead-letters.js";
import type { Health } from "./monitoring/health.js";
import type { Metrics } from "./monitoring/metrics.js";
import type { StreamInfo } from "./monitoring/stream-info.js";
import type { Receipt } from "./publisher.js";
import type { KnownTenant, TenantsOptions } from "./registry/listing.js";
import type { WorkerOptions } from "./worker/settings.js";
import type { Worker } from "./worker/worker.js";

/** Whether a bus keeps tenants apart. */
export type Tenancy = "single" | "multi";

/** What can be done for one tenant, or on a single-tenant bus. */
export interface Publishing<C extends EventSchemas> {
  /**
   * Publishes one event. It is validated, and gets time, tenant and, if it has none, a key. Concurrent publishes to
   * one stream travel together; each has a result of its own. Within a handler it inherits `correlationId`,
   * `causationId` and `traceparent` of the event being handled, as what is emitted does, unless the options name them.
   *
   * @throws {ValidationError} with every issue and its path; nothing is written.
   * @throws {UnknownEventTypeError} with the known types.
   * @throws {PayloadTooLargeError} when the data's JSON is longer than `maxPayloadBytes`.
   * @throws {IdempotencyMismatchError} when the key was published with another payload within the publish window.
   * @throws {StreamFullError} when the stream has reached `maxLength`.
   * @throws {PublishBackpressureError} when more is being published than gets to Redis; nothing is sent.
   * @throws {TenantRequiredError} on a multi-tenant bus, outside of every tenant.
   */
  publish<const T extends keyof C & string>(
    type: T,
    data: InputBySchemas<C, T>,
    options?: PublishOptions,
  ): Promise<Receipt>;
  /**
   * Publishes up to 1,000 events, all or none, in one script call. The errors are those of `publish`; their `index`
   * is the position of the first bad event. Resolves with receipts in order.
   */
  publishMany(events: readonly EntryBySchemas<C>[]): Promise<Receipt[]>;
  /** A consumer, not started yet. */
  consumer(options: ConsumerOptions<C>): Consumer;
}

/** Looking at what is there. */
export interface Monitoring {
  /** The stream and its groups, in one script call. A stream that is not there gives the same shape with zeros. */
  getStreamInfo(): Promise<StreamInfo>;
  /**
   * Whether the server, the stream's groups, and this process's own handlers are in order. Never rejects: a server that
   * is not reached is `"down"`. On a multi-tenant bus outside of every tenant it looks at the server, and at the handlers
   * of all tenants.
   */
  health(): Promise<Health>;
  /** The dead letters of one of the stream's groups. */
  deadLetters(group: string): DeadLetters;
  /** Plain numbers for exporters, of this process: what was published, and all of the bus's consumers together. */
  metrics(): Metrics;
}

/** A bus on one tenant's behalf. */
export interface TenantBus<C extends EventSchemas> extends Publishing<C>, Monitoring {
  readonly tenantId: string;
}

/** What a bus can do, whatever its tenancy. */
export interface CommonBus<T extends Tenancy, C extends EventSchemas> extends Publishing<C>, Monitoring {
  readonly tenancy: T;
  readonly streamName: string;
  /** Another stream on the same connections. */
  stream<D extends EventSchemas>(name: string, options: { readonly events: EventCatalog<D> }): Bus<T, D>;
  /**
   * Stops the consumers, waits for what is being published, and closes the connections that the bus opened. Called in a
   * handler it resolves, as `stop` of a consumer does, once no handlers are left but those that wait in such a call.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A bus of one tenant, or of none to speak of. */
export interface SingleTenantBus<C extends EventSchemas = EventSchemas> extends CommonBus<"single", C> {}

/** A bus of many tenants: each is kept apart, and named by `tenant()` or `withTenant`. */
export interface MultiTenantBus<C extends EventSchemas = EventSchemas> extends CommonBus<"multi", C> {
  /**
   * One worker for every tenant, not started yet: it handles the events of all of them on two connections of its own, each
   * in the context of its tenant, and lets no tenant keep the others waiting.
   */
  worker(options: WorkerOptions<C>): Worker<C>;
  /** @throws {InvalidNameError} when the name is not 1 to 64 of A-Z a-z 0-9 . _ - */
  tenant(tenantId: string): TenantBus<C>;
  /**
   * The tenants that something was published for, in no order, each once, read in pages: a tenant that comes or goes
   * meanwhile may be among them or not. Publishers enroll a tenant in the stream's registry before its first event; where
   * the registry is empty, or may not be read, all keys of the deployment are scanned for streams of this name (20,000 a
   * second), which a line of the log says.
   *
   * @throws {PermissionError} where this user may neither read the registry nor SCAN.
   */
  tenants(options?: TenantsOptions): AsyncIterable<KnownTenant>;
  /**
   * Takes a tenant that was removed out of the registry. Remove its keys first, and end its publishers: one that knows the
   * tenant enrolls it again within an hour, when it publishes for it, and this bus does so at once.
   *
   * @returns whether it was in the registry.
   * @throws {TenantInUseError} when its stream exists: workers would not find its events any more.
   * @throws {InvalidNameError} when the name is none that a tenant can have.
   */
  forgetTenant(tenantId: string): Promise<boolean>;
}

/** A bus, by its tenancy. */
export type Bus<T extends Tenancy = Tenancy, C extends EventSchemas = EventSchemas> = T extends "multi"
  ? MultiTenantBus<C>
  : SingleTenantBus<C>;
