/** What follows from a call that failed: going on after a pause, opening the group again, or stopping for good. */
import { ProtocolError, ServerError, SluiceError, SupersededError } from "../errors.js";
import { jittered } from "../timing.js";

/** What is to be done. */
export type FailureVerdict =
  | { readonly do: "stop" }
  | { readonly do: "reopen" }
  | { readonly do: "retry"; readonly afterMs: number };

/** Bounds of the pause after a failed call, in milliseconds. */
const BACKOFF_MS = { min: 25, max: 2_000 };

export class FailurePolicy {
  private failures = 0;

  /** The last call failed. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  /**
   * @param isStarting - the first recovery has yet to be complete: a consumer that cannot recover, say for want of a
   *   permission, is better told than kept trying.
   */
  judge(error: unknown, isStarting: boolean): FailureVerdict {
    if (error instanceof SupersededError || error instanceof ProtocolError) return { do: "stop" };
    if (isNoGroup(error)) return { do: "reopen" };
    if (isStarting && error instanceof SluiceError && !error.retryable) return { do: "stop" };
    this.failures += 1;
    return { do: "retry", afterMs: jittered(Math.min(BACKOFF_MS.min * 2 ** this.failures, BACKOFF_MS.max)) };
  }

  succeeded(): void {
    this.failures = 0;
  }
}

/** The pause before a group that is missing, and cannot be recreated yet, is opened once more, in milliseconds. */
export const REOPEN_PAUSE_MS = BACKOFF_MS.max;

export function isNoGroup(error: unknown): boolean {
  return error instanceof ServerError && error.prefix === "NOGROUP";
}
