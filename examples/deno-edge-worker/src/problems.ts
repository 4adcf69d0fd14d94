/** Answers that say what is wrong, as `application/problem+json` (RFC 9457). */

import {
  IdempotencyMismatchError,
  InvalidNameError,
  isRetryable,
  type Logger,
  PayloadTooLargeError,
  UnknownEventTypeError,
  ValidationError,
} from "@sluice/deno";

/** How long a client is to wait before it sends a request again that Redis could not take, in seconds. */
const RETRY_AFTER_S = 1;

/** What a client did wrong, and the answer that tells it. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly more: { readonly members?: object; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
  }
}

/**
 * The answer to a problem.
 *
 * @param retryWith - told as well where the same request may be sent again.
 */
export function answerTo(problem: Problem, retryWith: object = {}): Response {
  const { status, code, message: detail, more } = problem;
  const members = status === 503 ? { ...retryWith, ...more.members } : more.members;
  return Response.json(
    { status, code, detail, ...members },
    { status, headers: { "content-type": "application/problem+json", ...more.headers } },
  );
}

/** What a client is told of anything that was thrown. What is nobody's fault but ours is logged, and not told. */
export function problemOf(thrown: unknown, log: Logger): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof ValidationError) {
    return new Problem(400, thrown.code, thrown.message, { members: { issues: thrown.issues } });
  }
  if (thrown instanceof UnknownEventTypeError) {
    const issues = [{ path: ["type"], message: `wanted one of ${thrown.known.join(", ")}` }];
    return new Problem(400, thrown.code, thrown.message, { members: { issues } });
  }
  if (thrown instanceof InvalidNameError) {
    const issues = [{ path: [thrown.field], message: thrown.message }];
    return new Problem(400, thrown.code, thrown.message, { members: { issues } });
  }
  if (thrown instanceof PayloadTooLargeError) return new Problem(413, thrown.code, thrown.message);
  if (thrown instanceof IdempotencyMismatchError) {
    return new Problem(409, thrown.code, thrown.message, { members: { firstId: thrown.firstId } });
  }
  // An outage of Redis is logged once, by the bus.
  if (isRetryable(thrown)) {
    const detail = "the event could not be stored now; send it again under the same idempotency key";
    return new Problem(503, "UNAVAILABLE", detail, { headers: { "retry-after": String(RETRY_AFTER_S) } });
  }
  log.error("request failed", { err: thrown });
  return new Problem(500, "INTERNAL", "the request could not be answered");
}
