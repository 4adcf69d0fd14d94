/** Periodic maintenance of a stream and a group: trims settled entries, removes dead consumers. */
import {
  type GroupKeys,
  type Member,
  retireCall,
  retireReply,
  trimCall,
  trimReply,
} from "@sluice/lua-scripts";
import { type Connection, evaluate } from "../connection.js";
import { refusalError } from "../refusals.js";
import type { GroupScope } from "./group-scope.js";
import type { ConsumerSettings } from "./settings.js";

/** About how often a running consumer does maintenance, in milliseconds. */
export const MAINTENANCE_INTERVAL_MS = 60_000;

/** A consumer that has nothing pending and has asked for nothing this long is gone, in milliseconds; a blocking read ends within a minute. */
const RETIRE_IDLE_MS = 600_000;

/** Entries that one call drops at most. */
const TRIM_LIMIT = 10_000;
/** Calls that one maintenance makes at most, so that a consumer that starts on a long stream gets to its work. */
const TRIM_CALLS = 100;

interface MaintenanceParts {
  readonly connection: Connection;
  readonly scope: GroupScope;
  readonly keys: GroupKeys;
  readonly settings: Pick<ConsumerSettings, "retention">;
  readonly deadlineMs: number;
}

/** Drops what every group has settled for long enough, and removes dead consumers. */
export async function maintain(parts: MaintenanceParts): Promise<void> {
  const { connection, scope, keys, settings, deadlineMs } = parts;
  const { stream, group, logger } = scope;
  const { retention } = settings;
  if (retention !== undefined) {
    for (let calls = 0, more = true; more && calls < TRIM_CALLS; calls += 1) {
      const call = trimCall(keys, { ...retention, limit: TRIM_LIMIT });
      const reply = trimReply(await evaluate(connection, call, { deadlineMs }));
      if (reply.status !== "OK") throw refusalError("trim", reply, { stream, group });
      if (reply.dropped > 0)
        logger.debug("dropped settled entries", { entries: reply.dropped, below: reply.threshold });
      more = reply.more;
    }
  }
  const call = retireCall(keys, { group, idleMs: RETIRE_IDLE_MS });
  const reply = retireReply(await evaluate(connection, call, { deadlineMs }));
  if (reply.status === "OK" && reply.retired.length > 0) {
    logger.info("removed dead consumers", { consumers: reply.retired });
  }
}

/** Removes this consumer, unless something is pending with it or a newer process has its name. */
export async function retireSelf(parts: MaintenanceParts, member: Member): Promise<void> {
  const { group, consumer, incarnation } = member;
  const call = retireCall(parts.keys, { group, idleMs: 0, consumer, incarnation });
  await evaluate(parts.connection, call, { deadlineMs: parts.deadlineMs });
}
