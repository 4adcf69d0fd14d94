/**
 * Running a handler on an entry: decoding, validating, finding the handler, catching what it throws, and turning all
 * of it into how the attempt ended. Knows nothing of Redis.
 */
import { type Emit, type SettleItem, Status } from "@sluice/lua-scripts";
import type { AsyncContext } from "../async-context.js";
import { retryDelayMs } from "../backoff.js";
import type { EventCatalog, ValidationOutcome } from "../catalog.js";
import { carriesEvents, handlingEnded, storyOf, whileHandling, whileHandlingUncarried } from "../context.js";
import { decodeEvent, type StoredEvent } from "../envelope.js";
import { kindOf } from "../errors/describe.js";
import { HandlerTimeoutError, InvalidOptionError, type Issue, NonRetryableError } from "../errors.js";
import type { SluiceEvent } from "../event.js";
import { catchRejection, isThenable, toPromise } from "../guard.js";
import { checkHandlers, type UntypedEventHandler } from "../handler.js";
import { isEventType } from "../names.js";
import { MAX_SPAN_MS } from "../options.js";
import { type Result, toResult } from "../results.js";
import { cut, describeThrown, toLoggable } from "../thrown.js";
import { performance } from "../timing.js";
import { foreignEvent } from "./decode.js";
import { type Attempt, aboutAttempt } from "./entry.js";
import type { Ending, UntoldLine } from "./hand.js";
import { AttemptContext, type AttemptParts } from "./handler-context.js";
import { Handling } from "./inside.js";
import type { ConsumerSettings } from "./settings.js";

export interface RunParts extends AttemptParts {
  readonly catalog: EventCatalog;
  readonly settings: ConsumerSettings;
}

/** The part of an ending that is up to the handler: without the entry it is about. */
type Outcome =
  | { readonly outcome: "SUCCESS"; readonly emits: readonly Emit[] }
  | { readonly outcome: "SKIP"; readonly skipped: "unhandled" | "otherGroup" }
  | (Untold & { readonly outcome: "UNHANDLED"; readonly type: string; readonly message: string })
  | (Untold & { readonly outcome: "RETRY"; readonly delayMs: number; readonly message: string })
  | (Untold & { readonly outcome: "FAILURE"; readonly reason: string; readonly message: string });

type Untold = { readonly untold?: UntoldLine | undefined };

const SUCCEEDED: Outcome = { outcome: "SUCCESS", emits: [] };

/** An attempt from when it begins to when its outcome is known. */
interface Run {
  readonly attempt: Attempt;
  readonly done: (ending: Ending) => void;
  /** Undefined for an entry that cannot be read. */
  event: StoredEvent | undefined;
  /** Set where the handler was not called, or threw at once. */
  outcome: Outcome | undefined;
  context: AttemptContext | undefined;
  isUncarried: boolean;
}

/** For what is to happen as soon as the code that runs now is over. */
const NOW = Promise.resolve();
/** As `await` has it: that of a promise itself may have been replaced. */
const PROMISE_THEN = Promise.prototype.then;

export class HandlerRunner {
  private readonly handlers: ReadonlyMap<string, UntypedEventHandler>;
  /** What is called by a handler is known as that. */
  readonly handling: Handling;
  private readonly call: (
    handler: UntypedEventHandler,
    event: SluiceEvent,
    context: AttemptContext,
  ) => unknown;

  /** @throws {InvalidOptionError | UnknownEventTypeError} as checkHandlers does */
  constructor(
    private readonly parts: RunParts,
    handlers: readonly UntypedEventHandler[],
  ) {
    this.handlers = checkHandlers(handlers, parts.catalog);
    this.handling = new Handling(parts.tenantId);
    this.call = this.handling.isStored ? callHandler : callNamed(this.handling);
  }

  /** The event types that the handlers declare. */
  get types(): readonly string[] {
    return [...this.handlers.keys()];
  }

  /**
   * Runs one attempt: the handler in `asyncContext`, what follows from its answer in that of the caller. `done` is
   * called once, later, whatever happens.
   */
  run(attempt: Attempt, asyncContext: AsyncContext, done: (ending: Ending) => void): void {
    const run: Run = {
      attempt,
      done,
      event: undefined,
      outcome: undefined,
      context: undefined,
      isUncarried: false,
    };
    const returned = asyncContext.run(this.begin, run);
    const onReturned = (value: unknown) => this.returned(run, value);
    // A promise more for each event costs up to a fiftieth of it: nothing on this path is an async function.
    if (run.outcome !== undefined || !isThenable(returned)) {
      NOW.then(() => onReturned(returned));
      return;
    }
    const onThrown = (thrown: unknown) => this.end(run, this.thrown(run, thrown));
    try {
      // Others, those of classes derived from Promise too, may begin to work only when their own `then` is called.
      const isPlain = Object.getPrototypeOf(returned) === Promise.prototype;
      if (isPlain) PROMISE_THEN.call(returned, onReturned, onThrown);
      else toPromise(returned).then(onReturned, onThrown);
    } catch (thrown) {
      NOW.then(() => onThrown(thrown));
    }
  }

  /** What the handler returned, or undefined where `run.outcome` says that the attempt is over. Never throws. */
  private readonly begin = (run: Run): unknown => {
    try {
      const read = this.read(run.attempt);
      if ("outcome" in read) {
        run.outcome = read;
        return undefined;
      }
      run.event = read;
      run.attempt.type = read.type;
      run.attempt.correlationId = storyOf(read);
      const handler = this.handlers.get(read.type);
      if (handler === undefined) {
        run.outcome = this.undeclared(run.attempt, read);
        return undefined;
      }
      const { tenantId } = this.parts;
      if (carriesEvents(tenantId)) return whileHandling(tenantId, read, this.handle, handler, run, read);
      run.isUncarried = true;
      return whileHandlingUncarried(read, this.handle, handler, run, read);
    } catch (thrown) {
      run.outcome = this.thrown(run, thrown);
      return undefined;
    }
  };

  private returned(run: Run, value: unknown): void {
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = run.outcome ?? this.outcomeOf(toResult(value), run);
    } catch (thrown) {
      outcome = this.thrown(run, thrown);
    }
    if (outcome instanceof Promise) {
      outcome.then(
        (later) => this.end(run, later),
        (thrown: unknown) => this.end(run, this.thrown(run, thrown)),
      );
    } else {
      this.end(run, outcome);
    }
  }

  private end({ attempt, done, isUncarried }: Run, outcome: Outcome): void {
    if (isUncarried) handlingEnded();
    const { tail, entry, type, correlationId } = attempt;
    const { id, key } = entry;
    const durationMs = performance.now() - attempt.begunAt;
    if (outcome.outcome === "SUCCESS") {
      const { emits } = outcome;
      done({ attempt, type, correlationId, durationMs, item: { outcome: "SUCCESS", key, id, tail, emits } });
    } else if (outcome.outcome === "SKIP") {
      const item: SettleItem = { outcome: "SKIP", key, id, tail };
      done({ attempt, type, correlationId, durationMs, item, skipped: outcome.skipped });
    } else {
      const { untold, ...rest } = outcome;
      done({ attempt, type, correlationId, durationMs, item: { ...rest, key, id, tail }, untold });
    }
  }

  /** Gives up an attempt whose handler has taken too long: the signal aborts, and it ends as a retry. */
  expire(attempt: Attempt, handlerTimeoutMs: number): Ending {
    const { type, correlationId, tail, number } = attempt;
    const { id, key } = attempt.entry;
    const err = new HandlerTimeoutError({ type, entryId: id, attempt: number, handlerTimeoutMs });
    const delayMs = this.backoffMs(attempt);
    const line: UntoldLine = { level: "error", message: "handler timed out", fields: { err, delayMs } };
    const untold = this.tell(attempt, line);
    attempt.abort(err);
    const durationMs = performance.now() - attempt.begunAt;
    const item: SettleItem = { outcome: "RETRY", delayMs, message: describeThrown(err), key, id, tail };
    return { attempt, type, correlationId, durationMs, item, untold };
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
      return failed(Status.MALFORMED, `${attempted}: decode threw ${describeThrown(error)}`);
    }
    const wanted = "wanted the fields key and event, once each and in this order";
    return failed(
      Status.MALFORMED,
      `${attempted}: ${wanted}${settings.decode ? ", or one that decode knows" : ""}`,
    );
  }

  private readonly handle = (handler: UntypedEventHandler, run: Run, stored: StoredEvent): unknown => {
    const validated = this.parts.catalog.validate(stored.type, stored.data);
    return validated instanceof Promise
      ? validated.then((outcome) => this.handleValidated(handler, run, stored, outcome))
      : this.handleValidated(handler, run, stored, validated);
  };

  private handleValidated(
    handler: UntypedEventHandler,
    run: Run,
    event: StoredEvent,
    validated: ValidationOutcome,
  ): unknown {
    if (validated.issues) {
      run.outcome = failed(Status.INVALID, describeIssues(event.type, validated.issues));
      return undefined;
    }
    event.data = validated.value;
    if (!takes(handler, event)) {
      run.outcome = this.unhandled(run.attempt, event);
      return undefined;
    }
    run.context = new AttemptContext(this.parts, run.attempt, event, handler.name);
    // Innermost, so that no other context hides whose handler it is.
    return this.handling.isStored
      ? this.handling.run(run.attempt, this.call, handler, event, run.context)
      : this.call(handler, event, run.context);
  }

  private outcomeOf(result: Result, run: Run): Outcome | Promise<Outcome> {
    switch (result.kind) {
      case "success":
        return run.context?.end(this.parts.settings.group)?.then(succeeded) ?? SUCCEEDED;
      case "failure":
        return failed(Status.FAILED, result.reason ?? "the handler answered failure");
      case "retry": {
        const delayMs = Math.min(result.delayMs ?? this.backoffMs(run.attempt), MAX_SPAN_MS);
        const message = result.reason ?? "the handler asked for a retry";
        const fields = { delayMs, reason: message };
        const line: UntoldLine = { level: "info", message: "handler asked for a retry", fields };
        return { outcome: "RETRY", delayMs, message, untold: this.tell(run.attempt, line) };
      }
    }
  }

  /**
   * No handler here declares the type. The server hands the event back if another consumer of the group does; with
   * `unhandled: "retry"` it comes to that one by itself.
   */
  private undeclared(attempt: Attempt, event: SluiceEvent): Outcome {
    const outcome = this.unhandled(attempt, event);
    // What is not named as types are, nobody can have declared.
    if (outcome.outcome === "RETRY" || !isEventType(event.type)) return outcome;
    const message = outcome.outcome === "FAILURE" ? outcome.message : "";
    return { outcome: "UNHANDLED", type: event.type, message };
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
  private thrown(run: Run, thrown: unknown): Outcome {
    const message = describeThrown(thrown);
    const err = toLoggable(thrown);
    if (thrown instanceof NonRetryableError) {
      const line: UntoldLine = { level: "error", message: "handler failed for good", fields: { err } };
      return { ...failed(Status.FAILED, message), untold: this.tell(run.attempt, line, "last") };
    }
    const delayMs = this.backoffMs(run.attempt);
    const line: UntoldLine = { level: "error", message: "handler threw", fields: { err, delayMs } };
    return { outcome: "RETRY", delayMs, message, untold: this.tell(run.attempt, line) };
  }

  /**
   * Logs how an attempt ended. The line of the last one is returned instead: the line about the dead letter that its
   * event becomes says the same, once that is known.
   */
  private tell(
    attempt: Attempt,
    line: UntoldLine,
    which: "last" | "maybe last" = "maybe last",
  ): UntoldLine | undefined {
    const isLast = which === "last" || attempt.number >= this.parts.settings.maxAttempts;
    // What a lost attempt ended with is not settled, and told by nobody else.
    if (isLast && !attempt.lost) return line;
    const about = aboutAttempt(attempt, attempt.type, attempt.correlationId);
    this.parts.logger[line.level](line.message, { ...about, ...line.fields });
    return undefined;
  }

  private backoffMs(attempt: Attempt): number {
    return Math.min(retryDelayMs(this.parts.settings.retry, attempt.number), MAX_SPAN_MS);
  }
}

function callHandler(handler: UntypedEventHandler, event: SluiceEvent, context: AttemptContext): unknown {
  return handler.handle(event, context);
}

/** The same, by functions that the stack names: one that calls, and one that awaits where there is something to await. */
function callNamed(handling: Handling): typeof callHandler {
  const awaited = handling.named(async (returned: unknown) => await returned);
  return handling.named((handler: UntypedEventHandler, event: SluiceEvent, context: AttemptContext) => {
    const returned: unknown = handler.handle(event, context);
    return isThenable(returned) ? awaited(returned) : returned;
  });
}

function takes(handler: UntypedEventHandler, event: SluiceEvent): boolean {
  if (handler.canHandle === undefined) return true;
  const answer: unknown = handler.canHandle(event);
  // A promise would count as yes to everything.
  if (typeof answer !== "boolean") {
    catchRejection(answer, () => {});
    throw new InvalidOptionError({
      option: `canHandle of handler '${handler.name}'`,
      value: answer,
      shown: isThenable(answer) ? "a promise" : kindOf(answer),
      wanted: "true or false",
    });
  }
  return answer;
}

function succeeded(emits: readonly Emit[]): Outcome {
  return { outcome: "SUCCESS", emits };
}

function failed(reason: string, message: string): Outcome & { readonly outcome: "FAILURE" } {
  return { outcome: "FAILURE", reason, message: cut(message) };
}

function describeIssues(type: string, issues: readonly Issue[]): string {
  const list = issues.map(({ path, message }) => `${path.join(".") || "data"}: ${message}`);
  return `validate a stored event of type '${type}': ${list.join("; ")}`;
}
