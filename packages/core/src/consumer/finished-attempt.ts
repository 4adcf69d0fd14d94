/** An attempt whose handler has ended or was given up: what `settle` is told of it, and what is reported once it is settled. */
import type { Emit, SettleItem } from "@sluice/lua-scripts";
import type { LeasedAttempt } from "./leased-attempt.js";
import type { Outcome } from "./outcome.js";

export type FinishedAttempt = SettleItem & {
  readonly attempt: LeasedAttempt;
  readonly durationMs: number;
  /** Why it was acknowledged without being handled. */
  readonly skipped: SkipReason | undefined;
  /** The log line of an attempt that is most likely the last one: part of the line about the dead letter. */
  readonly untold: UntoldLine | undefined;
};

export type SkipReason = "unhandled" | "otherGroup";

/** A log line that has not been written yet. */
export interface UntoldLine {
  readonly level: "error" | "warn" | "info";
  readonly message: string;
  readonly fields: { readonly err?: Error; readonly delayMs?: number; readonly reason?: string };
}

/** Why an attempt that became a dead letter did. */
export function reasonOfDeath(finished: FinishedAttempt): string {
  switch (finished.outcome) {
    case "FAILURE":
      return finished.reason;
    case "RETRY":
      return "MAX_ATTEMPTS";
    case "UNHANDLED":
      return "UNHANDLED";
    default:
      return "EMIT_REJECTED";
  }
}

/** @param now - by performance.now(): when its handler had ended. */
export function finishedAttempt(attempt: LeasedAttempt, outcome: Outcome, now: number): FinishedAttempt {
  const { tail, entry, begunAt } = attempt;
  const { id, key } = entry;
  const durationMs = now - begunAt;
  if (outcome.outcome === "SUCCESS") return success(id, key, tail, outcome.emits, attempt, durationMs);
  if (outcome.outcome === "SKIP") {
    const { skipped } = outcome;
    return { outcome: "SKIP", key, id, tail, attempt, durationMs, skipped, untold: undefined };
  }
  const { untold, ...rest } = outcome;
  const item: SettleItem = { ...rest, key, id, tail };
  return { ...item, attempt, durationMs, skipped: undefined, untold };
}

function success(
  id: string,
  key: string,
  tail: string,
  emits: readonly Emit[],
  attempt: LeasedAttempt,
  durationMs: number,
): FinishedAttempt {
  return {
    outcome: "SUCCESS",
    key,
    id,
    tail,
    emits,
    attempt,
    durationMs,
    skipped: undefined,
    untold: undefined,
  };
}
