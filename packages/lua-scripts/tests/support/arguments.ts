/**
 * Every argument of every script, as data: where it stands in a call that is accepted, how errors name it, and which
 * values it refuses. A script or an argument without a row here fails the tests.
 */
import {
  beatCall,
  discardCall,
  enrollCall,
  infoCall,
  MAX_ATTEMPTS,
  MAX_BYTES,
  MAX_EMITS,
  MAX_ENTRIES,
  MAX_SPAN_MS,
  MAX_TYPES,
  replayCall,
  retireCall,
  type ScriptCall,
  trimCall,
} from "@sluice/lua-scripts";
import { failure, retry, success, unhandled } from "./attempts.js";
import * as kind from "./kinds.js";
import type { World } from "./world.js";

export interface ArgumentRow {
  /** As the header names it. */
  readonly argument: string;
  /** As errors name it. */
  readonly field: string;
  /** Where it stands in the arguments of the good call, for each item of the batch. */
  readonly at: readonly number[];
  readonly kind: kind.Kind;
}

export interface ScriptRows {
  /** A call that the script accepts. */
  good(world: World): ScriptCall;
  readonly rows: readonly ArgumentRow[];
  /** Arguments that stand before the batch. */
  readonly head: number;
  /** The fewest values that an item of the batch has; 0 where there is no batch. */
  readonly width: number;
  /** The batch may be empty. */
  readonly mayBeEmpty?: true;
  /** The call with more than a batch may hold, or with one argument more where there is no batch. */
  tooMany(good: ScriptCall): ScriptCall;
}

function row(argument: string, field: string, at: number | readonly number[], of: kind.Kind): ArgumentRow {
  return { argument, field, at: typeof at === "number" ? [at] : at, kind: of };
}

const FLAG = kind.word("wanted 0 or 1");

const MEMBER = [
  row("group", "group", 0, kind.NAME),
  row("consumer", "consumer", 1, kind.NAME),
  row("incarnation", "incarnation", 2, kind.NONCE),
];

/** A call whose batch repeats the values. */
function repeated(
  head: number,
  count: number,
  ...values: readonly string[]
): (good: ScriptCall) => ScriptCall {
  const batch = Array.from({ length: count }, () => values).flat();
  return (good) => ({ ...good, args: [...good.args.slice(0, head), ...batch] });
}

function oneMore(good: ScriptCall): ScriptCall {
  return { ...good, args: [...good.args, "1"] };
}

/** By script name. */
export const SCRIPT_ROWS: Readonly<Record<string, ScriptRows>> = {
  publish: {
    good: ({ group }) => group.publishCall(["new-1", "new-2"], { windowMs: 60_000, maxLength: 1_000 }),
    rows: [
      row("windowMs", "windowMs", 0, kind.integer(0, MAX_SPAN_MS)),
      row("maxLength", "maxLength", 1, kind.integer(0, 2 ** 53)),
      row("atomic", "atomic", 2, FLAG),
      row("events", "idempotency_key", [3, 6], kind.KEY),
      row("events", "event", [4, 7], kind.OPAQUE),
      row("events", "fingerprint", [5, 8], kind.OPAQUE),
    ],
    head: 3,
    width: 3,
    tooMany: repeated(3, MAX_ENTRIES + 1, "k", "e", "f"),
  },
  open: {
    good: ({ group }) => group.openCall({ types: ["order.placed", "order:shipped"] }),
    rows: [
      ...MEMBER,
      row("mode", "mode", 3, kind.word("wanted TAKE or REJOIN")),
      row("startFrom", "startFrom", 4, kind.START),
      row("change", "change", 5, FLAG),
      row("idempotencyTtlMs", "idempotencyTtlMs", 6, kind.integer(1, MAX_SPAN_MS)),
      row("leaseMs", "leaseMs", 7, kind.integer(1, MAX_SPAN_MS)),
      row("maxAttempts", "maxAttempts", 8, kind.integer(1, MAX_ATTEMPTS)),
      row("types", "type", [9, 10], kind.TYPE),
    ],
    head: 9,
    width: 1,
    mayBeEmpty: true,
    tooMany: repeated(9, MAX_TYPES + 1, "order.placed"),
  },
  lease: {
    good: ({ group, delivered }) => group.leaseCall("c1", delivered),
    rows: [
      ...MEMBER,
      row("nonce", "nonce", 3, kind.NONCE),
      row("entries", "entry_id", [4, 6], kind.ID),
      row("entries", "idempotency_key", [5, 7], kind.ENTRY_KEY),
    ],
    head: 4,
    width: 2,
    tooMany: repeated(4, MAX_ENTRIES + 1, "1-0", "k"),
  },
  settle: {
    good: ({ group, inHand: [a, b, c, d] }) => {
      const emits = [1, 2].map((n) => ({ key: `emitted-${n}`, event: "{}", fingerprint: "f" }));
      return group.settleCall("c1", [success(a, emits), unhandled(b), retry(c, 20_000), failure(d)], 60_000);
    },
    // Behind the head: SUCCESS (4 to 13), UNHANDLED (14 to 18), RETRY (19 to 23), FAILURE (24 to 28).
    rows: [
      ...MEMBER,
      row("windowMs", "windowMs", 3, kind.integer(0, MAX_SPAN_MS)),
      row(
        "attempts",
        "outcome",
        [4, 14, 19, 24],
        kind.word("wanted SUCCESSES, SUCCESS, SKIP, UNHANDLED, RETRY or FAILURE"),
      ),
      row("attempts", "idempotency_key", [5, 15, 20, 25], kind.ENTRY_KEY),
      row("attempts", "token", [6, 16, 21, 26], kind.TOKEN),
      row("attempts", "token", [6, 16, 21, 26], kind.ISSUED_TOKEN),
      row("attempts", "emits", 7, kind.integer(0, MAX_EMITS)),
      row("attempts", "emitted key", [8, 11], kind.KEY),
      row("attempts", "emitted event", [9, 12], kind.OPAQUE),
      row("attempts", "emitted fingerprint", [10, 13], kind.OPAQUE),
      row("attempts", "type", 17, kind.TYPE),
      row("attempts", "delayMs", 22, kind.integer(0, MAX_SPAN_MS)),
      row("attempts", "message", [18, 23, 28], kind.MESSAGE),
      row("attempts", "reason", 27, kind.REASON),
    ],
    head: 4,
    width: 3,
    tooMany: repeated(4, MAX_ENTRIES + 1, "SKIP", "k", "1-0|c1|1|n.5"),
  },
  recover: {
    good: ({ group, inHand }) =>
      group.recoverCall("c1", { max: 0, inHand: inHand.slice(0, 2).map(({ id }) => id) }),
    rows: [
      ...MEMBER,
      row("nonce", "nonce", 3, kind.NONCE),
      row("max", "max", 4, kind.integer(0, MAX_ENTRIES)),
      row("maxBytes", "maxBytes", 5, kind.integer(1, MAX_BYTES)),
      row("scope", "scope", 6, kind.word("wanted DUE, ALL or SUSPECT")),
      row("ownAfter", "ownAfter", 7, kind.optional(kind.ID)),
      row("inHand", "inHand", [8, 9], kind.ID),
    ],
    head: 8,
    width: 1,
    mayBeEmpty: true,
    tooMany: repeated(8, 10_001, "1-0"),
  },
  extend: {
    good: ({ group, inHand: [a, b] }) => group.extendCall("c1", [a, b]),
    rows: [
      ...MEMBER,
      row("attempts", "idempotency_key", [3, 5], kind.ENTRY_KEY),
      row("attempts", "token", [4, 6], kind.TOKEN),
    ],
    head: 3,
    width: 2,
    tooMany: repeated(3, MAX_ENTRIES + 1, "k", "1-0|c1|1|n.5"),
  },
  release: {
    good: ({ group, inHand: [a], delivered: [e] }) =>
      group.releaseCall("c1", [a, { ...e, token: undefined }]),
    rows: [
      ...MEMBER,
      row("entries", "entry_id", [3, 6], kind.ID),
      row("entries", "idempotency_key", [4, 7], kind.ENTRY_KEY),
      // A token that was never issued is none that is current: LOST.
      row("entries", "token", [5, 8], kind.OPAQUE),
    ],
    head: 3,
    width: 3,
    tooMany: repeated(3, MAX_ENTRIES + 1, "1-0", "k", ""),
  },
  info: {
    good: ({ group }) => infoCall(group.keys, [group, group]),
    rows: [row("groups", "group", [0, 1], kind.NAME)],
    head: 0,
    width: 1,
    mayBeEmpty: true,
    tooMany: (good) => {
      const groups = Array.from({ length: MAX_ENTRIES + 1 }, () => good.keys.slice(2, 10));
      return {
        ...repeated(0, groups.length, "billing")(good),
        keys: [...good.keys.slice(0, 2), ...groups.flat()],
      };
    },
  },
  replay: {
    good: ({ group, letter }) => replayCall(group.keys, group.name, [letter, "1-0"]),
    rows: [row("group", "group", 0, kind.NAME), row("letters", "letter", [1, 2], kind.ID)],
    head: 1,
    width: 1,
    tooMany: repeated(1, MAX_ENTRIES + 1, "1-0"),
  },
  discard: {
    good: ({ group, letter }) => discardCall(group.keys, [letter, "1-0"]),
    rows: [row("letters", "letter", [0, 1], kind.ID)],
    head: 0,
    width: 1,
    tooMany: repeated(0, MAX_ENTRIES + 1, "1-0"),
  },
  trim: {
    good: ({ group }) => trimCall(group.keys, { settledForMs: MAX_SPAN_MS, maxLength: 1_000, limit: 100 }),
    rows: [
      row("settledForMs", "settledForMs", 0, kind.integer(0, MAX_SPAN_MS)),
      row("maxLength", "maxLength", 1, kind.optional(kind.integer(0, 2 ** 48))),
      row("limit", "limit", 2, kind.integer(1, 100_000)),
    ],
    head: 3,
    width: 0,
    tooMany: oneMore,
  },
  retire: {
    good: ({ group }) => retireCall(group.keys, { idleMs: 0, ...group.member("c1") }),
    rows: [
      row("group", "group", 0, kind.NAME),
      row("idleMs", "idleMs", 1, kind.integer(0, MAX_SPAN_MS)),
      row("consumer", "consumer", 2, kind.optional(kind.NAME)),
      row("incarnation", "incarnation", 3, kind.optional(kind.NONCE)),
    ],
    head: 4,
    width: 0,
    tooMany: oneMore,
  },
  enroll: {
    good: ({ group }) => enrollCall(group.registry, ["acme", "globex"]),
    rows: [row("tenants", "tenant", [0, 1], kind.TENANT)],
    head: 0,
    width: 1,
    tooMany: repeated(0, MAX_ENTRIES + 1, "acme"),
  },
  beat: {
    good: ({ group }) => {
      return beatCall(group.peers, { worker: "w1", spare: true, needHelp: ["acme"], helped: ["globex"] });
    },
    rows: [
      row("worker", "worker", 0, kind.NAME),
      row("mode", "mode", 1, kind.word("wanted BEAT or LEAVE")),
      row("spare", "spare", 2, FLAG),
      row("tenants", "tenant", [3, 5], kind.TENANT),
      row("tenants", "needs help", [4, 6], FLAG),
    ],
    head: 3,
    width: 2,
    mayBeEmpty: true,
    tooMany: repeated(3, MAX_ENTRIES + 1, "acme", "1"),
  },
};
