/**
 * The one error of this package. Callers branch on `code`; the text is for people.
 */

/**
 * - `UNAVAILABLE`: one way to a server, or one package, cannot be had on this machine.
 * - `NO_SERVER`: every way was tried; the text lists each with its reason.
 * - `UNREACHABLE`: `REDIS_URL` names a server that does not answer.
 * - `START_FAILED`: a server program was found, started, and ended or did not become ready.
 * - `TIMEOUT`: a condition that was awaited did not come true within its deadline.
 * - `NOT_OURS`: pausing or restarting a server that this process did not start.
 * - `INVALID_OPTION`: an option whose value cannot be served.
 */
export type TestServerErrorCode =
  | "UNAVAILABLE"
  | "NO_SERVER"
  | "UNREACHABLE"
  | "START_FAILED"
  | "TIMEOUT"
  | "NOT_OURS"
  | "INVALID_OPTION";

/** What every function of this package rejects with, apart from bugs. */
export class TestServerError extends Error {
  override readonly name = "TestServerError";
  readonly code: TestServerErrorCode;

  constructor(code: TestServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
