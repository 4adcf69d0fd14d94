/** What a consumer that stops leaves behind: nothing that others would have to wait for. */
import { MAX_ENTRIES, type ReleaseItem } from "@sluice/lua-scripts";
import type { Connection } from "../connection.js";
import { SluiceError } from "../errors.js";
import type { Due } from "./due-clock.js";
import type { GroupCalls } from "./group-calls.js";
import type { GroupScope } from "./group-scope.js";
import type { Membership } from "./membership.js";
import type { Observer } from "./observer.js";

export interface FinalReleaseParts {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly membership: Membership<Due>;
  readonly calls: GroupCalls;
  readonly observer: Observer;
  readonly scope: GroupScope;
}

/**
 * Releases what is in flight, and what Redis holds as this consumer's though it never arrived; records the low-water ID,
 * and takes the record of what was begun away. Throws what keeps it from that: then others recover it once its lease is
 * over.
 */
export async function releaseAll(parts: FinalReleaseParts): Promise<void> {
  const { connection, deadlineMs, membership, calls, scope } = parts;
  const { requests, inFlight, begun } = membership;
  const known = new Set(inFlight.ids());
  const [pending] = await connection.send([requests.pending(MAX_ENTRIES)], { deadlineMs });
  if (pending instanceof SluiceError) throw pending;
  // [[id, consumer, idle, deliveries], …]: the documented shape of XPENDING.
  const unknown = (pending as [string][]).filter(([id]) => !known.has(id));
  const leftovers = unknown.map(([id]): ReleaseItem => ({ id, key: "", token: undefined }));
  const released = await release(parts, leftovers, "otherConsumer");
  if (released > 0) scope.logger.info("released unfinished entries on stop", { entries: released });
  await calls.recordLowWater(begun.nonce());
  await begun.remove();
}

/** A newer process has the consumer's name: what it took over, or is about to, did not die here. */
export async function handOver(parts: FinalReleaseParts): Promise<void> {
  await release(parts, [], "newerProcess");
  await parts.membership.begun.remove();
}

/** Returns how many entries were released. What others have taken over is told. */
async function release(
  { membership, calls, observer }: FinalReleaseParts,
  leftovers: readonly ReleaseItem[],
  takenBy: "newerProcess" | "otherConsumer",
): Promise<number> {
  const { running, items } = membership.inFlight.abandon();
  const verdicts = await calls.release([...items, ...leftovers]);
  const released = new Set(items.filter((_, at) => verdicts[at] === "RELEASED").map(({ id }) => id));
  for (const attempt of running) {
    if (!released.has(attempt.entry.id)) observer.leaseLost(attempt, takenBy);
  }
  return verdicts.filter((verdict) => verdict === "RELEASED").length;
}
