/** What a stream and its groups hold: one script call, at one moment, and one more for each further hundred groups. */
import {
  groupKeys,
  INFO_GROUPS,
  type InfoGroup,
  type InfoReply,
  infoCall,
  infoReply,
  streamKeys,
} from "@sluice/lua-scripts";
import { chunks } from "../chunks.js";
import { again, type Connection, evaluate } from "../connection.js";
import { isGroup } from "../names.js";
import { refusalError } from "../refusals.js";

export interface StreamInfo {
  /** The stream's name, without tenant. */
  readonly stream: string;
  readonly tenantId?: string;
  readonly exists: boolean;
  /** Entries in the stream. */
  readonly length: number;
  /** ID of the oldest entry; absent if there is none. */
  readonly firstId?: string;
  /** ID of the newest entry; absent if there is none. */
  readonly lastId?: string;
  /** Memory of the stream itself in bytes, as Redis estimates it; absent where the server does not run MEMORY USAGE for this user. */
  readonly memoryBytes?: number;
  /** Dead letters of all groups. */
  readonly deadLetters: number;
  readonly groups: GroupInfo[];
}

export interface GroupInfo {
  readonly name: string;
  /** Entries delivered and not settled, those that wait for a retry included. */
  readonly pending: number;
  /** Entries not delivered yet. */
  readonly lag: number;
  /** False where others removed entries and too many are left to count: `lag` is then an upper bound or Redis's estimate. */
  readonly lagExact: boolean;
  readonly lastDeliveredId: string;
  /** Age of the oldest pending entry in milliseconds, by its ID; 0 if nothing is pending. */
  readonly oldestPendingMs: number;
  /** Entries that wait for their next attempt. */
  readonly retrying: number;
  /** When the first of them is due, in milliseconds since 1970. */
  readonly nextRetryAt?: number;
  readonly deadLetters: number;
  /** Idempotency keys remembered, with the marks of dead letters. */
  readonly processedKeys: number;
  /** Entries that others removed, or made the group pass over, before the group had settled them. */
  readonly lost: number;
  /** False: `lost` is a lower bound. */
  readonly lostExact: boolean;
  /** When the last loss was found, in milliseconds since 1970; absent if none ever was. */
  readonly lostAt?: number;
  readonly consumers: ConsumerInfo[];
}

export interface ConsumerInfo {
  readonly name: string;
  readonly pending: number;
  /** Since it last asked for entries, in milliseconds. */
  readonly idleMs: number;
}

/** Groups to expect, per stream key: so that the first call asks about all of them. */
export type KnownGroups = Map<string, readonly string[]>;

/** Streams whose groups are remembered; beyond it a look may take two calls. */
const MAX_KNOWN = 10_000;
/**
 * One look. It takes one call where all groups were known and are not more than `INFO_GROUPS`, and two where some were
 * not known. More groups take one call for each `INFO_GROUPS` of them, so that no call holds up the server; what is
 * about the stream is then as of the last call.
 *
 * @param deadlineMs - of each call.
 */
export async function readInfo(
  connection: Connection,
  known: KnownGroups,
  stream: string,
  tenantId: string | undefined,
  deadlineMs: number,
): Promise<InfoReply> {
  const keys = streamKeys(stream, tenantId);
  const ask = async (names: readonly string[]): Promise<InfoReply> => {
    const groups = names.map((name) => ({ name, keys: groupKeys(stream, name, tenantId) }));
    const call = infoCall(keys, groups);
    const reply = infoReply(await again({ deadlineMs }, (options) => evaluate(connection, call, options)));
    if (reply.status !== "OK") throw refusalError("info", reply, { stream });
    return reply;
  };
  const expected = known.get(keys.stream)?.slice(0, INFO_GROUPS) ?? [];
  let reply = await ask(expected);
  let names = askable(reply);
  const found = new Map<string, InfoGroup>();
  const isOneCall = names.length <= INFO_GROUPS;
  if (isOneCall && names.some((name) => !expected.includes(name))) {
    reply = await ask(names);
    names = askable(reply);
  }
  note(found, reply);
  // Groups that come meanwhile are in the next look.
  const missing = isOneCall ? [] : names.filter((name) => !found.has(name));
  for (const some of chunks(missing, INFO_GROUPS)) {
    reply = await ask(some);
    note(found, reply);
  }
  if (known.size < MAX_KNOWN || known.has(keys.stream)) known.set(keys.stream, names);
  return { ...reply, groups: [...found.values()] };
}

function note(found: Map<string, InfoGroup>, { groups }: InfoReply): void {
  for (const group of groups) found.set(group.name, group);
}

/** A group that somebody else made under a name that ours cannot have has none of the keys that would be asked about. */
function askable(reply: InfoReply): string[] {
  return reply.groupNames.filter(isGroup);
}

/**
 * The public shape. A group that is registered and gone is in it, since it will be made again where it was and its
 * dead letters are there; `health` tells that it is gone.
 */
export function toStreamInfo(reply: InfoReply, stream: string, tenantId: string | undefined): StreamInfo {
  // What was expected, and is neither on the stream nor registered any more, is not in it.
  const names = new Set(reply.groupNames);
  const groups = reply.groups.filter(({ name }) => names.has(name));
  return {
    stream,
    ...(tenantId === undefined ? {} : { tenantId }),
    exists: reply.exists,
    length: reply.length,
    ...(reply.firstId === undefined ? {} : { firstId: reply.firstId }),
    ...(reply.lastId === undefined ? {} : { lastId: reply.lastId }),
    ...(reply.memoryBytes === undefined ? {} : { memoryBytes: reply.memoryBytes }),
    deadLetters: groups.reduce((sum, group) => sum + group.deadLetters, 0),
    groups: groups.map(toGroupInfo),
  };
}

function toGroupInfo(group: InfoGroup): GroupInfo {
  return {
    name: group.name,
    pending: group.pending,
    lag: group.lag,
    lagExact: group.lagExact,
    lastDeliveredId: group.lastDeliveredId,
    oldestPendingMs: group.oldestPendingMs,
    retrying: group.retrying,
    ...(group.nextRetryAt === undefined ? {} : { nextRetryAt: group.nextRetryAt }),
    deadLetters: group.deadLetters,
    processedKeys: group.processedKeys,
    lost: group.lost,
    lostExact: group.lostExact,
    ...(group.lostAt === undefined ? {} : { lostAt: group.lostAt }),
    consumers: group.consumers.map(({ name, pending, idleMs }) => ({ name, pending, idleMs })),
  };
}
