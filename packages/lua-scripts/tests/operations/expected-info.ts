/** What `info` should tell of a history's stream, by the model. */
import { type InfoGroup, type InfoReply, PROTOCOL } from "@sluice/lua-scripts";
import { comesBefore } from "../model/ids.js";
import { info } from "./calls.js";
import { ForeignGroup } from "./foreign-group.js";
import type { History } from "./history.js";
import type { HistoryGroup } from "./history-group.js";

/** Throws where `info` and the model differ, naming both values. */
export async function expectInfo(history: History): Promise<void> {
  const { entries, groups } = history;
  const reply = await info(groups[0].group, groups[1].group, groups[2].group);
  // What is registered is told of also while it is gone.
  const named = groups.filter((group) => group.live || !(group instanceof ForeignGroup)).map(nameOf);
  const expected: Partial<InfoReply> = {
    exists: true,
    length: entries.length,
    firstId: entries[0],
    lastId: entries.at(-1),
    protocol: String(PROTOCOL),
    maxLength: 0,
    groupNames: named.sort(),
  };
  differ("the stream", { ...reply, groupNames: [...reply.groupNames].sort() }, expected);
  if ((reply.memoryBytes ?? 0) <= 0) throw new Error(`memory is ${reply.memoryBytes}`);
  for (const [at, group] of groups.entries()) {
    const found = reply.groups[at];
    const wanted = group instanceof ForeignGroup ? foreign(group) : ours(group);
    const oldest = oldestOf(group);
    const oldestPendingMs = oldest === undefined ? 0 : reply.now - Number(oldest.split("-")[0]);
    differ(nameOf(group), found, { name: nameOf(group), exists: group.live, oldestPendingMs, ...wanted });
    if ((found?.nextRetryAt === undefined) !== (found?.retrying === 0)) {
      throw new Error(`${nameOf(group)}: ${found?.retrying} retrying, the next due at ${found?.nextRetryAt}`);
    }
  }
}

function ours(group: HistoryGroup): Partial<InfoGroup> {
  const held = [...group.pending.values()].filter((consumer) => consumer === "c1").length;
  return {
    pending: group.pending.size,
    lag: group.lag,
    lagExact: true,
    lastDeliveredId: group.live ? group.lastDelivered : group.lowWater,
    retrying: group.waiting.size,
    deadLetters: group.letters.size,
    processedKeys: group.marks.size,
    lowWaterId: group.lowWater,
    ...group.group.settings,
    ...(held === 0 ? {} : { consumers: [{ name: "c1", pending: held, idleMs: SOME }] }),
  };
}

function foreign(group: ForeignGroup): Partial<InfoGroup> {
  const nothing = { retrying: 0, deadLetters: 0, processedKeys: 0, idempotencyTtlMs: 0, leaseMs: 0 };
  if (!group.live) return { ...nothing, pending: 0, consumers: [] };
  return {
    ...nothing,
    pending: group.pending.size,
    lag: group.lag,
    lagExact: true,
    lastDeliveredId: group.lastDelivered,
  };
}

function oldestOf(group: HistoryGroup | ForeignGroup): string | undefined {
  const pending = [...group.pending.keys()];
  return pending.sort((a, b) => (comesBefore(a, b) ? -1 : 1))[0];
}

function nameOf({ group }: HistoryGroup | ForeignGroup): string {
  return group.name;
}

/** Stands for a number that only the server knows. */
const SOME = -1;

function differ(what: string, found: object | undefined, wanted: object): void {
  const known = Object.fromEntries(
    Object.keys(wanted).map((name) => [name, found === undefined ? undefined : Reflect.get(found, name)]),
  );
  const text = (value: object) =>
    JSON.stringify(value, (name, inner: unknown) => (name === "idleMs" ? "some" : inner));
  if (text(known) !== text(wanted)) {
    throw new Error(`info of ${what}: ${text(known)}, wanted ${text(wanted)}`);
  }
}
