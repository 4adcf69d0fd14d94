/** What Redis holds of a group at one moment, read by `observe.lua`. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { GroupKeyName, GroupKeys, Script, ScriptCall } from "@sluice/lua-scripts";

/** The reserved consumer that holds waiting entries. */
export const WAITING = "/waiting";

/** From here on a due time is that of a suspect, which no time makes due. */
export const SUSPECTS_FROM = 2e15;
/** The due time that it is given. */
export const SUSPECT = 4e15;

/** A wait that would end by itself within this time ... */
const SOON_MS = 10_000;
/** ... is put off by this much. */
const PUT_OFF_MS = 3_600_000;

export interface Pending {
  readonly consumer: string;
  readonly attempt: number;
  /** Server time of the last delivery; of the first one while the entry waits. */
  readonly deliveredAt: number;
}

export interface Entry {
  readonly id: string;
  /** Fields and values, flat. */
  readonly fields: readonly string[];
}

export interface Letter {
  readonly id: string;
  readonly entryId: string;
  readonly reason: string;
  readonly attempts: number;
}

export interface Observation {
  /** The server's clock, in milliseconds since 1970. */
  readonly now: number;
  readonly groupExists: boolean;
  readonly pending: ReadonlyMap<string, Pending>;
  /** Tokens by the mark of their key. */
  readonly leases: ReadonlyMap<string, string>;
  /** Due times by entry ID. */
  readonly waiting: ReadonlyMap<string, number>;
  /** Every mark in any bucket of the ring. */
  readonly processed: ReadonlySet<string>;
  /** Entries and dead letters that are new since the observation before. */
  readonly entries: readonly Entry[];
  readonly letters: readonly Letter[];
  readonly lowWaterId: string;
  readonly seenAt: number;
}

const source = readFileSync(new URL("observe.lua", import.meta.url), "utf8");
const keys: readonly GroupKeyName[] = [
  "stream",
  "meta",
  "leases",
  "retries",
  "dead",
  "state",
  "processed.0",
  "processed.1",
  "processed.2",
  "processed.3",
  "processed.4",
];

export const observeScript: Script = {
  name: "observe",
  sha1: createHash("sha1").update(source).digest("hex"),
  source,
  keys,
  groupKeys: [],
};

export function observeCall(
  names: GroupKeys,
  group: string,
  afterEntry: string,
  afterLetter: string,
): ScriptCall {
  return {
    script: observeScript,
    keys: keys.map((key) => names[key]),
    args: [group, afterEntry, afterLetter, SOON_MS, PUT_OFF_MS],
  };
}

/** As `observe.lua` encodes it; a list that is empty comes as an object. */
interface Encoded {
  readonly now: number;
  readonly groupExists: boolean;
  readonly pending: readonly (readonly [string, string, number, number])[];
  readonly leases: readonly string[];
  readonly waiting: readonly string[];
  readonly processed: readonly string[];
  readonly entries: readonly (readonly [string, readonly string[]])[];
  readonly letters: readonly (readonly [string, readonly string[]])[];
  readonly lowWaterId: string;
  readonly seenAt: number;
}

export function readObservation(reply: unknown): Observation {
  const { now, ...seen } = JSON.parse(String(reply)) as Encoded; // our own script has encoded it
  const pending = new Map<string, Pending>();
  for (const [id, consumer, idleMs, attempt] of listOf(seen.pending)) {
    pending.set(id, { consumer, attempt, deliveredAt: now - idleMs });
  }
  const waiting = new Map<string, number>();
  for (const [id, dueAt] of pairsOf(seen.waiting)) waiting.set(id, Number(dueAt));
  return {
    ...seen,
    now,
    pending,
    leases: new Map(pairsOf(seen.leases)),
    waiting,
    processed: new Set(listOf(seen.processed)),
    entries: listOf(seen.entries).map(([id, fields]) => ({ id, fields })),
    letters: listOf(seen.letters).map(([id, fields]) => letterOf(id, fields)),
  };
}

/** What is there once the script has put off the waits that would soon have ended. */
export function settled(seen: Observation): Observation {
  const waiting = new Map(seen.waiting);
  for (const [id, dueAt] of waiting) {
    if (dueAt > seen.now && dueAt < seen.now + SOON_MS) waiting.set(id, dueAt + PUT_OFF_MS);
  }
  return { ...seen, waiting };
}

function listOf<T>(list: readonly T[]): readonly T[] {
  return Array.isArray(list) ? list : [];
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  const list = listOf(flat);
  for (let at = 0; at + 1 < list.length; at += 2) pairs.push([String(list[at]), String(list[at + 1])]);
  return pairs;
}

function letterOf(id: string, fields: readonly string[]): Letter {
  const about = new Map(pairsOf(fields.slice(0, 16)));
  return {
    id,
    entryId: about.get("entryId") ?? "",
    reason: about.get("reason") ?? "",
    attempts: Number(about.get("attempts")),
  };
}
