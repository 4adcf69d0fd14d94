/** The scripts that operators use, one call each on a group of the tests; a refusal throws. */
import {
  discardCall,
  discardReply,
  type InfoGroup,
  type InfoReply,
  infoCall,
  infoReply,
  type Refusal,
  type RetireInput,
  replayCall,
  replayReply,
  retireCall,
  retireReply,
  type TrimInput,
  type TrimReply,
  trimCall,
  trimReply,
} from "@sluice/lua-scripts";
import type { TestGroup } from "../support/group.js";

/** More than any history of these tests can drop. */
const NO_LIMIT = 100_000;

function accepted<T extends { readonly status: "OK" }>(reply: T | Refusal): T {
  if (reply.status !== "OK") throw new Error(`refused: ${JSON.stringify(reply)}`);
  return reply as T; // OK is no refusal's status
}

/** Drops everything that is settled, of whatever age, unless told otherwise. */
export async function trim(group: TestGroup, input: Partial<TrimInput> = {}): Promise<TrimReply> {
  const call = trimCall(group.keys, { settledForMs: 0, maxLength: undefined, limit: NO_LIMIT, ...input });
  return accepted(trimReply(await group.run(call)));
}

/** Looks at the stream of these groups, and at each of them. */
export async function info(...groups: readonly [TestGroup, ...TestGroup[]]): Promise<InfoReply> {
  return accepted(infoReply(await groups[0].run(infoCall(groups[0].keys, groups))));
}

/** What `info` tells of one group. */
export async function infoOf(group: TestGroup): Promise<InfoGroup> {
  const [found] = (await info(group)).groups;
  if (found === undefined) throw new Error(`info of group '${group.name}': it was not answered`);
  return found;
}

/** The ID of each letter's entry from now on, or undefined. */
export async function replay(
  group: TestGroup,
  ...letters: readonly string[]
): Promise<readonly (string | undefined)[]> {
  return accepted(replayReply(await group.run(replayCall(group.keys, group.name, letters)))).entryIds;
}

export async function discard(group: TestGroup, ...letters: readonly string[]): Promise<readonly boolean[]> {
  return accepted(discardReply(await group.run(discardCall(group.keys, letters)))).discarded;
}

/** The names of the consumers removed. */
export async function retire(group: TestGroup, input: Partial<RetireInput> = {}): Promise<readonly string[]> {
  const call = retireCall(group.keys, { group: group.name, idleMs: 0, ...input });
  return accepted(retireReply(await group.run(call))).retired;
}

/** The IDs of the group's dead letters by the ID of the entry that died. */
export async function letterIds(group: TestGroup): Promise<ReadonlyMap<string, string>> {
  const letters = await group.client.xrange(group.keys.dead, "-", "+");
  return new Map(letters.map(([id, fields]) => [fields[1] ?? "", id]));
}
