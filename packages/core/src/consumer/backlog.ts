/** Whether a consumer has nothing left to do, by what Redis says. */
import type { GroupKeys, Member } from "@sluice/lua-scripts";
import type { Connection, Request } from "../connection.js";
import { SluiceError } from "../errors.js";

/** What a look has found. */
export interface Backlog {
  /**
   * Every entry of the stream is delivered to the group, none is pending with the consumer, and none waits. What a reply
   * on its way to this process carries is pending with the consumer already, unless its lease has acknowledged it.
   */
  readonly isEmpty: boolean;
  /** The ID of the entry that was delivered to the group last; undefined if the look failed, or there is no group. */
  readonly lastDelivered: string | undefined;
}

const UNKNOWN: Backlog = { isEmpty: false, lastDelivered: undefined };

/** @param except - IDs of entries that may be pending with it. */
export async function lookAtBacklog(
  connection: Connection,
  keys: GroupKeys,
  member: Member,
  deadlineMs: number,
  except: readonly string[],
): Promise<Backlog> {
  const command = (name: string, ...args: (string | number)[]): Request => ({ kind: "command", name, args });
  const [newest, groups, pending, waiting] = await connection.send(
    [
      command("XREVRANGE", keys.stream, "+", "-", "COUNT", 1),
      command("XINFO", "GROUPS", keys.stream),
      command("XPENDING", keys.stream, member.group, "-", "+", except.length + 1, member.consumer),
      command("ZCARD", keys.retries),
    ],
    { deadlineMs },
  );
  // A failed look tells nothing; the next one may.
  if ([newest, groups, pending, waiting].some((reply) => reply instanceof SluiceError)) return UNKNOWN;
  // The commands' documented shapes in RESP2, which every connection gives.
  const newestId = (newest as [string, unknown][])[0]?.[0];
  const lastDelivered = lastDeliveredTo(member.group, groups as (string | number)[][]);
  const allRead =
    newestId === undefined || (lastDelivered !== undefined && !isAfter(newestId, lastDelivered));
  const allSettled = (pending as [string][]).every(([id]) => except.includes(id));
  return { isEmpty: allRead && allSettled && waiting === 0, lastDelivered };
}

function lastDeliveredTo(
  name: string,
  groups: readonly (readonly (string | number)[])[],
): string | undefined {
  for (const about of groups) {
    const value = (field: string) => about[about.indexOf(field) + 1];
    if (value("name") === name) return String(value("last-delivered-id"));
  }
  return undefined;
}

/** Whether entry ID `a` comes after `b`. */
function isAfter(a: string, b: string): boolean {
  const [aMs = "0", aSeq = "0"] = a.split("-");
  const [bMs = "0", bSeq = "0"] = b.split("-");
  return BigInt(aMs) === BigInt(bMs) ? BigInt(aSeq) > BigInt(bSeq) : BigInt(aMs) > BigInt(bMs);
}
