/** Codec of `info.lua`. */
import { infoScript } from "../generated/info.js";
import { type GroupKeys, keysOf, type StreamKeys } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";

export interface InfoReply {
  /** The server's clock, in milliseconds since 1970. */
  readonly now: number;
  readonly exists: boolean;
  /** Entries in the stream. */
  readonly length: number;
  readonly firstId: string | undefined;
  readonly lastId: string | undefined;
  /** Of the stream alone; undefined where the server does not tell. */
  readonly memoryBytes: number | undefined;
  /** Recorded in `meta`; undefined for a stream that is new. */
  readonly protocol: string | undefined;
  /** Recorded by `trim`; 0 for none. */
  readonly maxLength: number;
  /** Every group there is: one that is missing in `groups` was not asked about. */
  readonly groupNames: readonly string[];
  readonly groups: readonly InfoGroup[];
}

export interface InfoGroup {
  readonly name: string;
  /** False: registered, and gone. */
  readonly exists: boolean;
  /** Waiting entries included. */
  readonly pending: number;
  readonly lag: number;
  readonly lagExact: boolean;
  readonly lastDeliveredId: string;
  /** By its ID, in milliseconds; 0 if nothing is pending. */
  readonly oldestPendingMs: number;
  /** Waiting entries. */
  readonly retrying: number;
  /** Milliseconds since 1970. */
  readonly nextRetryAt: number | undefined;
  readonly deadLetters: number;
  /** Marks of dead letters included. */
  readonly processedKeys: number;
  readonly lowWaterId: string | undefined;
  /** 0 each if the group is not open. */
  readonly idempotencyTtlMs: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  /** Entries that others removed, or passed over, before the group settled them. */
  readonly lost: number;
  /** False: `lost` is a lower bound. */
  readonly lostExact: boolean;
  /** When the last of them were found, in milliseconds since 1970; undefined if none ever was. */
  readonly lostAt: number | undefined;
  /** Those of them that may be in the stream still are behind this ID. */
  readonly lostAfterId: string | undefined;
  readonly consumers: readonly { readonly name: string; readonly pending: number; readonly idleMs: number }[];
}

/** `groups`: the groups to ask about, 0 to `INFO_GROUPS`, with their keys. */
export function infoCall(
  keys: StreamKeys,
  groups: readonly { readonly name: string; readonly keys: GroupKeys }[],
): ScriptCall {
  const perGroup = groups.flatMap((group) => infoScript.groupKeys.map((name) => group.keys[name]));
  return {
    script: infoScript,
    keys: [...keysOf(infoScript, keys), ...perGroup],
    args: groups.map(({ name }) => name),
  };
}

export function infoReply(reply: unknown): Refusal | (InfoReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) return read.refusal;
  const cursor = read.values[Symbol.iterator]();
  const next = () => cursor.next().value ?? "";
  const number = () => Number(next());
  const text = () => String(next());
  const optional = () => text() || undefined;
  text(); // the status
  const head = {
    now: number(),
    exists: number() === 1,
    length: number(),
    firstId: optional(),
    lastId: optional(),
    memoryBytes: atOrNever(number()),
    protocol: optional(),
    maxLength: number(),
  };
  const groupNames = Array.from({ length: number() }, text);
  const groups: InfoGroup[] = [];
  for (let name = text(); name !== ""; name = text()) {
    groups.push({
      name,
      exists: number() === 1,
      pending: number(),
      lag: number(),
      lagExact: number() === 1,
      lastDeliveredId: text(),
      oldestPendingMs: number(),
      retrying: number(),
      nextRetryAt: atOrNever(number()),
      deadLetters: number(),
      processedKeys: number(),
      lowWaterId: optional(),
      idempotencyTtlMs: number(),
      leaseMs: number(),
      maxAttempts: number(),
      lost: number(),
      lostExact: number() === 1,
      lostAt: atOrNever(number()),
      lostAfterId: optional(),
      consumers: Array.from({ length: number() }, () => ({
        name: text(),
        pending: number(),
        idleMs: number(),
      })),
    });
  }
  return { status: "OK", ...head, groupNames, groups };
}

function atOrNever(value: number): number | undefined {
  return value < 0 ? undefined : value;
}
