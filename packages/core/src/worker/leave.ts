/** What a worker leaves behind when it stops: nothing that others would have to wait for, in none of its tenants' groups. */
import { begunField, groupKeys, type Member, retireCall } from "@sluice/lua-scripts";
import { chunks } from "../chunks.js";
import type { Connection, Request } from "../connection.js";
import { BACKLOG_REQUESTS, backlogIn, backlogRequests } from "../consumer/backlog.js";
import { handOver, releaseAll as releaseOf } from "../consumer/final-release.js";
import type { LeasedAttempt } from "../consumer/leased-attempt.js";
import type { PhaseHolder } from "../consumer/phase.js";
import { SupersededError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { ActiveTenant } from "./active-tenant.js";
import type { WorkerSettings } from "./settings.js";
import type { Tenant } from "./tenant.js";
import type { Tenants } from "./tenants.js";

/** Tenants that are dealt with in one write. */
const TOGETHER = 64;

export interface LeaveParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly stream: string;
  readonly settings: WorkerSettings;
  readonly member: Member;
  readonly logger: Logger;
  readonly phase: PhaseHolder;
  readonly tenants: Tenants;
}

/** Releases what is in flight, takes back what was recorded of this process, and removes its name where it is its own making. */
export async function releaseAll(parts: LeaveParts): Promise<void> {
  const { tenants, phase, logger, settings } = parts;
  const isSuperseded = phase.error instanceof SupersededError;
  if (phase.error !== undefined && !isSuperseded) return;
  try {
    const actives = [...tenants.withWork];
    for (const some of chunks(actives, TOGETHER))
      await Promise.all(some.map((active) => releaseOne(parts, active, isSuperseded)));
    if (isSuperseded || !settings.anonymous) return await forget(parts, [...tenants.all()], false);
    await forget(parts, [...tenants.all()], true);
  } catch (error) {
    // Others recover it once its lease is over.
    logger.warn("could not release unfinished entries on stop", { err: error });
  }
}

async function releaseOne(parts: LeaveParts, active: ActiveTenant, isSuperseded: boolean): Promise<void> {
  const { membership, calls, observer } = active;
  // Its calls are refused; its group was not even opened, for all that is known.
  if (active.needsOpen && membership.inFlight.size === 0) return;
  const { scope } = membership.inFlight;
  const of = { ...parts, membership, calls, observer, scope };
  try {
    if (isSuperseded) await handOver(of);
    else await releaseOf(of);
  } catch (error) {
    scope.logger.warn("could not release unfinished entries on stop", { err: error });
  }
  membership.begun.stop();
}

/** @param retires - also removes the worker from the groups, unless something is pending with it. */
async function forget(parts: LeaveParts, all: readonly Tenant[], retires: boolean): Promise<void> {
  const { connection, deadlineMs, stream, member } = parts;
  const { group, consumer } = member;
  const met = all.filter(({ usedAt, begun }) => usedAt !== Number.NEGATIVE_INFINITY || begun !== undefined);
  for (const some of chunks(met, TOGETHER)) {
    const requests: Request[] = [];
    for (const { tenantId, begun, active, wasOpened } of some) {
      const keys = groupKeys(stream, group, tenantId);
      if (active === undefined && begun !== undefined && begun.high > 0) {
        requests.push({ kind: "command", name: "HDEL", args: [keys.state, begunField(member)] });
      }
      if (!retires) continue;
      const incarnation = wasOpened ? { incarnation: member.incarnation } : {};
      requests.push({ kind: "script", ...retireCall(keys, { group, idleMs: 0, consumer, ...incarnation }) });
    }
    if (requests.length > 0) await connection.send(requests, { deadlineMs });
  }
}

/** Whether nothing is left to do for any tenant, by what Redis says. */
export async function hasNoBacklogs(
  parts: Pick<LeaveParts, "connection" | "deadlineMs" | "stream" | "member">,
  tenants: Tenants,
  except: readonly LeasedAttempt[],
): Promise<boolean> {
  const { connection, deadlineMs, stream, member } = parts;
  const exceptOf = new Map<string | undefined, string[]>();
  for (const { inFlight, entry } of except) {
    const { tenantId } = inFlight.scope;
    exceptOf.set(tenantId, [...(exceptOf.get(tenantId) ?? []), entry.id]);
  }
  for (const some of chunks([...tenants.all()], TOGETHER)) {
    const requests = some.flatMap(({ tenantId }) => {
      const keys = groupKeys(stream, member.group, tenantId);
      return backlogRequests(keys, member, exceptOf.get(tenantId)?.length ?? 0);
    });
    const replies = await connection.send(requests, { deadlineMs });
    for (const [at, { tenantId }] of some.entries()) {
      const from = at * BACKLOG_REQUESTS;
      const ids = exceptOf.get(tenantId) ?? [];
      if (!backlogIn(replies.slice(from, from + BACKLOG_REQUESTS), member, ids).isEmpty) return false;
    }
  }
  return true;
}
