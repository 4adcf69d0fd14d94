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

/** How many requests {@link backlogRequests} makes. */
export const BACKLOG_REQUESTS = 4;

/** @param max - entries that may be pending with the consumer. */
export function backlogRequests(keys: GroupKeys, { group, consumer }: Member, max: number): Request[] {
  const command = (name: string, ...args: (string | number)[]): Request => ({ kind: "command", name, args });
  return [
    command("XREVRANGE", keys.stream, "+", "-", "COUNT", 1),
    command("XINFO", "GROUPS", keys.stream),
    command("XPENDING", keys.stream, group, "-", "+", max + 1, consumer),
    command("ZCARD", keys.retries),
  ];
}

/**
 * @param replies - to {@link backlogRequests}.
 * @param except - IDs of entries that may be pending with the consumer.
 */
export function backlogIn(
  replies: readonly unknown[],
  { group }: Member,
  except: readonly string[],
): Backlog {
  const [newest, groups, pending, waiting] = replies;
  // A failed look tells nothing; the next one may.
  if (replies.some((reply) => reply instanceof SluiceError)) return UNKNOWN;
  // The commands' documented shapes in RESP2, which every connection gives.
  const newestId = (newest as [string, unknown][])[0]?.[0];
  const lastDelivered = lastDeliveredTo(group, groups as (string | number)[][]);
  const allRead =
    newestId === undefined || (lastDelivered !== undefined && !isAfter(newestId, lastDelivered));
  const allSettled = (pending as [string][]).every(([id]) => except.includes(id));
  return { isEmpty: allRead && allSettled && waiting === 0, lastDelivered };
}

/** @param except - IDs of entries that may be pending with the consumer. */
export async function lookAtBacklog(
  connection: Connection,
  keys: GroupKeys,
  member: Member,
  deadlineMs: number,
  except: readonly string[],
): Promise<Backlog> {
  const replies = await connection.send(backlogRequests(keys, member, except.length), { deadlineMs });
  return backlogIn(replies, member, except);
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
