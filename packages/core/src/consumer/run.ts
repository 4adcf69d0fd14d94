/**
 * Running a handler on an entry: decoding, validating, finding the handler, catching what it throws, and turning all
 * of it into how the attempt ended. Knows nothing of Redis.
 */
import { type Emit, type Attempt as SettleItem, Status } from "@sluice/lua-scripts";
import { retryDelayMs } from "../backoff.js";
import type { EventCatalog, ValidationOutcome } from "../catalog.js";
import { type Composed, type ComposeSettings, compose, MAX_TOGETHER_CHARS } from "../compose.js";
import { withTenant } from "../context.js";
import { decodeEvent, type StoredEvent } from "../envelope.js";
import { HandlerTimeoutError, InvalidOptionError, type Issue, NonRetryableError } from "../errors.js";
import type { EmitOptions, SluiceEvent } from "../event.js";
import { emitKey } from "../fingerprint.js";
import { checkHandlers, type HandlerContext, type UntypedEventHandler } from "../handler.js";
import { type Logger, withFields } from "../logger.js";
import { MAX_SPAN_MS } from "../options.js";
import { type Result, toResult } from "../results.js";
import type { Attempt } from "./entry.js";
import { foreignEvent } from "./foreign.js";
import type { Ending } from "./hand.js";
import { Handling } from "./inside.js";
import type { ConsumerSettings } from "./settings.js";

/** Most events that one handled event may emit. */
const MAX_EMITS = 1_000;
/** A dead letter's message is cut at this many characters; what the scripts take is 4,096 bytes. */
const MAX_MESSAGE_CHARS = 1_000;

export interface RunParts {
  readonly catalog: EventCatalog;
  readonly compose: ComposeSettings;
  readonly settings: ConsumerSettings;
  readonly tenantId: string | undefined;
  readonly logger: Logger;
}

/** The part of an ending that is up to the handler: without the entry it is about. */
type Outcome =
  | { readonly outcome: "SUCCESS"; readonly emits: readonly Emit[] }
  | { readonly outcome: "SKIP"; readonly skipped: "unhandled" | "otherGroup" }
  | { readonly outcome: "RETRY"; readonly delayMs: number; readonly message: string }
  | { readonly outcome: "FAILURE"; readonly reason: string; readonly message: string };

const SUCCEEDED: Outcome = { outcome: "SUCCESS", emits: [] };

export class Runner {
  private readonly handlers: ReadonlyMap<string, UntypedEventHandler>;
  /** What is called by a handler is known as that. */
  readonly handling: Handling;
  private readonly call: (
    handler: UntypedEventHandler,
    attempt: Attempt,
    event: SluiceEvent,
  ) => Promise<Outcome>;

  /** @throws {InvalidOptionError | UnknownEventTypeError} as checkHandlers does */
  constructor(
    private readonly parts: RunParts,
    handlers: readonly UntypedEventHandler[],
  ) {
    this.handlers = checkHandlers(handlers, parts.catalog);
    this.handling = new Handling(parts.tenantId);
    this.call = this.handling.named(async (handler, attempt, event) => {
      if (!takes(handler, event)) return this.unhandled(attempt, event);
      const context = new AttemptContext(this.parts, attempt, event, handler.name);
      const result = toResult(await handler.handle(event, context));
      return this.outcomeOf(result, attempt, event, context);
    });
  }

  /** Runs one attempt. Never rejects. */
  async run(attempt: Attempt): Promise<Ending> {
    const { tail, entry } = attempt;
    const { id, key } = entry;
    const event = this.read(attempt);
    const type = "type" in event ? event.type : undefined;
    attempt.type = type;
    let outcome: Outcome;
    try {
      outcome = "outcome" in event ? event : await this.handle(attempt, event);
    } catch (error) {
      outcome = this.thrown(attempt, type, error);
    }
    const durationMs = performance.now() - attempt.begunAt;
    if (outcome.outcome === "SUCCESS") {
      const { emits } = outcome;
      return { attempt, type, durationMs, item: { outcome: "SUCCESS", key, id, tail, emits } };
    }
    if (outcome.outcome === "SKIP") {
      const item: SettleItem = { outcome: "SKIP", key, id, tail };
      return { attempt, type, durationMs, item, skipped: outcome.skipped };
    }
    return { attempt, type, durationMs, item: { ...outcome, key, id, tail } };
  }

  /** Gives up an attempt whose handler has taken too long: the signal aborts, and it ends as a retry. */
  expire(attempt: Attempt, handlerTimeoutMs: number): Ending {
    const { type, tail, number } = attempt;
    const { id, key } = attempt.entry;
    const error = new HandlerTimeoutError({ type, entryId: id, attempt: number, handlerTimeoutMs });
    const delayMs = this.backoffMs(attempt);
    this.log(type, attempt).error("handler timed out", { err: error, delayMs });
    attempt.abort(error);
    const message = cut(describeError(error));
    const durationMs = performance.now() - attempt.begunAt;
    return { attempt, type, durationMs, item: { outcome: "RETRY", delayMs, message, key, id, tail } };
  }

  /** The event as it was stored, or what becomes of an entry that is none of ours to handle. */
  private read(attempt: Attempt): StoredEvent | Outcome {
    const { entry } = attempt;
    const { id, key, fields } = entry;
    if (key === "") return this.readForeign(attempt);
    const onlyFor = fields[5];
    if (onlyFor !== undefined && onlyFor !== this.parts.settings.group)
      return { outcome: "SKIP", skipped: "otherGroup" };
    const decoded = decodeEvent(fields[3] ?? "", entry);
    if (!decoded.ok) return failed(Status.MALFORMED, decoded.message);
    if (decoded.event.tenantId !== this.parts.tenantId) {
      return failed(Status.MALFORMED, `read entry '${id}': its tenantid is not the tenant of this stream`);
    }
    return decoded.event;
  }

  /** An entry that somebody else wrote. */
  private readForeign({ entry }: Attempt): StoredEvent | Outcome {
    const { settings, tenantId } = this.parts;
    const attempted = `read entry '${entry.id}'`;
    try {
      const event = settings.decode && foreignEvent(settings.decode, entry, tenantId);
      if (event !== undefined) return event;
    } catch (error) {
      return failed(Status.MALFORMED, `${attempted}: decode threw ${describeError(error)}`);
    }
    const wanted = "wanted the fields key and event, once each and in this order";
    return failed(
      Status.MALFORMED,
      `${attempted}: ${wanted}${settings.decode ? ", or one that decode knows" : ""}`,
    );
  }

  // Only what may have to wait is async, here and below: each promise more is a fiftieth of what an event costs.
  private handle(attempt: Attempt, stored: StoredEvent): Outcome | Promise<Outcome> {
    const handler = this.handlers.get(stored.type);
    if (handler === undefined) return this.unhandled(attempt, stored);
    const validated = this.parts.catalog.validate(stored.type, stored.data);
    return validated instanceof Promise
      ? validated.then((outcome) => this.handleValidated(handler, attempt, stored, outcome))
      : this.handleValidated(handler, attempt, stored, validated);
  }

  private handleValidated(
    handler: UntypedEventHandler,
    attempt: Attempt,
    event: StoredEvent,
    validated: ValidationOutcome,
  ): Outcome | Promise<Outcome> {
    if (validated.issues) return failed(Status.INVALID, describeIssues(event.type, validated.issues));
    event.data = validated.value;
    const { tenantId } = this.parts;
    // Innermost, so that no other context hides whose handler it is.
    if (!this.handling.isStored) return this.call(handler, attempt, event);
    if (tenantId === undefined) return this.handling.run(attempt, this.call, handler, attempt, event);
    return withTenant(tenantId, () => this.handling.run(attempt, this.call, handler, attempt, event));
  }

  private outcomeOf(
    result: Result,
    attempt: Attempt,
    event: SluiceEvent,
    context: AttemptContext,
  ): Outcome | Promise<Outcome> {
    switch (result.kind) {
      case "success":
        return context.outcome(this.parts.settings.group);
      case "failure":
        return failed(Status.FAILED, result.reason ?? "the handler answered failure");
      case "retry": {
        const delayMs = Math.min(result.delayMs ?? this.backoffMs(attempt), MAX_SPAN_MS);
        const message = result.reason ?? "the handler asked for a retry";
        this.log(event.type, attempt).info("handler asked for a retry", { delayMs, reason: message });
        return { outcome: "RETRY", delayMs, message };
      }
    }
  }

  private unhandled(attempt: Attempt, event: SluiceEvent): Outcome {
    const message = `no handler of this consumer takes events of type '${event.type}'`;
    switch (this.parts.settings.unhandled) {
      case "skip":
        return { outcome: "SKIP", skipped: "unhandled" };
      case "retry":
        return {
          outcome: "RETRY",
          delayMs: this.backoffMs(attempt),
          message,
        };
      case "deadLetter":
        return failed(Status.UNHANDLED, message);
    }
  }

  /** What a handler, a schema or `canHandle` threw. */
  private thrown(attempt: Attempt, type: string | undefined, error: unknown): Outcome {
    const message = cut(describeError(error));
    const logger = this.log(type, attempt);
    if (error instanceof NonRetryableError) {
      logger.error("handler failed for good", { err: error });
      return failed(Status.FAILED, message);
    }
    const delayMs = this.backoffMs(attempt);
    logger.error("handler threw", { err: error, delayMs });
    return { outcome: "RETRY", delayMs, message };
  }

  private backoffMs(attempt: Attempt): number {
    return Math.min(retryDelayMs(this.parts.settings.retry, attempt.number), MAX_SPAN_MS);
  }

  private log(type: string | undefined, attempt: Attempt): Logger {
    return withFields(this.parts.logger, aboutAttempt(type, attempt));
  }
}

function takes(handler: UntypedEventHandler, event: SluiceEvent): boolean {
  if (handler.canHandle === undefined) return true;
  const answer: unknown = handler.canHandle(event);
  // A promise would count as yes to everything.
  if (typeof answer !== "boolean") {
    throw new InvalidOptionError({
      option: `canHandle of handler '${handler.name}'`,
      value: typeof answer,
      wanted: "true or false",
    });
  }
  return answer;
}

function aboutAttempt(eventType: string | undefined, attempt: Attempt): object {
  return { eventType, idempotencyKey: attempt.entry.key, entryId: attempt.entry.id, attempt: attempt.number };
}

function failed(reason: string, message: string): Outcome {
  return { outcome: "FAILURE", reason, message: cut(message) };
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function cut(message: string): string {
  return message.length > MAX_MESSAGE_CHARS ? `${message.slice(0, MAX_MESSAGE_CHARS)}…` : message;
}

function describeIssues(type: string, issues: readonly Issue[]): string {
  const list = issues.map(({ path, message }) => `${path.join(".") || "data"}: ${message}`);
  return `validate a stored event of type '${type}': ${list.join("; ")}`;
}

/** What a handler is given besides the event; collects what it emits. */
class AttemptContext implements HandlerContext {
  declare readonly tenantId?: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  private readonly composed: (Composed | Promise<Composed>)[] = [];
  private lines: Logger | undefined;
  private boundEmit: HandlerContext["emit"] | undefined;
  private ended = false;
  private chars = 0;

  constructor(
    private readonly parts: RunParts,
    private readonly leased: Attempt,
    private readonly event: SluiceEvent,
    private readonly handlerName: string,
  ) {
    if (parts.tenantId !== undefined) this.tenantId = parts.tenantId;
    this.attempt = leased.number;
    this.idempotencyKey = event.idempotencyKey;
  }

  get signal(): AbortSignal {
    return this.leased.signal;
  }

  get logger(): Logger {
    this.lines ??= withFields(this.parts.logger, {
      handler: this.handlerName,
      ...aboutAttempt(this.event.type, this.leased),
    });
    return this.lines;
  }

  /** Bound, so that handlers may take it out of their context. */
  get emit(): HandlerContext["emit"] {
    this.boundEmit ??= this.emitOne.bind(this);
    return this.boundEmit;
  }

  private emitOne(type: string, data: unknown, options?: EmitOptions): void {
    if (this.ended || this.leased.over) {
      throw new InvalidOptionError({
        option: "emit",
        value: type,
        wanted: "a call before the handler returns, and before its attempt is given up",
      });
    }
    if (this.composed.length === MAX_EMITS) {
      throw new InvalidOptionError({
        option: "emit",
        value: type,
        wanted: `at most ${MAX_EMITS} events of one handler`,
      });
    }
    const { event } = this;
    const related = {
      correlationId: event.correlationId ?? event.idempotencyKey,
      causationId: event.idempotencyKey,
      traceparent: event.traceparent,
      ...options,
    };
    const composing = compose(this.parts.compose, this.parts.tenantId, type, data, related);
    const composed =
      composing instanceof Promise ? composing.then((made) => this.count(made)) : this.count(composing);
    // Awaited when the handler has ended; a rejection before that is not unhandled.
    if (composed instanceof Promise) composed.catch(() => {});
    this.composed.push(composed);
  }

  /** All of it travels in one command. */
  private count(composed: Composed): Composed {
    this.chars += composed.chars;
    if (this.chars > MAX_TOGETHER_CHARS) {
      throw new InvalidOptionError({
        option: "emit",
        value: this.chars,
        wanted: `at most ${MAX_TOGETHER_CHARS} characters of data in the events of one handler`,
      });
    }
    return composed;
  }

  /** Success, with what the handler emitted: it emits no more. */
  outcome(group: string): Outcome | Promise<Outcome> {
    this.ended = true;
    if (this.composed.length === 0) return SUCCEEDED;
    return this.emitted(group).then((emits) => ({ outcome: "SUCCESS", emits }));
  }

  /** What the handler emitted, ready to be settled: under keys that each attempt makes the same. */
  private emitted(group: string): Promise<readonly Emit[]> {
    const emits = this.composed.map(async (promised, n): Promise<Emit> => {
      const composed = await promised;
      const key = composed.namedKey ?? (await emitKey(this.idempotencyKey, group, n));
      const fingerprint = composed.namedKey === undefined ? "" : composed.fingerprint();
      return { key, event: composed.document(key), fingerprint };
    });
    return Promise.all(emits);
  }
}
