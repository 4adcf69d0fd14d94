/** Tells what happened: to listeners, to the log, and in numbers. Never shows payload. */
import type { LeaseVerdict, RecoveryCounts, SettleVerdict } from "@sluice/lua-scripts";
import { storyOf } from "../context.js";
import { decodeEvent } from "../envelope.js";
import { ConnectionError, DeadlineError, ServerError, SluiceError } from "../errors.js";
import { type Logger, writesDebug } from "../logger.js";
import type { OutageKind, Outages } from "../outages.js";
import { givenKey, partsOfKey } from "../stored-key.js";
import { performance } from "../timing.js";
import { type Attempt, aboutAttempt, type Entry } from "./entry.js";
import type { ConsumerEvents, Emitter, EntryReport } from "./events.js";
import type { Ending } from "./hand.js";
import type { Recovery } from "./recovery.js";
import type { ConsumerStats } from "./stats.js";

/** Most event types of which is remembered that they were logged. */
const MAX_LOGGED_TYPES = 1_000;

export interface ObserverParts {
  readonly emitter: Emitter;
  readonly stats: ConsumerStats;
  readonly logger: Logger;
  readonly outages: Outages;
  readonly stream: string;
  readonly tenantId: string | undefined;
  readonly group: string;
}

export class Observer {
  private inTrouble = false;
  /** What became of events without a handler here, by type: logged when it first does, and when it changes. */
  private readonly withoutHandler = new Map<string, "skipped" | "handed back">();

  private readonly emitter: Emitter;
  private readonly stats: ConsumerStats;
  private readonly logger: Logger;
  private readonly tenantId: string | undefined;
  private readonly group: string;
  private readonly outages: Outages;
  /** The consumer's tenant, stream and group, for a line about many. */
  private readonly consumer: string;

  constructor(parts: ObserverParts) {
    const { stream, tenantId, group } = parts;
    this.emitter = parts.emitter;
    this.stats = parts.stats;
    this.logger = parts.logger;
    this.tenantId = tenantId;
    this.group = group;
    this.outages = parts.outages;
    const of = tenantId === undefined ? "" : ` of tenant '${tenantId}'`;
    this.consumer = `group '${group}'${of}, stream '${stream}'`;
  }

  /** An attempt's end was judged by the server. */
  settled(ending: Ending, verdict: SettleVerdict): void {
    const { attempt, item, durationMs } = ending;
    // The verdict may differ from what was expected when it was left untold: another consumer has changed the settings.
    if (ending.untold !== undefined && verdict !== "DEAD") {
      const { level, message, fields } = ending.untold;
      this.logger[level](message, { ...aboutEnding(ending), ...fields });
    }
    if (verdict === "FENCED") {
      this.leaseLost(attempt, ending.type, "otherConsumer");
      return;
    }
    if (verdict === "HANDED_BACK") {
      this.stats.add("handedBack", 1);
      this.hasNoHandler(ending.type, "handed back");
      return;
    }
    this.stats.observe(durationMs);
    if (verdict === "DEAD") {
      this.stats.add("deadLetters", 1);
      const reason =
        item.outcome === "FAILURE"
          ? item.reason
          : item.outcome === "RETRY"
            ? "MAX_ATTEMPTS"
            : item.outcome === "UNHANDLED"
              ? "UNHANDLED"
              : "EMIT_REJECTED";
      const message = "message" in item ? item.message : "";
      const report = { ...this.about(attempt.entry, ending.type), attempt: attempt.number, reason, message };
      // One line for one death, with all that is known of it.
      const err = ending.untold?.fields.err;
      this.logger[err === undefined ? "warn" : "error"]("event became a dead letter", {
        ...aboutEnding(ending),
        reason,
        message,
        ...(err !== undefined && { err }),
      });
      this.emitter.emit("deadLetter", report);
    } else if (item.outcome === "SUCCESS") {
      this.stats.add("handled", 1);
      this.stats.add("emitted", item.emits.length);
      if (this.emitter.wants("handled")) {
        this.emitter.emit("handled", {
          ...this.about(attempt.entry, ending.type),
          attempt: attempt.number,
          durationMs,
          emitted: item.emits.length,
        });
      }
    } else if (item.outcome === "RETRY") {
      this.stats.add("retries", 1);
      const { delayMs, message } = item;
      const about = this.about(attempt.entry, ending.type);
      this.emitter.emit("retry", { ...about, attempt: attempt.number, delayMs, message });
    } else {
      const reason = ending.skipped ?? "unhandled";
      this.stats.add(reason, 1);
      if (item.outcome === "UNHANDLED") this.hasNoHandler(item.type, "skipped");
      this.emitter.emit("skipped", { ...this.about(attempt.entry, ending.type), reason });
    }
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

  leaseLost(
    attempt: Attempt,
    type: string | undefined,
    takenBy: ConsumerEvents["leaseLost"]["takenBy"],
  ): void {
    const report = { ...this.about(attempt.entry, type), attempt: attempt.number, takenBy };
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
  suspectBegins(attempt: Attempt): void {
    const about = { ...this.about(attempt.entry, undefined), attempt: attempt.number };
    this.logger.warn(
      "event begins its last attempt by itself: its process died during the one before",
      about,
    );
  }

  /** An attempt was given up, since its handler took too long. */
  timedOut(): void {
    this.stats.add("timeouts", 1);
  }

  /** An attempt has run for ten leases, and nothing bounds it. */
  stuck(attempt: Attempt): void {
    this.logger.warn("handler has run for ten leases; its slot is taken until it ends", {
      ...this.about(attempt.entry, attempt.type),
      attempt: attempt.number,
      runningMs: Math.round(performance.now() - attempt.begunAt),
      wanted: "a handler that ends, or the option handlerTimeoutMs",
    });
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
    const tenant = this.tenantId === undefined ? {} : { tenantId: this.tenantId };
    this.emitter.emit("trimmed", { group: this.group, ...tenant, entries });
  }

  recoveryEnded(recovery: Recovery, worthTelling: boolean): void {
    if (!worthTelling) return;
    this.logger.info("recovered", recovery);
    this.emitter.emit("recovered", recovery);
  }

  failed(error: unknown, fatal: boolean): void {
    this.stats.add("errors", 1);
    if (fatal) {
      this.ended();
      this.logger.error("consumer stopped", { err: error });
    } else {
      this.trouble(error);
    }
    this.emitter.emit("error", { error, fatal });
  }

  /** A call failed that is made again; one warning tells of all consumers that this happens to. */
  trouble(error: unknown): void {
    this.inTrouble = true;
    this.logger.debug("a call failed and is made again", { err: error });
    this.outages.begin(kindOf(error), this, { error, consumer: this.consumer });
  }

  /** A call on the side failed, which is made again at its time: `what` it was is warned of, unless it is an outage. */
  sideCallFailed(what: string, error: unknown): void {
    if (kindOf(error) === "unreachable") this.trouble(error);
    else this.logger.warn(`${what} failed`, { err: error });
  }

  /** Requests succeed. */
  works(): void {
    if (!this.inTrouble) return;
    this.inTrouble = false;
    this.outages.end(this, true);
  }

  /** The consumer has stopped: whether its calls would succeed is not known any more. */
  ended(): void {
    this.inTrouble = false;
    this.outages.end(this, false);
  }

  private about({ id, key }: Entry, type: string | undefined): EntryReport {
    return {
      entryId: id,
      idempotencyKey: type === undefined ? partsOfKey(key).key : givenKey(key, type),
      ...(type === undefined ? {} : { type }),
      ...(this.tenantId === undefined ? {} : { tenantId: this.tenantId }),
    };
  }
}

function aboutEnding({ attempt, type, correlationId }: Ending): object {
  return aboutAttempt(attempt, type, correlationId);
}

function kindOf(error: unknown): OutageKind {
  if (error instanceof ConnectionError || error instanceof DeadlineError) return "unreachable";
  if (error instanceof ServerError) return `failing:${error.prefix}`;
  return `failing:${error instanceof SluiceError ? error.code : "ERROR"}`;
}
