/** Tells what happened: to listeners, to the log, and in numbers. Never shows payload. */
import type { LeaseVerdict, RecoveryCounts, SettleVerdict } from "@sluice/lua-scripts";
import { ConnectionError, DeadlineError, ServerError, SluiceError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { OutageKind, Outages } from "../outages.js";
import type { Attempt, Entry } from "./entry.js";
import type { Emitter, EntryReport } from "./events.js";
import type { Ending } from "./hand.js";
import type { Recovery } from "./recovery.js";
import type { ConsumerStats } from "./stats.js";

export class Reporter {
  private inTrouble = false;

  constructor(
    private readonly emitter: Emitter,
    private readonly stats: ConsumerStats,
    private readonly logger: Logger,
    private readonly tenantId: string | undefined,
    private readonly outages: Outages,
    /** The consumer's tenant, stream and group, for a line about many. */
    private readonly consumer: string,
  ) {}

  /** An attempt's end was judged by the server. */
  settled(ending: Ending, verdict: SettleVerdict): void {
    const { attempt, item, durationMs } = ending;
    if (verdict === "FENCED") {
      this.leaseLost(attempt, ending.type);
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
            : "EMIT_REJECTED";
      const message = item.outcome === "FAILURE" || item.outcome === "RETRY" ? item.message : "";
      const report = { ...this.about(attempt.entry, ending.type), attempt: attempt.number, reason, message };
      this.logger.warn("event became a dead letter", report);
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
      this.emitter.emit("skipped", { ...this.about(attempt.entry, ending.type), reason });
    }
  }

  /** An entry that was read is not this process's to handle. */
  notLeased(entry: Entry, verdict: LeaseVerdict): void {
    if (verdict === "DUPLICATE") {
      this.stats.add("duplicates", 1);
      this.emitter.emit("skipped", { ...this.about(entry, undefined), reason: "duplicate" });
    } else if (verdict === "DEFERRED") {
      this.stats.add("deferred", 1);
    } else {
      this.logger.debug("entry went to another consumer before it was leased", { entryId: entry.id });
    }
  }

  leaseLost(attempt: Attempt, type: string | undefined): void {
    const report = { ...this.about(attempt.entry, type), attempt: attempt.number };
    if (attempt.maybeSettled) {
      // Most likely the call whose reply was lost has settled it, and took the token with it.
      this.stats.add("unknown", 1);
      this.logger.info("the reply of a settle call was lost, its outcome is unknown", report);
      return;
    }
    this.stats.add("leasesLost", 1);
    this.logger.warn("lease lost: a newer attempt has the event", report);
    this.emitter.emit("leaseLost", report);
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

  /** Calls succeed. */
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

  private about(entry: Entry, type: string | undefined): EntryReport {
    return {
      entryId: entry.id,
      idempotencyKey: entry.key,
      ...(type === undefined ? {} : { type }),
      ...(this.tenantId === undefined ? {} : { tenantId: this.tenantId }),
    };
  }
}

function kindOf(error: unknown): OutageKind {
  if (error instanceof ConnectionError || error instanceof DeadlineError) return "unreachable";
  if (error instanceof ServerError) return `failing:${error.prefix}`;
  return `failing:${error instanceof SluiceError ? error.code : "ERROR"}`;
}
