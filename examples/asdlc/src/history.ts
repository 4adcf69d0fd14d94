/**
 * From commits to events: the story that each commit tells of an agentic software life cycle.
 *
 * Two teams take part in every commit, and a team is a tenant. The author's team has the task, the agent and
 * the patch; another team has the gate, and a review task of its own under the same idempotency key as the
 * author's. So at least two tenants occur in the shortest history, and there are keys that two tenants share
 * and must both handle.
 *
 * A commit gives the same events under the same keys whenever it is read; only where sessions begin and end
 * depends on its neighbours. What few histories show by themselves (rejected gates, failing agents) the
 * commit's hash decides.
 */
import { createHash } from "node:crypto";
import type { PublishEntry } from "@sluice/node";
import type { LifeCycleInput, LifeCycleSchemas, LifeCycleType } from "./catalog.js";
import type { Commit } from "./git-log.js";

const TEAMS = ["atlas", "borealis", "cygnus", "delphi", "ember", "fathom", "gale", "harbor"] as const;

/** How many tenants a history can be told for. */
export const TENANTS = { min: 2, max: TEAMS.length } as const;

/** An event for the tenant that it belongs to. */
export interface TenantEvent {
  readonly tenant: string;
  readonly entry: PublishEntry<LifeCycleSchemas> & { readonly idempotencyKey: string };
}

/** A patch that took longer than this from being written to being committed found its gate expired. */
const GATE_EXPIRES_AFTER_S = 7 * 86_400;
/** A patch of more files than this is work for `rlm`. */
const MAX_FILES_OF_ONE_CONTEXT = 20;
/** The last second that RFC 3339 can tell. */
const LAST_SECOND = 253_402_300_799;

/** The names of the first so many tenants, 2 to 8. */
export function tenantNames(count: number): readonly string[] {
  return TEAMS.slice(0, count);
}

/** One author's run of commits on one day. */
interface Session {
  readonly id: string;
  readonly firstSha: string;
  readonly author: string;
  readonly day: number;
}

/** Tells the commits of one history, in order. It remembers one session for each tenant and nothing else. */
export class Storyteller {
  private readonly sessions = new Map<string, Session>();

  constructor(private readonly tenants: readonly string[]) {}

  /** The events of the next commit. */
  tell(commit: Commit): TenantEvent[] {
    const [authors, reviewers] = this.teamsOf(commit);
    const { session, changes } = this.sessionOf(authors, commit);
    const outcome = outcomeOf(commit);
    const event = eventMaker(commit, session.id);
    return [
      ...changes,
      event(authors, "task_created", {
        metadata: { author: commit.authorName, subject: commit.subject, files: commit.fileCount },
      }),
      event(authors, "task_dispatched"),
      event(authors, "agent_started"),
      ...(outcome.stumbled ? [event(authors, "agent_error")] : []),
      event(authors, "patch_created", { artifact_paths: [...commit.paths] }),
      event(reviewers, "task_created", { metadata: { review_of: authors } }),
      event(reviewers, "gate_requested", { metadata: { merge: commit.parents.length > 1 } }),
      event(reviewers, outcome.gate),
      event(reviewers, "task_completed"),
      ...(outcome.patch === undefined ? [] : [event(authors, outcome.patch)]),
      event(authors, "agent_completed"),
      event(authors, outcome.task),
    ];
  }

  /** The end of the history: the sessions that were still open. */
  end(): TenantEvent[] {
    return [...this.sessions].map(([tenant, session]) => sessionEvent(tenant, session, "session_completed"));
  }

  /** The team of the author, and another one that reviews. */
  private teamsOf(commit: Commit): [authors: string, reviewers: string] {
    const { tenants } = this;
    const authors = numberFrom(commit.authorEmail || commit.authorName) % tenants.length;
    const reviewers = (authors + 1 + (numberFrom(commit.sha) % (tenants.length - 1))) % tenants.length;
    return [tenants[authors] ?? "", tenants[reviewers] ?? ""];
  }

  private sessionOf(tenant: string, commit: Commit): { session: Session; changes: TenantEvent[] } {
    const open = this.sessions.get(tenant);
    const author = commit.authorEmail || commit.authorName;
    const day = Math.floor(commit.committedAtS / 86_400);
    if (open !== undefined && open.author === author && open.day === day)
      return { session: open, changes: [] };
    const session = { id: `session-${commit.sha.slice(0, 12)}`, firstSha: commit.sha, author, day };
    this.sessions.set(tenant, session);
    const ended = open === undefined ? [] : [sessionEvent(tenant, open, "session_completed")];
    return { session, changes: [...ended, sessionEvent(tenant, session, "session_started")] };
  }
}

interface Outcome {
  readonly stumbled: boolean;
  readonly gate: "gate_approved" | "gate_rejected" | "gate_expired";
  readonly patch: "patch_applied" | "patch_rejected" | undefined;
  readonly task: "task_completed" | "task_failed";
}

/**
 * A revert says that a patch was not wanted, a repair that an agent erred, a long wait that nobody came to
 * the gate.
 */
function outcomeOf(commit: Commit): Outcome {
  const chance = numberFrom(`${commit.sha}:outcome`) % 20;
  const reverted = /^revert\b/i.test(commit.subject) || commit.body.includes("This reverts commit ");
  const repaired = /^(fix|bug|hotfix|fixup!|squash!)/i.test(commit.subject);
  const waited = commit.committedAtS - commit.authoredAtS > GATE_EXPIRES_AFTER_S;
  const stumbled = repaired || chance === 0;
  if (reverted || chance === 1) {
    return { stumbled, gate: "gate_rejected", patch: "patch_rejected", task: "task_failed" };
  }
  if (waited || chance === 2)
    return { stumbled, gate: "gate_expired", patch: undefined, task: "task_failed" };
  return { stumbled, gate: "gate_approved", patch: "patch_applied", task: "task_completed" };
}

/** Makes the events that are about one commit. */
function eventMaker(commit: Commit, sessionId: string) {
  const timestamp = timeOf(commit.committedAtS);
  const common: LifeCycleInput = {
    session_id: sessionId,
    epic_id: epicOf(commit.subject),
    task_id: `task-${commit.sha.slice(0, 12)}`,
    git_sha: commit.sha,
    ...(commit.fileCount > MAX_FILES_OF_ONE_CONTEXT ? { mode: "rlm" } : {}),
  };
  return (tenant: string, type: LifeCycleType, more: Partial<LifeCycleInput> = {}): TenantEvent => ({
    tenant,
    entry: {
      type,
      data: { ...common, ...more, metadata: { tenant, ...more.metadata } },
      idempotencyKey: `${commit.sha}:${type}`,
      subject: commit.sha,
      correlationId: sessionId,
      timestamp,
    },
  });
}

function sessionEvent(
  tenant: string,
  session: Session,
  type: "session_started" | "session_completed",
): TenantEvent {
  return {
    tenant,
    entry: {
      type,
      data: { session_id: session.id, metadata: { tenant } },
      idempotencyKey: `${session.firstSha}:${type}`,
      correlationId: session.id,
    },
  };
}

/** `core` of "core: faster reads", `api` of "feat(api)!: new verbs". */
function epicOf(subject: string): string | undefined {
  const [, type, scope] = /^([\w./-]{1,40})(?:\(([^()]{1,40})\))?!?: /.exec(subject) ?? [];
  return scope?.trim() || type;
}

/** Git keeps whatever a clock said; a time that has no RFC 3339 is left out. */
function timeOf(seconds: number): Date | undefined {
  return seconds >= 0 && seconds <= LAST_SECOND ? new Date(seconds * 1_000) : undefined;
}

/** The same number for the same text, on every machine: 0 to 2^32 - 1. */
function numberFrom(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0);
}
