/** Tells what happened: to listeners, to the log, and in numbers. Never shows payload. */
import type { LeaseVerdict, RecoveryCounts, SettleVerdict } from "@sluice/lua-scripts";
import { storyOf } from "../context.js";
import { decodeEvent } from "../envelope.js";
import { type Logger, withFields, writesDebug } from "../logger.js";
import { type Outages, outageKindOf } from "../outages.js";
import { givenKey, partsOfKey } from "../stored-key.js";
import { performance } from "../timing.js";
import type { Entry } from "./entry.js";
import type { ConsumerEvents, Emitter, EntryReport } from "./events.js";
import { type FinishedAttempt, reasonOfDeath } from "./finished-attempt.js";
import type { GroupScope } from "./group-scope.js";
import { aboutAttempt, type LeasedAttempt } from "./leased-attempt.js";
import type { Recovery } from "./recovery.js";
import { describeRoundTrip, type RoundTrip, type RoundTripResult } from "./round-trip.js";
import type { ConsumerStats } from "./stats.js";

/** Most event types of which is remembered that they were logged. */
const MAX_LOGGED_TYPES = 1_000;

export interface ObserverParts {
  readonly emitter: Emitter;
  readonly stats: ConsumerStats;
  readonly outages: Outages;
}

/** Observes one group; emitter and numbers may be shared with those of others. */
export class Observer {
  private inTrouble = false;
  /** What became of events without a handler here, by type: logged when it first does, and when it changes. */
  private readonly withoutHandler = new Map<string, "skipped" | "handed back">();
  private readonly emitter: Emitter;
  private readonly stats: ConsumerStats;
  private readonly outages: Outages;
  private readonly logger: Logger;

  constructor(
    { emitter, stats, outages }: ObserverParts,
    private readonly scope: GroupScope,
  ) {
    this.emitter = emitter;
    this.stats = stats;
    this.outages = outages;
    this.logger = scope.logger;
  }

  // --- attempts ----------------------------------------------------------------------------------------------------

  /** An attempt's end was judged by the server. */
  settled(finished: FinishedAttempt, verdict: SettleVerdict): void {
    const { attempt, durationMs } = finished;
    // The verdict may differ from what was expected when it was left untold: another consumer has changed the settings.
    if (finished.untold !== undefined && verdict !== "DEAD") {
      const { level, message, fields } = finished.untold;
      this.logger[level](message, { ...aboutAttempt(attempt), ...fields });
    }
    switch (verdict) {
      case "FENCED":
        this.leaseLost(attempt, "otherConsumer");
        return;
      case "HANDED_BACK":
        this.stats.add("handedBack", 1);
        this.hasNoHandler(attempt.type, "handed back");
        return;
      case "DEAD":
        this.stats.observe(durationMs);
        this.died(finished);
        return;
      default:
        this.stats.observe(durationMs);
        this.ended(finished);
    }
  }

  private ended(finished: FinishedAttempt): void {
    const { attempt, durationMs } = finished;
    if (finished.outcome === "SUCCESS") {
      const emitted = finished.emits.length;
      this.stats.add("handled", 1);
      if (emitted > 0) this.stats.add("emitted", emitted);
      if (!this.emitter.wants("handled")) return;
      this.emitter.emit("handled", { ...this.aboutAttempt(attempt), durationMs, emitted });
    } else if (finished.outcome === "RETRY") {
      this.stats.add("retries", 1);
      const { delayMs, message } = finished;
      this.emitter.emit("retry", { ...this.aboutAttempt(attempt), delayMs, message });
    } else {
      const reason = finished.skipped ?? "unhandled";
      this.stats.add(reason, 1);
      if (finished.outcome === "UNHANDLED") this.hasNoHandler(finished.type, "skipped");
      this.emitter.emit("skipped", { ...this.about(attempt.entry, attempt.type), reason });
    }
  }

  private died(finished: FinishedAttempt): void {
    const { attempt } = finished;
    this.stats.add("deadLetters", 1);
    const reason = reasonOfDeath(finished);
    const message = "message" in finished ? finished.message : "";
    // One line for one death, with all that is known of it.
    const err = finished.untold?.fields.err;
    this.logger[err === undefined ? "warn" : "error"]("event became a dead letter", {
      ...aboutAttempt(attempt),
      reason,
      message,
      ...(err !== undefined && { err }),
    });
    this.emitter.emit("deadLetter", { ...this.aboutAttempt(attempt), reason, message });
  }

  private hasNoHandler(type: string | undefined, outcome: "skipped" | "handed back"): void {
    const { withoutHandler } = this;
    if (type === undefined || withoutHandler.get(type) === outcome) return;
    if (withoutHandler.size < MAX_LOGGED_TYPES || withoutHandler.has(type)) withoutHandler.set(type, outcome);
    this.logger.debug(
      outcome === "skipped"
        ? "skipped an event: no consumer of the group declares its type"
        : "handed an event back: another consumer of the group declares its type",
      { eventType: type },
    );
  }

  /** An entry that was read is not this process's to handle. */
  notLeased(entry: Entry, verdict: LeaseVerdict): void {
    if (verdict === "DUPLICATE") {
      this.stats.add("duplicates", 1);
      this.skippedDuplicate(entry);
    } else if (verdict === "DEFERRED") {
      this.stats.add("deferred", 1);
    } else {
      this.logger.debug("entry went to another consumer before it was leased", { entryId: entry.id });
    }
  }

  /** Its type stands in its document, which is read only where somebody wants to know. */
  private skippedDuplicate(entry: Entry): void {
    const debugs = writesDebug(this.logger);
    if (!debugs && !this.emitter.wants("skipped")) return;
    const decoded = entry.key === "" ? undefined : decodeEvent(entry.fields[3] ?? "", entry);
    const event = decoded?.ok ? decoded.event : undefined;
    if (debugs) {
      this.logger.debug("skipped a duplicate: an event of its type and key was handled", {
        eventType: event?.type,
        idempotencyKey: event?.idempotencyKey ?? partsOfKey(entry.key).key,
        correlationId: event && storyOf(event),
        entryId: entry.id,
      });
    }
    this.emitter.emit("skipped", { ...this.about(entry, event?.type), reason: "duplicate" });
  }

  leaseLost(attempt: LeasedAttempt, takenBy: ConsumerEvents["leaseLost"]["takenBy"]): void {
    const report = { ...this.aboutAttempt(attempt), takenBy };
    if (attempt.maybeSettled) {
      // Most likely the call whose reply was lost has settled it, and took the token with it.
      this.stats.add("unknown", 1);
      this.logger.info("the reply of a settle call was lost, its outcome is unknown", report);
      return;
    }
    this.stats.add("leasesLost", 1);
    const who = takenBy === "newerProcess" ? "a newer process of this consumer's name" : "another consumer";
    this.logger.warn(`lease lost: ${who} has taken the event over`, report);
    this.emitter.emit("leaseLost", report);
  }

  /** An entry begins its last attempt, whose process died at the one before. */
  suspectBegins(attempt: LeasedAttempt): void {
    this.logger.warn(
      "event begins its last attempt by itself: its process died during the one before",
      this.aboutAttempt(attempt),
    );
  }

  /** An attempt was given up, since its handler took too long. */
  timedOut(): void {
    this.stats.add("timeouts", 1);
  }

  /** An attempt has run for ten leases, and nothing bounds it. */
  stuck(attempt: LeasedAttempt): void {
    this.logger.warn("handler has run for ten leases; its slot is taken until it ends", {
      ...this.aboutAttempt(attempt),
      runningMs: Math.round(performance.now() - attempt.begunAt),
      wanted: "a handler that ends, or the option handlerTimeoutMs",
    });
  }

  // --- round trips and recovery ------------------------------------------------------------------------------------

  /** A round trip is over; told only where lines at debug level are written. */
  roundTrip(trip: RoundTrip, result: RoundTripResult, durationMs: number): void {
    const fields = describeRoundTrip(trip, result);
    this.logger.debug("round trip", { ...fields, durationMs: Math.round(durationMs * 1_000) / 1_000 });
  }

  recoveredCounts(counts: RecoveryCounts): void {
    this.stats.add("recoveredOwn", counts.own);
    this.stats.add("recoveredStale", counts.stale);
    this.stats.add("retried", counts.retried);
    this.stats.add("duplicates", counts.duplicates);
    this.stats.add("deadLetters", counts.deadLettered);
    this.stats.add("trimmed", counts.trimmed);
    this.stats.add("deferred", counts.deferred);
    if (counts.trimmed > 0) this.trimmed(counts.trimmed);
  }

  /** Once per finding: the script that finds a loss counts it for no other consumer of the group. */
  private trimmed(entries: number): void {
    this.logger.error("events lost: others removed them before this group settled them; health() has more", {
      entries,
    });
    this.emitter.emit("trimmed", { group: this.scope.group, ...this.tenant, entries });
  }

  recoveryEnded(recovery: Recovery, worthTelling: boolean): void {
    if (!worthTelling) return;
    this.logger.info("recovered", recovery);
    this.emitter.emit("recovered", { ...recovery, ...this.tenant });
  }

  failed(error: unknown, fatal: boolean): void {
    this.stats.add("errors", 1);
    if (fatal) {
      this.stopped();
      this.logger.error("consumer stopped", { err: error });
    } else {
      this.trouble(error);
    }
    this.emitter.emit("error", { error, fatal, ...this.tenant });
  }

  /** A call failed that is made again; one warning tells of all consumers that this happens to. */
  trouble(error: unknown): void {
    this.inTrouble = true;
    this.logger.debug("a call failed and is made again", { err: error });
    const { stream, tenantId, group } = this.scope;
    const of = tenantId === undefined ? "" : ` of tenant '${tenantId}'`;
    const consumer = `group '${group}'${of}, stream '${stream}'`;
    this.outages.begin(outageKindOf(error), this, { error, consumer });
  }

  /** The calls of this group are refused: it is left alone for a while, and others of the worker go on. */
  suspended(error: unknown): void {
    this.stats.add("errors", 1);
    this.logger.error("tenant suspended: its calls are made again after a pause, those of others go on", {
      err: error,
    });
    this.emitter.emit("error", { error, fatal: false, ...this.tenant });
  }

  resumed(): void {
    this.logger.info("tenant resumed: its calls succeed again");
  }

  /** A logger of one of the tenants that it observes together. */
  loggerFor(tenantId: string): Logger {
    return withFields(this.logger, { tenantId });
  }

  releasedLate(entries: number): void {
    this.logger.debug("released entries that found no free slot", { entries });
  }

  /** A call on the side failed, which is made again at its time: `what` it was is warned of, unless it is an outage. */
  sideCallFailed(what: string, error: unknown): void {
    if (outageKindOf(error) === "unreachable") this.trouble(error);
    else this.logger.warn(`${what} failed`, { err: error });
  }

  /** Calls succeed. */
  works(): void {
    if (!this.inTrouble) return;
    this.inTrouble = false;
    this.outages.end(this, true);
  }

  /** The consumer has stopped: whether its calls would succeed is not known any more. */
  stopped(): void {
    this.inTrouble = false;
    this.outages.end(this, false);
  }

  private about({ id, key }: Entry, type: string | undefined): EntryReport {
    return {
      entryId: id,
      idempotencyKey: type === undefined ? partsOfKey(key).key : givenKey(key, type),
      ...(type === undefined ? {} : { type }),
      ...this.tenant,
    };
  }

  private aboutAttempt(attempt: LeasedAttempt): EntryReport & { readonly attempt: number } {
    return { ...this.about(attempt.entry, attempt.type), attempt: attempt.number };
  }

  private get tenant(): { readonly tenantId?: string } {
    const { tenantId } = this.scope;
    return tenantId === undefined ? {} : { tenantId };
  }
}
