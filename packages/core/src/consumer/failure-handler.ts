/** Does what the failure policy says of a call that failed: for one group, whatever calls of it fail side by side. */
import { hasMaybeExecuted } from "../connection.js";
import { sleep } from "../timing.js";
import { type FailurePolicy, isNoGroup, REOPEN_PAUSE_MS } from "./failure-policy.js";
import { type GroupCalls, tellRecreated } from "./group-calls.js";
import type { Membership } from "./membership.js";
import type { Observer } from "./observer.js";
import type { PhaseHolder } from "./phase.js";

export interface FailureHandlerParts {
  readonly phase: PhaseHolder;
  readonly policy: FailurePolicy;
  readonly membership: Membership;
  readonly calls: GroupCalls;
  readonly observer: Observer;
}

export class FailureHandler {
  private reopening: Promise<void> | undefined;

  /** @param onStop - going on could only do harm: the run has failed. */
  constructor(
    private readonly parts: FailureHandlerParts,
    private readonly onStop: () => void,
  ) {}

  /** Resolves when the call may be made again, or when it is of no consequence any more. Never rejects. */
  async failed(error: unknown): Promise<void> {
    const { phase, policy, membership, observer } = this.parts;
    if (phase.over) return;
    const verdict = policy.judge(error, membership.passes.starting);
    if (verdict.do === "stop") {
      phase.fail(error);
      observer.failed(error, true);
      for (const attempt of membership.inFlight.runningNow) attempt.abort(error);
      this.onStop();
    } else if (verdict.do === "reopen") {
      this.reopening ??= this.reopen();
      await this.reopening;
      this.reopening = undefined;
    } else {
      observer.failed(error, false);
      if (hasMaybeExecuted(error)) membership.recoverSoon();
      await sleep(verdict.afterMs);
    }
  }

  /** The group is missing: recreates it where it was, and recovers what that delivers anew. */
  private async reopen(): Promise<void> {
    const { membership, calls } = this.parts;
    try {
      const how = await calls.open("REJOIN");
      tellRecreated(membership.inFlight.scope, how);
      membership.begun.doubt();
      void membership.begun.write();
      membership.recoverSoon();
    } catch (error) {
      if (isNoGroup(error)) await sleep(REOPEN_PAUSE_MS);
      else await this.failed(error);
    }
  }
}
