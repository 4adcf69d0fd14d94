/** What the runner does itself: it looks into Redis, signals processes, and gets in the way of connections. */

import { createHash } from "node:crypto";
import { mismatch, show } from "../matching.js";
import { givenKey } from "../stored-key.js";
import type { DriverEvent } from "./driver-process.js";
import type { RedisCaller } from "./server.js";
import type { Stage } from "./stage.js";
import { tenantRules } from "./users.js";

export interface VerbContext {
  readonly stage: Stage;
  /** Who the step is for. */
  readonly actor: string;
  /** When the step has to be over, by `performance.now()`. */
  readonly deadline: number;
}

type Fields = Readonly<Record<string, unknown>>;
type Verb = (input: Fields, context: VerbContext, whole: unknown) => unknown;

/** The reserved consumer of waiting entries. */
const WAITING = "/waiting";
/**
 * Scores of waiting entries from here on are those of suspects, and those below zero of what was handed back: they
 * wait for a process or a consumer, not for a time.
 */
const SUSPECTS_FROM = 2e15;

const PROCESS_VERBS: Readonly<Record<string, Verb>> = {
  kill: async (_, { stage, actor }) => await (await stage.ownProcess(actor)).signal("SIGKILL"),
  suspend: async (_, { stage, actor }) => {
    await (await stage.ownProcess(actor)).signal("SIGSTOP");
    // What it has sent before has arrived by the time that the server has answered others: later steps come after it.
    for (let round = 0; round < 2; round += 1) await stage.redis.call("PING");
  },
  continue: async (_, { stage, actor }) => await (await stage.ownProcess(actor)).signal("SIGCONT"),
  terminate: async (_, { stage, actor }) => await (await stage.ownProcess(actor)).signal("SIGTERM"),
  spawn: async (_, { stage, actor }) => await stage.respawn(actor),
  ended: async (_, { stage, actor, deadline }) => {
    const process = await stage.ownProcess(actor);
    await until(
      process,
      deadline,
      () => (process.alive ? undefined : true),
      () => "its process still runs",
    );
  },
};

const NETWORK_VERBS: Readonly<Record<string, Verb>> = {
  cut: (_, { stage }) => proxyOf(stage).cut(),
  block: ({ open }, { stage }) => proxyOf(stage).allow(open === true),
  swallow: ({ replies = 1 }, { stage }) => proxyOf(stage).swallow(Number(replies)),
  server: async ({ do: what, set = {} }, { stage }) => {
    const { server } = stage;
    if (server === undefined) throw new TypeError("server: the case needs `own-server`");
    if (what === "restart") await server.restart();
    else if (what === "pause") await server.pause();
    else if (what === "resume") await server.resume();
    else if (what === "config") {
      for (const [name, value] of Object.entries(Object(set))) {
        await stage.redis.call("CONFIG", "SET", name, String(value));
      }
    } else throw new TypeError(`server: do "${what}": wanted restart, pause, resume or config`);
  },
  user: async ({ name, tenant = "acme" }, { stage }) => {
    const user = stage.names.user(String(name));
    const rules = tenantRules(stage.names.tenant(String(tenant)), stage.parts.cluster);
    for (const node of stage.link.masters()) {
      await node.call("ACL", "SETUSER", user, "reset", "on", `>${user}`, ...rules);
    }
  },
};

const REDIS_VERBS: Readonly<Record<string, Verb>> = {
  redis: async (_, { stage }, whole) => {
    const [command, ...args] = Array.isArray(whole) ? whole : Object(whole).command;
    return await stage.redis.call(String(command), ...args.map(String));
  },
  entries: async ({ of }, { stage }) => await entriesOf(stage.redis, String(of)),
  keys: async (_, { stage }) => await keysWith(stage, stage.names.streams),
  dump: async ({ keys }, { stage }) => {
    const names = Array.isArray(keys)
      ? keys.map(String)
      : stage.names.keysOf(stage.names.stream("orders"), stage.names.tenant("acme"));
    return await Promise.all(names.map((key) => dumpOf(stage.redis, key)));
  },
  age: async (input, { stage }) => await age(stage, input),
  due: async ({ tenant = "acme", group }, { stage }) => {
    const retries = stage.names.key(`${tenant}/${group}/retries`);
    const members = await listOf(stage.redis.call("ZRANGEBYSCORE", retries, "0", `(${SUSPECTS_FROM}`));
    const now = await serverTimeMs(stage.redis);
    for (const member of members) await stage.redis.call("ZADD", retries, "XX", now - 1, String(member));
    return members.length;
  },
};

const TOLD_VERBS: Readonly<Record<string, Verb>> = {
  wait: async (input, context) => {
    const { count = 1 } = input;
    const { stage, actor, deadline } = context;
    const process = await stage.process(actor);
    const found = () => {
      const events = eventsLike(stage, actor, { ...input, of: input.for });
      return events.length >= Number(count) ? events : undefined;
    };
    return await until(
      process,
      deadline,
      found,
      () => `${actor} told ${show(stage.events(actor).slice(-8))}, wanted ${show(input)}`,
    );
  },
  events: (input, { stage, actor }) => eventsLike(stage, actor, input),
  see: (_, __, whole) => whole,
  note: (_, { stage }, whole) => stage.parts.addNote(`${stage.parts.case.id}: ${whole}`),
};

export const RUNNER_VERBS: Readonly<Record<string, Verb>> = {
  ...PROCESS_VERBS,
  ...NETWORK_VERBS,
  ...REDIS_VERBS,
  ...TOLD_VERBS,
};

/** The events of an actor, of some kinds, of one consumer, that match. */
function eventsLike(stage: Stage, actor: string, { of, consumer, where = {} }: Fields): DriverEvent[] {
  const kinds = of === undefined ? undefined : [of].flat();
  return stage
    .events(actor)
    .filter(({ event }) => kinds === undefined || kinds.includes(event))
    .filter((event) => consumer === undefined || event.consumer === consumer)
    .filter((event) => mismatch(where, event) === undefined);
}

/** Resolves with the first answer, asked again whenever the process tells something. */
async function until<T>(
  process: { onEvent(listener: () => void): () => void; readonly alive: boolean },
  deadline: number,
  answer: () => T | undefined,
  missing: () => string,
): Promise<T> {
  return await new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      off();
    };
    const look = () => {
      const found = answer();
      if (found !== undefined) {
        stop();
        resolve(found);
      } else if (!process.alive) {
        stop();
        reject(new Error(`wait: the process has ended; ${missing()}`));
      }
    };
    const late = () => {
      stop();
      reject(new Error(`wait: it did not come; ${missing()}`));
    };
    const off = process.onEvent(look);
    const timer = setTimeout(late, Math.max(0, deadline - performance.now()));
    look();
  });
}

async function entriesOf(redis: RedisCaller, key: string): Promise<Fields[]> {
  const entries = await listOf(redis.call("XRANGE", key, "-", "+"));
  return entries.map((entry) => {
    const [id, flat] = entry as [string, string[]]; // as XRANGE answers
    const fields = Object.fromEntries(
      Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n], flat[2 * n + 1]]),
    );
    return { id, fields, json: jsonOf(fields.event) };
  });
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

/** Every key on the server that has one of these texts in its name, sorted. */
async function keysWith(stage: Stage, texts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const node of stage.link.masters()) {
    for (const text of texts) {
      let cursor = "0";
      do {
        const [next, keys] = await listOf(node.call("SCAN", cursor, "MATCH", `*${text}*`, "COUNT", 1_000));
        for (const key of Array.isArray(keys) ? keys : []) found.add(String(key));
        cursor = String(next);
      } while (cursor !== "0");
    }
  }
  return [...found].sort();
}

/** Name, what it holds, and when it expires. DEBUG DIGEST would miss pending lists. */
async function dumpOf(redis: RedisCaller, key: string): Promise<readonly [string, string, string]> {
  const payload = await redis.callBuffer("DUMP", key);
  // Before 7.0 a time can only be told from what is left of it.
  const expiry = await redis.call("PEXPIRETIME", key).catch(() => "unknown");
  const held = Buffer.isBuffer(payload) ? createHash("sha1").update(payload).digest("hex") : "nothing";
  return [key, held, String(expiry)];
}

/** Makes pending entries idle by that long, without a change of owner or count. Waiting ones are left alone. */
async function age(stage: Stage, { tenant = "acme", group, by, consumer, keys }: Fields): Promise<number> {
  const { redis, names } = stage;
  const key = names.key(String(tenant));
  const pending = await listOf(redis.call("XPENDING", key, String(group), "-", "+", 1_000));
  let aged = 0;
  for (const row of pending) {
    const [id = "", owner = ""] = (row as unknown[]).map(String); // as XPENDING answers
    if (owner === WAITING || (consumer !== undefined && owner !== consumer)) continue;
    if (Array.isArray(keys) && !keys.includes(await keyOf(redis, key, id))) continue;
    await redis.call("XCLAIM", key, String(group), owner, 0, id, "IDLE", Number(by), "JUSTID");
    aged += 1;
  }
  return aged;
}

/** The key of an entry as its publisher named it. */
async function keyOf(redis: RedisCaller, stream: string, id: string): Promise<string | undefined> {
  const [entry] = await listOf(redis.call("XRANGE", stream, id, id));
  const [, fields] = (entry ?? []) as [string, string[]]; // as XRANGE answers
  return fields?.[1] === undefined ? undefined : givenKey(fields[1]);
}

export async function serverTimeMs(redis: RedisCaller): Promise<number> {
  const [seconds, microseconds] = await listOf(redis.call("TIME"));
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}

async function listOf(reply: Promise<unknown>): Promise<readonly unknown[]> {
  const value = await reply;
  return Array.isArray(value) ? value : [];
}

function proxyOf(stage: Stage) {
  if (stage.proxy === undefined) throw new TypeError("cut, block, swallow: the case needs `proxy`");
  return stage.proxy;
}
