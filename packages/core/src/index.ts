/** The runtime-neutral client of Sluice. The clients for Node and Deno export all of this, and `connect()`. */
export { DEFAULT_RETRY_POLICY, type RetryPolicy, retryDelayMs } from "./backoff.js";
export type { BellListener, Bells, Polled, Slots } from "./bells.js";
export { type BusOptions, createBus } from "./bus.js";
export type {
  Bus,
  CommonBus,
  Monitoring,
  MultiTenantBus,
  Publishing,
  SingleTenantBus,
  Tenancy,
  TenantBus,
} from "./bus-api.js";
export {
  defineEvents,
  type EventCatalog,
  type EventInput,
  type EventOf,
  type EventOutput,
  type EventSchemas,
  type Events,
  type EventType,
  type PublishEntry,
  type SchemasOf,
} from "./catalog.js";
export type { Connection, RedisNode, Request, SendOptions } from "./connection.js";
export { Consumer } from "./consumer/consumer.js";
export type { Decode, ForeignEntry, ForeignEvent } from "./consumer/decode.js";
export type { ConsumerEvents, ConsumerListener, EntryReport } from "./consumer/events.js";
export type { Recovery } from "./consumer/recovery.js";
export type { RunOnceOptions, RunOnceReport } from "./consumer/run-once.js";
export type { ConsumerOptions, Unhandled } from "./consumer/settings.js";
export { currentTenant, withTenant } from "./context.js";
export * from "./errors.js";
export type {
  EmitOptions,
  EventAttributes,
  PublishOptions,
  SluiceEvent,
  SluiceEvent as Event,
} from "./event.js";
export {
  type AnyEventHandler,
  defineHandler,
  type EventHandler,
  type HandlerContext,
  type HandlerResult,
  type UntypedEventHandler,
} from "./handler.js";
export { type Logger, type LogMethod, silentLogger } from "./logger.js";
export {
  type DeadLetter,
  type DeadLetterOutcome,
  type DeadLetterPage,
  DeadLetters,
} from "./monitoring/dead-letters.js";
export type { Health, HealthCheck, HealthStatus } from "./monitoring/health.js";
export type { Histogram, Metrics } from "./monitoring/metrics.js";
export type { ConsumerInfo, GroupInfo, StreamInfo } from "./monitoring/stream-info.js";
export type { Receipt } from "./publisher.js";
export type { KnownTenant, TenantsOptions } from "./registry/listing.js";
export { failure, type Result, retry, success } from "./results.js";
export type { WorkerOptions, WorkerTenants } from "./worker/settings.js";
export { Worker } from "./worker/worker.js";
