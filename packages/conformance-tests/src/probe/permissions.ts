/**
 * Which of the commands and keys that Sluice needs the user may not use.
 *
 * The commands are queued in a transaction that is then discarded: the server looks at permissions when it
 * queues, and nothing runs. It needs no right to ask about users, and works since 6.0. A denied one leaves a
 * line in the server's ACL LOG.
 */

import { uniqueName } from "@sluice/test-server";
import type { Redis } from "ioredis";
import type { Finding } from "../results.js";
import { answer } from "./node.js";

/** Every command of the scripts, and arguments with which the server queues it. KEY stands for a key. */
export const SCRIPT_COMMANDS: readonly (readonly [command: string, ...args: string[]])[] = [
  ["TIME"],
  ["TYPE", "KEY"],
  ["UNLINK", "KEY"],
  ["PEXPIREAT", "KEY", "1"],
  ["MEMORY", "USAGE", "KEY"],
  ["HDEL", "KEY", "field"],
  ["HGET", "KEY", "field"],
  ["HGETALL", "KEY"],
  ["HINCRBY", "KEY", "field", "1"],
  ["HLEN", "KEY"],
  ["HMGET", "KEY", "field"],
  ["HSCAN", "KEY", "0"],
  ["HSET", "KEY", "field", "value"],
  ["SADD", "KEY", "member"],
  ["SCARD", "KEY"],
  ["SMISMEMBER", "KEY", "member"],
  ["SREM", "KEY", "member"],
  ["XACK", "KEY", "group", "1-1"],
  ["XADD", "KEY", "*", "field", "value"],
  ["XCLAIM", "KEY", "group", "consumer", "0", "1-1"],
  ["XDEL", "KEY", "1-1"],
  ["XGROUP", "CREATE", "KEY", "group", "0"],
  ["XGROUP", "DELCONSUMER", "KEY", "group", "consumer"],
  ["XINFO", "STREAM", "KEY"],
  ["XINFO", "GROUPS", "KEY"],
  ["XINFO", "CONSUMERS", "KEY", "group"],
  ["XLEN", "KEY"],
  ["XPENDING", "KEY", "group"],
  ["XRANGE", "KEY", "-", "+"],
  ["XREADGROUP", "GROUP", "group", "consumer", "STREAMS", "KEY", ">"],
  ["XREVRANGE", "KEY", "+", "-"],
  ["XTRIM", "KEY", "MINID", "0"],
  ["ZADD", "KEY", "1", "member"],
  ["ZCARD", "KEY"],
  ["ZRANGE", "KEY", "0", "0"],
  ["ZRANGEBYSCORE", "KEY", "0", "0"],
  ["ZREM", "KEY", "member"],
  ["ZSCORE", "KEY", "member"],
];

const NO_SCRIPT_SHA1 = "0".repeat(40);
const EVALSHA = ["EVALSHA", NO_SCRIPT_SHA1, "1", "KEY"] as const;
/** A client can do with either. */
const LOADERS = [
  ["EVAL", "return 1", "1", "KEY"],
  ["SCRIPT", "LOAD", "return 1"],
] as const;
const USER_MAKERS = [
  ["ACL", "SETUSER"],
  ["ACL", "DELUSER"],
] as const;

/** What the server said to a command that it was to queue. */
type Verdict = "allowed" | "command" | "key";

/** Findings `user`, `commands` and `keys`. */
export async function permissionFindings(node: Redis): Promise<Finding[]> {
  const user = await answer(node, "ACL", "WHOAMI");
  const asked = await withTransaction(node, ask);
  const name = typeof user === "string" ? user : (node.options.username ?? "not known");
  if (asked === undefined) {
    const value = `${name}; what it may do is not known, since it may not use MULTI`;
    return [{ name: "user", value }];
  }
  const makes = asked.makesUsers ? "may make users" : "may not make users";
  return [{ name: "user", value: `${name}, ${makes}` }, commandsFinding(asked), keysFinding(asked)];
}

interface Asked {
  readonly makesUsers: boolean;
  readonly forbiddenCommands: readonly string[];
  readonly forbiddenKeys: readonly string[];
}

type Queue = (words: readonly string[], key: string) => Promise<Verdict>;

async function ask(queue: Queue): Promise<Asked> {
  const probe = uniqueName("probe");
  const tenantKey = `tenant:{${probe}}:${probe}`;
  const isForbidden = async (words: readonly string[]) => (await queue(words, tenantKey)) === "command";
  const forbidden = async (commands: readonly (readonly string[])[]) => {
    const verdicts = await Promise.all(commands.map(isForbidden));
    return commands.filter((_, at) => verdicts[at]).map(nameOf);
  };
  const loaders = await forbidden(LOADERS);
  const keys = [tenantKey, `${tenantKey}/meta`, probe, `{${probe}}/meta`];
  // Of a command that is forbidden itself the keys are not looked at, so that any one that is not will do.
  const onKeys = await Promise.all(
    keys.map(async (key) => (await Promise.all(SCRIPT_COMMANDS.map((it) => queue(it, key)))).includes("key")),
  );
  const makers = await Promise.all(USER_MAKERS.map((words) => queue([...words, probe], probe)));
  return {
    makesUsers: makers.every((verdict) => verdict === "allowed"),
    forbiddenCommands: [
      ...(await forbidden([EVALSHA])),
      ...(loaders.length === LOADERS.length ? ["EVAL or SCRIPT LOAD"] : []),
      ...(await forbidden(SCRIPT_COMMANDS)),
    ],
    forbiddenKeys: keys.filter((_, at) => onKeys[at]).map((key) => key.replaceAll(probe, "…")),
  };
}

function commandsFinding({ forbiddenCommands }: Asked): Finding {
  const name = "commands";
  if (forbiddenCommands.length === 0) return { name, value: "all that Sluice needs" };
  const value = `forbidden: ${[...new Set(forbiddenCommands)].join(", ")}`;
  return { name, value, warning: "clients of this user do not work: allow these commands" };
}

function keysFinding({ forbiddenKeys }: Asked): Finding {
  const name = "keys";
  if (forbiddenKeys.length === 0) return { name, value: "all that the suite makes" };
  const warning =
    "cases need keys under names that are made up for the run: give the user ~*, or another user";
  return { name, value: `forbidden: ${forbiddenKeys.join("  ")}`, warning };
}

/** `XGROUP CREATE`; the command alone where all of its subcommands are in question. */
function nameOf([command = "", subcommand = ""]: readonly string[]): string {
  return ["XGROUP", "XINFO", "MEMORY"].includes(command) ? `${command} ${subcommand}` : command;
}

/**
 * Opens a transaction on a connection of its own, which is closed whatever happens: then, too, nothing was run.
 *
 * @returns undefined where the user may not use MULTI, or the service has none.
 */
async function withTransaction<T>(node: Redis, use: (queue: Queue) => Promise<T>): Promise<T | undefined> {
  // A connection that came back by itself would be out of the transaction, and run what it was sent.
  const own = node.duplicate({
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  // What goes wrong is in the replies.
  own.on("error", () => {});
  try {
    await own.connect();
    if ((await answer(own, "MULTI")) !== "OK") return undefined;
    return await use(async ([command = "", ...args], key) => {
      return await verdictOf(own.call(command, ...args.map((arg) => (arg === "KEY" ? key : arg))));
    });
  } finally {
    // The server discards a transaction whose connection ends.
    own.disconnect();
  }
}

async function verdictOf(reply: Promise<unknown>): Promise<Verdict> {
  try {
    await reply;
    return "allowed";
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ReplyError") throw error;
    if (/^NOPERM.*\bkeys?\b/i.test(error.message)) return "key";
    // A service that hides a command says that it does not know it. MOVED comes after the permission.
    return /^NOPERM|unknown (sub)?command/i.test(error.message) ? "command" : "allowed";
  }
}
