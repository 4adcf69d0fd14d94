/** The options of a consumer, checked and with what was left out filled in. */

import { type RetryPolicy, toRetryPolicy } from "../backoff.js";
import type { EventSchemas } from "../catalog.js";
import { InvalidOptionError } from "../errors.js";
import type { AnyEventHandler } from "../handler.js";
import { checkConsumer, checkGroup, isEntryId } from "../names.js";
import { integerOption, knownOptions, MAX_SPAN_MS, wordOption } from "../options.js";
import type { Decode } from "./decode.js";

/** What becomes of an event that no handler of the consumer takes. */
export type Unhandled = "skip" | "retry" | "deadLetter";

export interface ConsumerOptions<C extends EventSchemas = EventSchemas> {
  /** Consumer group: each group gets every event, and shares the work among its consumers. */
  readonly group: string;
  /** At least one; no two for one event type. */
  readonly handlers: readonly AnyEventHandler<C>[];
  /**
   * Name of this consumer in the group. Unique per process unless it is given. With a name of its own a restarted
   * process takes its entries back at once; a newer process of the same name takes over from an older one.
   */
  readonly consumer?: string;
  /** Events handled at the same time, 1 to 1,000; 16 unless given. */
  readonly concurrency?: number;
  /** Entries read at once, 1 to 1,000; as many as `concurrency` unless given. */
  readonly batchSize?: number;
  /** How long one blocking read waits, in milliseconds, 1 to 60,000; 5,000 unless given. */
  readonly blockMs?: number;
  /**
   * How long an entry may be idle before other consumers take it, in milliseconds, from 10; 30,000 unless given.
   * Handlers that run longer are kept alive by heartbeats. A setting of the group.
   */
  readonly leaseMs?: number;
  /** Attempts at an event before it becomes a dead letter, 1 to 1,000; 5 unless given. A setting of the group. */
  readonly maxAttempts?: number;
  /** How long a handled key is remembered at least, in milliseconds; 7 days unless given. A setting of the group. */
  readonly idempotencyTtlMs?: number;
  /** Change the group's recorded settings to these, rather than refuse them with GroupSettingsError. */
  readonly changeSettings?: boolean;
  /** How long to wait before the next attempt when a handler throws, or asks for a retry without a delay. */
  readonly retry?: Partial<RetryPolicy>;
  /**
   * An event that no handler here declares, or that `canHandle` turns down: `"skip"` acknowledges and counts it
   * (unless given), `"retry"` tries it again after backoff, `"deadLetter"` keeps it as a dead letter.
   *
   * Before an event of a type that no handler here declares is skipped or dead-lettered, the group's other consumers are
   * asked: if one of them declares the type, as in a rolling deployment that adds one, the event is handed back to it, at
   * no cost of an attempt. What a consumer declares is forgotten when it stops, or, if it has a name of its own or has
   * died, ten minutes after it was last heard of.
   */
  readonly unhandled?: Unhandled;
  /** Where a group that is new begins: `"0"` (unless given) with the first entry, `"$"` with what comes next, or after an entry ID. */
  readonly startFrom?: string;
  /**
   * What consumers do to keep the stream short: drop entries that every group has settled once they are older than
   * `settledForMs` (milliseconds; one day unless given), and record `maxLength` (entries; 0 for no limit) for the
   * stream, above which publishing is refused. `false` drops nothing.
   */
  readonly retention?: Retention | false;
  /**
   * What an entry means that another producer wrote in a layout of its own. Without it, or where it returns undefined
   * or throws, such an entry is a dead letter `MALFORMED`. It is handled once by its entry ID.
   */
  readonly decode?: Decode;
  /** How long `stop()` lets handlers finish, in milliseconds; 10,000 unless given. */
  readonly drainTimeoutMs?: number;
  /**
   * How long a handler may take, in milliseconds, from 1; without limit unless given. An attempt that takes longer ends
   * as a retry, or as a dead letter if it was the last one: `context.signal` aborts with HandlerTimeoutError, its slot
   * is free, and what the handler still does is of no consequence. A handler that never lets the event loop turn cannot
   * be stopped.
   */
  readonly handlerTimeoutMs?: number;
}

function decodeOption(value: unknown): Decode | undefined {
  if (value !== undefined && typeof value !== "function") {
    throw new InvalidOptionError({ option: "decode", value, wanted: "a function" });
  }
  return value as Decode | undefined; // what it takes and answers shows when it is called
}

export interface Retention {
  readonly settledForMs?: number;
  readonly maxLength?: number;
}

const OPTION_NAMES = [
  "group",
  "handlers",
  "consumer",
  "concurrency",
  "batchSize",
  "blockMs",
  "leaseMs",
  "maxAttempts",
  "idempotencyTtlMs",
  "changeSettings",
  "retry",
  "unhandled",
  "startFrom",
  "drainTimeoutMs",
  "handlerTimeoutMs",
  "retention",
  "decode",
] as const;

export interface ConsumerSettings {
  readonly group: string;
  readonly consumer: string;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly blockMs: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly idempotencyTtlMs: number;
  readonly changeSettings: boolean;
  readonly retry: RetryPolicy;
  readonly unhandled: Unhandled;
  readonly startFrom: string;
  readonly drainTimeoutMs: number;
  readonly handlerTimeoutMs: number | undefined;
  readonly retention: { readonly settledForMs: number; readonly maxLength: number | undefined } | undefined;
  readonly decode: Decode | undefined;
  /** The consumer's name is its own making: it may go when the process does. */
  readonly anonymous: boolean;
}

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/**
 * @throws {InvalidNameError | InvalidOptionError} naming the option, its value and what was wanted.
 */
export function consumerSettings(options: Omit<ConsumerOptions, "handlers">): ConsumerSettings {
  knownOptions("the options of a consumer", options, OPTION_NAMES);
  const concurrency = integerOption("concurrency", options.concurrency, 16, 1, 1_000);
  const leaseMs = integerOption("leaseMs", options.leaseMs, 30_000, 10, MAX_SPAN_MS);
  const changeSettings: unknown = options.changeSettings ?? false;
  if (typeof changeSettings !== "boolean") {
    throw new InvalidOptionError({
      option: "changeSettings",
      value: changeSettings,
      wanted: "true or false",
    });
  }
  return {
    group: checkGroup(options.group),
    consumer: options.consumer === undefined ? uniqueName() : checkConsumer(options.consumer),
    concurrency,
    batchSize: integerOption("batchSize", options.batchSize, concurrency, 1, 1_000),
    blockMs: integerOption("blockMs", options.blockMs, 5_000, 1, 60_000),
    leaseMs,
    maxAttempts: integerOption("maxAttempts", options.maxAttempts, 5, 1, 1_000),
    idempotencyTtlMs: integerOption("idempotencyTtlMs", options.idempotencyTtlMs, WEEK_MS, 1, MAX_SPAN_MS),
    changeSettings,
    retry: toRetryPolicy(options.retry),
    unhandled: wordOption("unhandled", options.unhandled, "skip", ["skip", "retry", "deadLetter"]),
    startFrom: startFrom(options.startFrom),
    drainTimeoutMs: integerOption("drainTimeoutMs", options.drainTimeoutMs, 10_000, 0, MAX_SPAN_MS),
    handlerTimeoutMs:
      options.handlerTimeoutMs === undefined
        ? undefined
        : integerOption("handlerTimeoutMs", options.handlerTimeoutMs, 0, 1, MAX_SPAN_MS),
    retention: retentionSettings(options.retention),
    decode: decodeOption(options.decode),
    anonymous: options.consumer === undefined,
  };
}

function retentionSettings(retention: Retention | false | undefined): ConsumerSettings["retention"] {
  if (retention === false) return undefined;
  if (retention !== undefined) knownOptions("retention", retention, ["settledForMs", "maxLength"]);
  const maxLength = retention?.maxLength;
  return {
    settledForMs: integerOption("retention.settledForMs", retention?.settledForMs, DAY_MS, 0, MAX_SPAN_MS),
    maxLength:
      maxLength === undefined ? undefined : integerOption("retention.maxLength", maxLength, 0, 0, 2 ** 48),
  };
}

function startFrom(value: unknown): string {
  if (value === undefined || value === "0") return "0-0";
  if (value !== "$" && !isEntryId(value)) {
    throw new InvalidOptionError({
      option: "startFrom",
      value,
      wanted: '"0", "$" or an entry ID such as "1764000000000-0"',
    });
  }
  return value;
}

function uniqueName(): string {
  return `consumer-${globalThis.crypto.randomUUID().slice(0, 13)}`;
}
