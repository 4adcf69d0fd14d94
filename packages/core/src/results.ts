/**
 * What a handler says about its attempt. Results are plain objects that are told by their `kind`, so that
 * those of an ESM and a CJS copy of this package in one process are the same.
 */

import { kindOf } from "./errors/describe.js";
import { InvalidOptionError } from "./errors.js";
import { knownOptions } from "./options.js";

/** What a handler says about its attempt. */
export type Result =
  | { readonly kind: "success" }
  | { readonly kind: "retry"; readonly delayMs?: number; readonly reason?: string }
  | { readonly kind: "failure"; readonly reason?: string };

/** Longest reason that is kept, in UTF-16 code units; what is longer is cut rather than refused. */
export const MAX_REASON_CHARS = 1_000;

const SUCCESS: Result = Object.freeze({ kind: "success" });

/** The event was handled. Returning nothing says the same. */
export function success(): Result {
  return SUCCESS;
}

/**
 * The event is to be handled again, as long as attempts are left.
 *
 * @param options.delayMs - how long to wait, an integer from 0; the consumer's backoff when missing. The
 *   consumer
 *   caps it below the time for which keys are remembered.
 * @param options.reason - for logs and, after the last attempt, the dead letter. Cut at 1,000 characters.
 * @throws {InvalidOptionError} naming the option.
 */
export function retry(
  options: { readonly delayMs?: number | undefined; readonly reason?: string | undefined } = {},
): Result {
  knownOptions("the options of retry()", options, ["delayMs", "reason"]);
  return toRetry(options.delayMs, options.reason);
}

/**
 * Another attempt is of no use: the event becomes a dead letter at once.
 *
 * @param options.reason - the message of the dead letter. Cut at 1,000 characters.
 * @throws {InvalidOptionError} naming the option.
 */
export function failure(options: { readonly reason?: string | undefined } = {}): Result {
  knownOptions("the options of failure()", options, ["reason"]);
  return toFailure(options.reason);
}

/**
 * Reads what a handler returned: nothing is success, a {@link Result} is itself (checked again, because a
 * handler may have built it by hand), everything else an error. The error shows the kind of the value only:
 * it may be payload.
 *
 * @throws {InvalidOptionError} when the value is neither undefined nor a result.
 */
export function toResult(value: unknown): Result {
  if (value === undefined || value === SUCCESS) return SUCCESS;
  if (typeof value === "object" && value !== null) {
    const { kind, delayMs, reason }: { kind?: unknown; delayMs?: unknown; reason?: unknown } = value;
    if (kind === "success") return SUCCESS;
    if (kind === "retry") return toRetry(delayMs, reason);
    if (kind === "failure") return toFailure(reason);
  }
  throw new InvalidOptionError({
    option: "the handler's result",
    value,
    shown: kindOf(value),
    wanted: "nothing, success(), retry({ delayMs, reason }) or failure({ reason })",
  });
}

function toRetry(delayMs: unknown, reason: unknown): Result {
  if (delayMs !== undefined && !(Number.isSafeInteger(delayMs) && Number(delayMs) >= 0)) {
    const wanted = "an integer from 0, in milliseconds";
    throw new InvalidOptionError({ option: "delayMs of retry()", value: delayMs, wanted });
  }
  return {
    kind: "retry",
    ...(delayMs !== undefined && { delayMs: Number(delayMs) }),
    ...(reason !== undefined && { reason: toReason("retry", reason) }),
  };
}

function toFailure(reason: unknown): Result {
  return { kind: "failure", ...(reason !== undefined && { reason: toReason("failure", reason) }) };
}

function toReason(name: string, reason: unknown): string {
  if (typeof reason !== "string") {
    const shown = kindOf(reason);
    throw new InvalidOptionError({ option: `reason of ${name}()`, value: reason, shown, wanted: "a string" });
  }
  return reason.length > MAX_REASON_CHARS ? `${reason.slice(0, MAX_REASON_CHARS)}…` : reason;
}
