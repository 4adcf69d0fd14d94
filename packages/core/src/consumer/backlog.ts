/** Whether a consumer has nothing left to do, by what Redis says. */
import type { GroupKeys, Member } from "@sluice/lua-scripts";
import type { Connection, Request } from "../connection.js";
import { SluiceError } from "../errors.js";

/**
 * Whether every entry of the stream is delivered to the group, none is pending with the consumer, and none waits.
 * What a reply on its way to this process carries is pending with the consumer already.
 *
 * @param except - IDs of entries that may be pending with it.
 */
export async function hasNoBacklog(
  connection: Connection,
  keys: GroupKeys,
  member: Member,
  deadlineMs: number,
  except: readonly string[],
): Promise<boolean> {
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
  if ([newest, groups, pending, waiting].some((reply) => reply instanceof SluiceError)) return false;
  // The commands' documented shapes in RESP2, which every connection gives.
  const newestId = (newest as [string, unknown][])[0]?.[0];
  const delivered = lastDelivered(groups as (string | number)[][], member.group);
  const allRead = newestId === undefined || (delivered !== undefined && !isAfter(newestId, delivered));
  const allSettled = (pending as [string][]).every(([id]) => except.includes(id));
  return allRead && allSettled && waiting === 0;
}

function lastDelivered(groups: readonly (readonly (string | number)[])[], name: string): string | undefined {
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
