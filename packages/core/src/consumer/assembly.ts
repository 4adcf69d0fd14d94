/** The parts of one run of a consumer, made and connected to each other. */
import type { GroupKeys, Member } from "@sluice/lua-scripts";
import type { AsyncContext } from "../async-context.js";
import type { EventCatalog } from "../catalog.js";
import type { ComposeSettings } from "../compose.js";
import type { Connection } from "../connection.js";
import { BegunRecord } from "./begun.js";
import { BlockingReader } from "./blocking-reader.js";
import { Changes } from "./changes.js";
import { mayRunSuspect } from "./decide.js";
import { DueClock } from "./due-clock.js";
import { Executor } from "./executor.js";
import { FailureHandler } from "./failure-handler.js";
import { FailurePolicy } from "./failure-policy.js";
import { GroupCalls } from "./group-calls.js";
import type { GroupScope } from "./group-scope.js";
import { HandlerRunner } from "./handler-runner.js";
import type { Handlers } from "./handlers.js";
import { InFlight } from "./in-flight.js";
import { Membership } from "./membership.js";
import type { Observer } from "./observer.js";
import { PhaseHolder } from "./phase.js";
import { ReadAhead } from "./read-ahead.js";
import { Releases } from "./releases.js";
import { Requests } from "./requests.js";
import { Scheduler } from "./scheduler.js";
import type { ConsumerSettings } from "./settings.js";
import { SuspectRun } from "./suspect-run.js";
import { Suspects } from "./suspects.js";

export interface ConsumerRunParts {
  readonly connection: Connection;
  readonly keys: GroupKeys;
  readonly scope: GroupScope;
  readonly settings: ConsumerSettings;
  readonly handlers: Handlers;
  readonly catalog: EventCatalog;
  readonly compose: ComposeSettings;
  readonly observer: Observer;
  readonly publishWindowMs: number;
  readonly deadlineMs: number;
}

export interface ConsumerRunOptions {
  /** Tells this run from every other of the consumer's name, in this process and in others. */
  readonly incarnation: string;
  /** Handlers run in it. */
  readonly context: AsyncContext;
  /** Waits for entries, on a connection of its own. */
  readonly blocks: boolean;
  /** Attempts to lease at most. */
  readonly budget: number;
}

/** @param onFailed - an error has ended the run. */
export function assemble(parts: ConsumerRunParts, options: ConsumerRunOptions, onFailed: () => void) {
  const { connection, keys, scope, settings, observer, deadlineMs } = parts;
  const { group, consumer, leaseMs, blockMs, concurrency } = settings;
  const { logger } = scope;
  const member: Member = { group, consumer, incarnation: options.incarnation };
  const requests = new Requests(scope.stream, keys, member, parts.publishWindowMs);
  const calls = new GroupCalls({ ...parts, requests, types: parts.handlers.types });
  const inFlight = new InFlight(scope);
  const phase = new PhaseHolder();
  const policy = new FailurePolicy();
  const readAhead = new ReadAhead(leaseMs);
  const changes = new Changes();

  // What one of these calls of another happens once all of them are made.
  const suspects: Suspects = new Suspects({
    latestBegun: () => executor.latestBegun,
    record: () => begun.write(),
    goOn: () => {
      executor.fill();
      scheduler.kick();
    },
  });
  const begun = new BegunRecord(parts, member, () => suspects.mark(inFlight));
  const membership = new Membership({
    inFlight,
    requests,
    begun,
    due: new DueClock(),
    observer,
    budget: { left: options.budget },
    onSuspectSettled: (attempt) => suspectRun.over(attempt),
  });
  const isRunning = () => phase.now === "running";
  const runner = new HandlerRunner({ ...parts, onFinished: (finished) => executor.finished(finished) });
  const executor: Executor = new Executor({
    source: inFlight,
    concurrency,
    patienceMs: readAhead.patienceMs,
    context: options.context,
    run: (attempt) => runner.run(attempt),
    mayBegin: () => isRunning() && !suspects.holding,
    onFinished: () => scheduler.kick(),
    onLostEnded: (attempt) => suspectRun.over(attempt),
    onYielded: () => scheduler.yielded(),
  });
  const failures = new FailureHandler({ phase, policy, membership, calls, observer }, () => {
    scheduler.end();
    onFailed();
  });
  const releases = new Releases({ membership, calls, executor, readAhead, failures, logger });
  const suspectRun: SuspectRun = new SuspectRun({
    connection,
    deadlineMs,
    executor,
    suspects,
    observer,
    mayLease: () => mayRunSuspect(scheduler.snapshot, settings),
    mayBegin: isRunning,
    release: (_, items) => releases.items(items),
    onFailure: (_, { error }) => void failures.failed(error),
    onOver: () => {
      changes.tell();
      scheduler.kick();
    },
  });
  const reader = options.blocks
    ? new BlockingReader({
        connection: connection.duplicate(),
        requests,
        begun,
        blockMs,
        leaseMs,
        deadlineMs,
      })
    : undefined;
  const scheduler: Scheduler = new Scheduler({
    connection,
    deadlineMs,
    limits: settings,
    logger,
    membership,
    executor,
    suspects,
    suspectRun,
    readAhead,
    phase,
    policy,
    failures,
    releases,
    observer,
    reader,
    changes,
  });
  return {
    member,
    calls,
    inFlight,
    phase,
    changes,
    suspects,
    begun,
    membership,
    runner,
    executor,
    suspectRun,
    reader,
    scheduler,
  };
}
