/**
 * Running a handler on an entry: decoding, validating, finding the handler, catching what it throws, and turning all
 * of it into how the attempt ended. Knows nothing of Redis, and serves attempts of any number of groups.
 */
import { Status } from "@sluice/lua-scripts";
import { apart } from "../async-context.js";
import { retryDelayMs } from "../backoff.js";
import type { EventCatalog, ValidationOutcome } from "../catalog.js";
import type { ComposeSettings } from "../compose.js";
import { carriesEvents, handlingEnded, whileHandling, whileHandlingUncarried } from "../context.js";
import type { StoredEvent } from "../envelope.js";
import { HandlerTimeoutError, type Issue, NonRetryableError } from "../errors.js";
import type { SluiceEvent } from "../event.js";
import { isThenable } from "../guard.js";
import type { UntypedEventHandler } from "../handler.js";
import { isEventType } from "../names.js";
import { MAX_SPAN_MS } from "../options.js";
import { type Result, toResult } from "../results.js";
import { describeThrown, toLoggable } from "../thrown.js";
import { performance } from "../timing.js";
import { type FinishedAttempt, finishedAttempt, type UntoldLine } from "./finished-attempt.js";
import { AttemptContext } from "./handler-context.js";
import type { Handlers } from "./handlers.js";
import { aboutAttempt, type LeasedAttempt } from "./leased-attempt.js";
import { failed, type Outcome, SUCCEEDED, succeeded } from "./outcome.js";
import type { ConsumerSettings } from "./settings.js";
import { readEvent } from "./stored-event.js";

export interface HandlerRunnerParts {
  readonly handlers: Handlers;
  readonly catalog: EventCatalog;
  readonly compose: ComposeSettings;
  readonly settings: Pick<ConsumerSettings, "decode" | "unhandled" | "retry" | "maxAttempts">;
  /** Told once of each attempt, after the code that began it is over: together of those that end at the same time. */
  readonly onFinished: (finished: readonly FinishedAttempt[]) => void;
}

/** An attempt from when it begins to when its outcome is known. */
interface Run {
  readonly attempt: LeasedAttempt;
  /** Set where the handler was not called, or threw. */
  outcome: Outcome | undefined;
  /** What the handler returned, or what the promise that it returned resolved with. */
  value: unknown;
  context: AttemptContext | undefined;
  isUncarried: boolean;
}

/** For what is to happen as soon as the code that runs now is over. */
const NOW = Promise.resolve();

export class HandlerRunner {
  private readonly isStored: boolean;
  private readonly call: typeof callHandler;
  /** Waits for what a handler returned. A promise more for each event costs up to a fiftieth of it: there is this one. */
  private readonly awaitReturned: (run: Run, returned: PromiseLike<unknown>) => Promise<void>;
  /** Runs whose handlers have ended, and which are looked at together once the code that runs now is over. */
  private ended: Run[] = [];

  constructor(private readonly parts: HandlerRunnerParts) {
    const { handling } = parts.handlers;
    this.isStored = handling.isStored;
    // The stack names both: the one that calls the handler, and the one that awaits what it returned.
    this.call = handling.isStored
      ? callHandler
      : handling.named<typeof callHandler>((handler, event, context) => handler.handle(event, context));
    this.awaitReturned = handling.named(async (run: Run, returned: PromiseLike<unknown>) => {
      try {
        run.value = await returned;
      } catch (thrown) {
        run.outcome = this.thrown(run.attempt, thrown);
      }
      // Nothing more happens here: what follows is not the handler's.
      this.later(run);
    });
  }

  /**
   * Runs one attempt in a copy of the async context that the caller runs in; what follows from its answer runs in that
   * of the caller.
   */
  run(attempt: LeasedAttempt): void {
    const run: Run = {
      attempt,
      outcome: undefined,
      value: undefined,
      context: undefined,
      isUncarried: false,
    };
    const returned = apart(this.begin, run);
    if (run.outcome === undefined && isThenable(returned)) {
      void this.awaitReturned(run, returned);
    } else {
      run.value = returned;
      this.later(run);
    }
  }

  /** What the handler returned, or undefined where `run.outcome` says that the attempt is over. Never throws. */
  private readonly begin = (run: Run): unknown => {
    const { attempt } = run;
    try {
      const read = readEvent(attempt, this.parts.settings.decode);
      if ("outcome" in read) {
        run.outcome = read;
        return undefined;
      }
      attempt.event = read;
      if (!this.parts.handlers.byType.has(read.type)) {
        run.outcome = this.undeclared(attempt, read);
        return undefined;
      }
      const { tenantId } = attempt.inFlight.scope;
      if (carriesEvents(tenantId)) return whileHandling(tenantId, read, this.handle, run);
      run.isUncarried = true;
      return whileHandlingUncarried(read, this.handle, run);
    } catch (thrown) {
      run.outcome = this.thrown(attempt, thrown);
      return undefined;
    }
  };

  private readonly handle = (run: Run): unknown => {
    const { event } = run.attempt;
    if (event === undefined) return undefined;
    const validated = this.parts.catalog.validate(event.type, event.data);
    return validated instanceof Promise
      ? validated.then((outcome) => this.handleValidated(run, event, outcome))
      : this.handleValidated(run, event, validated);
  };

  private handleValidated(run: Run, event: StoredEvent, validated: ValidationOutcome): unknown {
    const { attempt } = run;
    const { handlers, compose } = this.parts;
    if (validated.issues) {
      run.outcome = failed(Status.INVALID, describeIssues(event.type, validated.issues));
      return undefined;
    }
    event.data = validated.value;
    const handler = handlers.byType.get(event.type);
    if (handler === undefined || !handlers.takes(handler, event)) {
      run.outcome = this.unhandled(attempt, event);
      return undefined;
    }
    run.context = new AttemptContext(compose, attempt, event, handler.name);
    // Innermost, so that no other context hides whose handler it is.
    return this.isStored
      ? handlers.handling.run(attempt, this.call, handler, event, run.context)
      : this.call(handler, event, run.context);
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  private later(run: Run): void {
    if (this.ended.push(run) === 1) void NOW.then(this.endAll);
  }

  private readonly endAll = (): void => {
    const runs = this.ended;
    this.ended = [];
    const now = performance.now();
    const finished: FinishedAttempt[] = [];
    for (const run of runs) {
      const outcome = this.outcome(run);
      if (outcome instanceof Promise) void this.endLater(run, outcome);
      else finished.push(this.end(run, outcome, now));
    }
    if (finished.length > 0) this.parts.onFinished(finished);
  };

  private outcome(run: Run): Outcome | Promise<Outcome> {
    try {
      return run.outcome ?? this.outcomeOf(toResult(run.value), run);
    } catch (thrown) {
      return this.thrown(run.attempt, thrown);
    }
  }

  private async endLater(run: Run, later: Promise<Outcome>): Promise<void> {
    const outcome = await later.catch((thrown: unknown) => this.thrown(run.attempt, thrown));
    this.parts.onFinished([this.end(run, outcome, performance.now())]);
  }

  private end({ attempt, isUncarried }: Run, outcome: Outcome, now: number): FinishedAttempt {
    if (isUncarried) handlingEnded();
    return finishedAttempt(attempt, outcome, now);
  }

  private outcomeOf(result: Result, { attempt, context }: Run): Outcome | Promise<Outcome> {
    switch (result.kind) {
      case "success":
        return context?.end()?.then(succeeded) ?? SUCCEEDED;
      case "failure":
        return failed(Status.FAILED, result.reason ?? "the handler answered failure");
      case "retry": {
        const delayMs = Math.min(result.delayMs ?? this.backoffMs(attempt), MAX_SPAN_MS);
        const message = result.reason ?? "the handler asked for a retry";
        const fields = { delayMs, reason: message };
        const line: UntoldLine = { level: "info", message: "handler asked for a retry", fields };
        return { outcome: "RETRY", delayMs, message, untold: this.tell(attempt, line) };
      }
    }
  }

  /** Gives up an attempt whose handler has taken too long: the signal aborts, and it ends as a retry. */
  expire(attempt: LeasedAttempt, handlerTimeoutMs: number): FinishedAttempt {
    const { type, number, entry } = attempt;
    const err = new HandlerTimeoutError({ type, entryId: entry.id, attempt: number, handlerTimeoutMs });
    const delayMs = this.backoffMs(attempt);
    const line: UntoldLine = { level: "error", message: "handler timed out", fields: { err, delayMs } };
    const untold = this.tell(attempt, line);
    attempt.abort(err);
    const outcome: Outcome = { outcome: "RETRY", delayMs, message: describeThrown(err), untold };
    return finishedAttempt(attempt, outcome, performance.now());
  }

  /**
   * No handler here declares the type. The server hands the event back if another consumer of the group does; with
   * `unhandled: "retry"` it comes to that one by itself.
   */
  private undeclared(attempt: LeasedAttempt, event: SluiceEvent): Outcome {
    const outcome = this.unhandled(attempt, event);
    // What is not named as types are, nobody can have declared.
    if (outcome.outcome === "RETRY" || !isEventType(event.type)) return outcome;
    const message = outcome.outcome === "FAILURE" ? outcome.message : "";
    return { outcome: "UNHANDLED", type: event.type, message };
  }

  private unhandled(attempt: LeasedAttempt, event: SluiceEvent): Outcome {
    const message = `no handler of this consumer takes events of type '${event.type}'`;
    switch (this.parts.settings.unhandled) {
      case "skip":
        return { outcome: "SKIP", skipped: "unhandled" };
      case "retry":
        return { outcome: "RETRY", delayMs: this.backoffMs(attempt), message };
      case "deadLetter":
        return failed(Status.UNHANDLED, message);
    }
  }

  /** What a handler, a schema or `canHandle` threw. */
  private thrown(attempt: LeasedAttempt, thrown: unknown): Outcome {
    const message = describeThrown(thrown);
    const err = toLoggable(thrown);
    if (thrown instanceof NonRetryableError) {
      const line: UntoldLine = { level: "error", message: "handler failed for good", fields: { err } };
      return { ...failed(Status.FAILED, message), untold: this.tell(attempt, line, "last") };
    }
    const delayMs = this.backoffMs(attempt);
    const line: UntoldLine = { level: "error", message: "handler threw", fields: { err, delayMs } };
    return { outcome: "RETRY", delayMs, message, untold: this.tell(attempt, line) };
  }

  /**
   * Logs how an attempt ended. The line of the last one is returned instead: the line about the dead letter that its
   * event becomes says the same, once that is known.
   */
  private tell(
    attempt: LeasedAttempt,
    line: UntoldLine,
    which: "last" | "maybe last" = "maybe last",
  ): UntoldLine | undefined {
    const isLast = which === "last" || attempt.number >= this.parts.settings.maxAttempts;
    // What a lost attempt ended with is not settled, and told by nobody else.
    if (isLast && !attempt.lost) return line;
    attempt.inFlight.scope.logger[line.level](line.message, { ...aboutAttempt(attempt), ...line.fields });
    return undefined;
  }

  private backoffMs(attempt: LeasedAttempt): number {
    return Math.min(retryDelayMs(this.parts.settings.retry, attempt.number), MAX_SPAN_MS);
  }
}

function callHandler(handler: UntypedEventHandler, event: SluiceEvent, context: AttemptContext): unknown {
  return handler.handle(event, context);
}

function describeIssues(type: string, issues: readonly Issue[]): string {
  const list = issues.map(({ path, message }) => `${path.join(".") || "data"}: ${message}`);
  return `validate a stored event of type '${type}': ${list.join("; ")}`;
}
