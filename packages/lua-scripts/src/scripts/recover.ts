/** Codec of `recover.lua`. */
import { recoverScript } from "../generated/recover.js";
import { type GroupKeys, keysOf } from "../keys.js";
import { type Refusal, valuesOf } from "../reply.js";
import type { ScriptCall } from "../script.js";
import { dueIn, type Member } from "./member.js";

export interface RecoverInput {
  /** As `nonceOf` makes it. */
  readonly nonce: string;
  /** Entries to lease at most, 0 to 1,000. */
  readonly max: number;
  /** Lease no more once the fields returned take this many bytes, 1 to 536,870,912. One entry is leased in any case. */
  readonly maxBytes: number;
  /** DUE: waiting entries that are due. ALL: also own and stale ones, and the sweeps. SUSPECT: one suspect alone. */
  readonly scope: "DUE" | "ALL" | "SUSPECT";
  /** Own pending entries after this ID; undefined skips them. */
  readonly ownAfter: string | undefined;
  /** Entries that the process has in hand, at most 10,000. */
  readonly inHand: readonly string[];
  /** Nonces of calls whose reply has yet to come: what they leased is in hand, too. */
  readonly onItsWay?: readonly string[];
}

/** How many entries a recovery treated, by what became of them. */
export interface RecoveryCounts {
  readonly own: number;
  readonly stale: number;
  readonly retried: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly trimmed: number;
  readonly deferred: number;
}

export interface RecoveredEntry {
  readonly token: string;
  /** It is its last attempt, and the process of the one before died: nothing fresh may run beside it. */
  readonly suspect: boolean;
  /** Fields and values, flat and in order. */
  readonly fields: readonly string[];
}

export interface RecoverReply {
  /** Milliseconds until the next waiting entry is due; undefined if none waits. */
  readonly nextDueInMs: number | undefined;
  readonly now: number;
  /** Call again: there is more than `max`, or than one call looks at. */
  readonly more: boolean;
  /** Suspects that wait: a call with scope SUSPECT leases one. */
  readonly suspects: number;
  /** Where the next call goes on with own entries; undefined when all were looked at. */
  readonly ownAfter: string | undefined;
  readonly counts: RecoveryCounts;
  readonly leased: readonly RecoveredEntry[];
}

export function recoverCall(keys: GroupKeys, member: Member, input: RecoverInput): ScriptCall {
  return {
    script: recoverScript,
    keys: keysOf(recoverScript, keys),
    args: [
      member.group,
      member.consumer,
      member.incarnation,
      input.nonce,
      input.max,
      input.maxBytes,
      input.scope,
      input.ownAfter ?? "",
      ...input.inHand,
      ...(input.onItsWay ?? []).map((nonce) => `@${nonce}`),
    ],
  };
}

export function recoverReply(reply: unknown): Refusal | (RecoverReply & { readonly status: "OK" }) {
  const read = valuesOf(reply);
  if ("refusal" in read) {
    return read.refusal;
  }
  const [, nextDue, now, more, suspects, ownAfter, own, stale, retried, duplicates, dead, trimmed, deferred] =
    read.values;
  return {
    status: "OK",
    nextDueInMs: dueIn(nextDue),
    now: Number(now),
    more: more === 1,
    suspects: Number(suspects),
    ownAfter: ownAfter === "" ? undefined : String(ownAfter),
    counts: {
      own: Number(own),
      stale: Number(stale),
      retried: Number(retried),
      duplicates: Number(duplicates),
      deadLettered: Number(dead),
      trimmed: Number(trimmed),
      deferred: Number(deferred),
    },
    leased: leasedIn(read.values.slice(13)),
  };
}

function leasedIn(values: readonly (string | number)[]): RecoveredEntry[] {
  const leased: RecoveredEntry[] = [];
  for (let at = 0; at < values.length; ) {
    const count = Number(values[at + 2]);
    leased.push({
      token: String(values[at]),
      suspect: values[at + 1] === 1,
      fields: values.slice(at + 3, at + 3 + count).map(String),
    });
    at += 3 + count;
  }
  return leased;
}
