/** What a history plays in: the group's keys, its processes, and what happens that no process does. */
import { type GroupKeys, openCall, openReply, publishCall, publishReply } from "@sluice/lua-scripts";
import { Consumer } from "./consumer.js";
import { judgeOpen } from "./judge.js";
import type { Ledger } from "./ledger.js";
import type { Move } from "./move.js";
import { type Observation, WAITING } from "./observation.js";
import type { Random } from "./random.js";
import type { Settings } from "./scene.js";
import { demand } from "./violation.js";

/** The clock's jump back: far above the lease. */
const JUMP_MS = 600_000;

export interface World {
  readonly keys: GroupKeys;
  readonly group: string;
  readonly settings: Settings;
  /** The publish window of emitted events. */
  readonly windowMs: number;
  readonly ledger: Ledger;
  /** As of the last step. */
  before: Observation;
  processes: Consumer[];
  /** Processes that were told that another has their name. */
  readonly superseded: Set<Consumer>;
  started: number;
}

const nothing = () => "";

export function openMove(world: World, process: Consumer, mode: "TAKE" | "REJOIN"): Move {
  const { keys, group, settings, ledger } = world;
  const { consumer, incarnation } = process;
  const input = {
    group,
    consumer,
    incarnation,
    mode,
    startFrom: "0-0",
    change: false,
    types: [],
    ...settings,
  };
  return {
    text: `${incarnation} opens (${mode})`,
    requests: [openCall(keys, input)],
    judge(scene, [answer]) {
      demand(!(answer instanceof Error), "no errors", () => String(answer));
      const reply = openReply(answer);
      const taken = mode === "REJOIN" && ledger.incarnations.get(consumer) !== incarnation;
      const text = () => `${mode}: ${reply.status}`;
      demand(reply.status === (taken ? "SUPERSEDED" : "OK"), "superseded", text);
      if (reply.status !== "OK") {
        world.superseded.add(process);
        return reply.status;
      }
      judgeOpen(scene, reply);
      ledger.incarnations.set(consumer, incarnation);
      process.groupIsGone = false;
      return `${reply.how} ${reply.lowWaterId}`;
    },
  };
}

/** A new process; one that has the name already is superseded. */
export function start(world: World, name: string): Move {
  world.started += 1;
  const process = new Consumer(world.group, name, `${name}${world.started}`);
  world.processes.push(process);
  return openMove(world, process, "TAKE");
}

/** A stream entry as any producer may write it, or events as ours does: a few keys, shared by several. */
export function publish({ keys }: World, count: number, random: Random): Move {
  if (random.chance(0.1)) {
    const fields = random.pick([
      ["foreign", "field"],
      ["key", "#1-0", "event", "foreign"],
    ]);
    return {
      text: "publish an entry without a key",
      requests: [["XADD", keys.stream, "*", ...fields]],
      judge: ({ expected }) => {
        expected.entries.push(fields);
        return "";
      },
    };
  }
  const pool = ["k1", "k1", "k2", "k3", "order.placed:k1"].slice(0, 1 + random.below(5));
  const events = Array.from({ length: count }, () => ({
    idempotencyKey: random.pick(pool),
    event: "published",
    fingerprint: "",
  }));
  return {
    text: `publish ${events.map(({ idempotencyKey }) => idempotencyKey).join(" ")}`,
    requests: [publishCall(keys, { windowMs: 0, maxLength: 0, atomic: false, events })],
    judge({ expected }, [answer]) {
      demand(!(answer instanceof Error), "no errors", () => String(answer));
      const reply = publishReply(answer, events.length);
      for (const { idempotencyKey, event } of events) {
        expected.entries.push(["key", idempotencyKey, "event", event]);
      }
      return reply.status === "OK" ? reply.results.map(({ id }) => id).join(" ") : reply.status;
    },
  };
}

/** Time passes for pending entries of a consumer, until their leases are over. */
export function passLease(
  { keys, group, settings, before }: World,
  name: string,
  ids: readonly string[],
): Move {
  const idleMs = settings.leaseMs + 60_000;
  return {
    text: `the lease of ${name} passes for ${ids.join(" ")}`,
    requests: [["XCLAIM", keys.stream, group, name, 0, ...ids, "IDLE", idleMs, "JUSTID"]],
    judge({ expected, after }) {
      for (const id of ids) {
        const about = before.pending.get(id);
        if (about) expected.pending.set(id, { ...about, deliveredAt: after.now - idleMs });
      }
      return "";
    },
  };
}

/** Consumers with pending entries, and those entries. */
export function pendingByConsumer({ before }: World): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [id, { consumer }] of before.pending) {
    if (consumer !== WAITING) found.set(consumer, [...(found.get(consumer) ?? []), id]);
  }
  return found;
}

/** Time passes for waiting entries, until they are due. */
export function fallDue({ keys }: World, ids: readonly string[]): Move {
  return {
    text: `${ids.join(" ")} fall due`,
    requests: [["ZADD", keys.retries, "XX", ...ids.flatMap((id) => [1, id])]],
    judge({ expected }) {
      for (const id of ids) expected.waiting.set(id, 1);
      return "";
    },
  };
}

/** A third of the TTL passes for the processed ring. */
export function passThirdOfTtl({ keys, settings, ledger }: World): Move {
  return {
    text: "a third of the TTL passes",
    requests: [["HINCRBY", keys.state, "ringOpenedAt", -Math.ceil(settings.idempotencyTtlMs / 3)]],
    judge() {
      ledger.turns += 1;
      return "";
    },
  };
}

/** The server's clock goes back: what was written by it now lies in the future. */
export function clockGoesBack({ keys, before }: World): Move {
  const waiting = [...before.waiting];
  return {
    text: "the clock goes back",
    requests: [
      ["HSET", keys.state, "seenAt", before.now + JUMP_MS],
      ...waiting.map(([id]) => ["ZINCRBY", keys.retries, JUMP_MS, id]),
    ],
    judge({ expected }) {
      for (const [id, dueAt] of waiting) expected.waiting.set(id, dueAt + JUMP_MS);
      return "";
    },
  };
}

export function loseDueTimes({ keys }: World): Move {
  return {
    text: "the due times are lost",
    requests: [["DEL", keys.retries]],
    judge({ expected }) {
      expected.waiting.clear();
      return "";
    },
  };
}

export function deleteEntries({ keys, ledger }: World, ids: readonly string[]): Move {
  for (const id of ids) ledger.entry(id).inStream = false;
  return { text: `delete ${ids.join(" ")}`, requests: [["XDEL", keys.stream, ...ids]], judge: nothing };
}

export function destroyGroup({ keys, group }: World): Move {
  return {
    text: "the group is destroyed",
    requests: [["XGROUP", "DESTROY", keys.stream, group]],
    judge({ expected }) {
      expected.pending.clear();
      return "";
    },
  };
}

export function loseStream({ keys, ledger }: World): Move {
  ledger.loseStream();
  return {
    text: "the stream is lost",
    requests: [["DEL", keys.stream]],
    judge({ expected }) {
      expected.pending.clear();
      return "";
    },
  };
}
