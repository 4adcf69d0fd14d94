/**
 * Errors about reaching Redis: the connection, the time it took, and what the server itself refused.
 */

import { brand, hide, SluiceError } from "./base.js";
import { count, oneLine, quote, withoutCredentials } from "./describe.js";

/** Longest part of a server's or a socket's own text that a message repeats, in UTF-16 code units. */
const MAX_REPLY_CHARS = 300;

/** Longest address that a message shows, in UTF-16 code units: that of a Cluster has several. */
const MAX_TARGET_CHARS = 1_000;

/** Longest part of a flag that a message shows, in UTF-16 code units: one flag may name many addresses. */
const MAX_FLAG_CHARS = 2_000;

/**
 * The connection was not there, or was lost before the reply came. With `maybeExecuted` the command may have
 * run all the same; without it, it did not.
 */
export class ConnectionError extends SluiceError {
  static {
    brand(ConnectionError, "ConnectionError");
  }

  readonly code = "CONNECTION";
  readonly retryable = true;
  readonly maybeExecuted: boolean;

  constructor(
    fields: {
      /** What happened to the connection, e.g. the socket's own text. */
      readonly reason: string;
      readonly cause?: unknown;
    } & (
      | {
          /** What was being sent: a script's or a command's name. */
          readonly attempted: string;
          readonly maybeExecuted: boolean;
        }
      | {
          /** Where a connection that never was up goes to. */
          readonly target: string;
          readonly withinMs: number;
        }
    ),
  ) {
    const reason = oneLine(withoutCredentials(fields.reason), MAX_REPLY_CHARS);
    if ("target" in fields) {
      const target = oneLine(fields.target, MAX_TARGET_CHARS);
      super(`cannot reach Redis at ${target} within ${fields.withinMs} ms: ${reason}`, fields);
      this.maybeExecuted = false;
    } else {
      const { attempted, maybeExecuted } = fields;
      super(`send ${attempted} to Redis: ${reason}${fate(maybeExecuted)}`, fields);
      this.maybeExecuted = maybeExecuted;
    }
  }
}

/**
 * No reply came within the deadline. With `maybeExecuted` the command was sent and may have run, or may still
 * run; without it, it was never sent.
 */
export class DeadlineError extends SluiceError {
  static {
    brand(DeadlineError, "DeadlineError");
  }

  readonly code = "DEADLINE";
  readonly retryable = true;
  readonly maybeExecuted: boolean;
  readonly deadlineMs: number;
  /** Why the connection was not ready, where that is known. */
  declare readonly reason?: string;

  constructor(fields: {
    /** What was being sent: a script's or a command's name. */
    readonly attempted: string;
    readonly deadlineMs: number;
    readonly maybeExecuted: boolean;
    /** Why the connection was not ready, where that is known. */
    readonly reason?: string | undefined;
    readonly cause?: unknown;
  }) {
    const { attempted, deadlineMs, maybeExecuted, reason } = fields;
    const text = maybeExecuted ? "no reply" : "the connection was not ready";
    const why = reason === undefined ? "" : ` (${oneLine(withoutCredentials(reason), MAX_REPLY_CHARS)})`;
    super(`send ${attempted} to Redis: ${text} within ${deadlineMs} ms${why}${fate(maybeExecuted)}`, fields);
    this.maybeExecuted = maybeExecuted;
    this.deadlineMs = deadlineMs;
    if (reason !== undefined) this.reason = reason;
  }
}

/**
 * More is being published than gets to Redis: so many events wait to be sent already that this one would wait for
 * nothing (`waitedMs` is absent), or did (`waitedMs` is the deadline). Nothing was sent. Await the receipts of some
 * events before publishing more.
 */
export class PublishBackpressureError extends SluiceError {
  static {
    brand(PublishBackpressureError, "PublishBackpressureError");
  }

  readonly code = "PUBLISH_BACKPRESSURE";
  readonly retryable = true;
  readonly maybeExecuted = false;
  /** Events that wait to be sent, of all streams of the bus. */
  readonly waiting: number;
  declare readonly waitedMs?: number;

  constructor(fields: { readonly stream: string; readonly waiting: number; readonly waitedMs?: number }) {
    const { stream, waiting, waitedMs } = fields;
    const what =
      waitedMs === undefined
        ? `${count(waiting, "event")} of this bus wait to be sent already`
        : `it waited for ${waitedMs} ms behind others, and ${count(waiting, "event")} of this bus wait to be sent`;
    super(
      `publish to stream ${quote(stream)}: ${what}; it did not run, await receipts before publishing more`,
    );
    this.waiting = waiting;
    if (waitedMs !== undefined) this.waitedMs = waitedMs;
  }
}

/**
 * The server has reached `maxmemory` and may evict nothing (`OOM`), so it takes no writes that grow.
 * Consumers can still settle what is there; publishing works again once memory is free.
 */
export class OutOfMemoryError extends SluiceError {
  static {
    brand(OutOfMemoryError, "OutOfMemoryError");
  }

  readonly code = "OUT_OF_MEMORY";
  readonly retryable = true;

  constructor(fields: { readonly attempted: string; readonly cause?: unknown }) {
    super(`run ${fields.attempted}: the Redis server is at maxmemory and takes no writes`, fields);
  }
}

/**
 * First words of replies that say the same again: the call, the key or the set-up is not what it has to be. Servers and
 * proxies have more words than anybody knows, so what is not listed is taken for a state that goes away by itself.
 */
const LASTING_PREFIXES: ReadonlySet<string> = new Set([
  "WRONGTYPE",
  "NOGROUP",
  "BUSYGROUP",
  "BUSYKEY",
  "NOSCRIPT",
  "NOPROTO",
  "NOPERM",
  "NOAUTH",
  "WRONGPASS",
  "DENIED",
  "CROSSSLOT",
  "MOVED",
  "ASK",
  "EXECABORT",
  "SLUICE_BADARG",
]);

/** `ERR` is any error of the call, but for the limits and pauses of servers and services that have no word of their own. */
const PASSING_ERR =
  /max number of clients|limit exceeded|too many|try again|retry|timed? ?out|temporar|unavailable|overload|loading|failover|maintenance/i;

function goesAway(reply: string, prefix: string): boolean {
  if (prefix === "ERR") return PASSING_ERR.test(reply);
  return !LASTING_PREFIXES.has(prefix);
}

/**
 * The server answered with an error that has no class of its own. `prefix` is the first word of its reply.
 * Whether it is `retryable` follows from it: not where it says that the call, the key or the set-up is wrong (`ERR`,
 * `WRONGTYPE`, `NOGROUP`, `CROSSSLOT` and the like), but for anything else, such as `READONLY`, `LOADING`, `BUSY`,
 * `MISCONF`, `CLUSTERDOWN`, `NOREPLICAS`, words that this version does not know, and `ERR max number of clients`.
 */
export class ServerError extends SluiceError {
  static {
    brand(ServerError, "ServerError");
  }

  readonly code = "SERVER";
  readonly retryable: boolean;
  /** First word of the reply in upper case, e.g. `"READONLY"`; empty if it does not begin with one. */
  readonly prefix: string;
  /** The server refused, so nothing ran. */
  readonly maybeExecuted = false;
  /** The whole reply; not enumerable. */
  declare readonly reply: string;

  constructor(fields: {
    /** What was being run: a script's or a command's name. */
    readonly attempted: string;
    /** The server's error reply, e.g. `"READONLY You can't write against a read only replica."`. */
    readonly reply: string;
    readonly cause?: unknown;
  }) {
    const { attempted, reply } = fields;
    super(`run ${attempted}: the Redis server answered ${oneLine(reply, MAX_REPLY_CHARS)}`, fields);
    this.prefix = prefixOf(reply);
    this.retryable = goesAway(reply, this.prefix);
    hide(this, "reply", reply);
  }
}

/**
 * First word of an error reply, without the minus sign of the wire; empty if it is not one in upper case.
 */
export function prefixOf(reply: string): string {
  return /^-?([A-Z][A-Z0-9_]{0,63})(?=\s|$)/.exec(reply)?.[1] ?? "";
}

/**
 * The Redis user may not run a command or touch a key that Sluice needs, or could not log in. The message
 * names the command or key if the server did, and the ACL rule that would allow it.
 */
export class PermissionError extends SluiceError {
  static {
    brand(PermissionError, "PermissionError");
  }

  readonly code = "PERMISSION";
  readonly retryable = false;
  /** The command that the server named, in lower case, e.g. `"xadd"` or `"script|load"`. */
  declare readonly command?: string;
  /** The key that the server named; one that this client asked for. */
  declare readonly key?: string;
  /** The whole reply; not enumerable. */
  declare readonly reply: string;

  constructor(fields: {
    /** What was being run: a script's or a command's name. */
    readonly attempted: string;
    /** The server's error reply. */
    readonly reply: string;
    /** Where to, if it was while connecting. */
    readonly target?: string | undefined;
    readonly cause?: unknown;
  }) {
    const { attempted, reply, target } = fields;
    const denial = denialOf(reply);
    const what =
      target === undefined ? `run ${attempted}` : `log in to Redis at ${oneLine(target, MAX_TARGET_CHARS)}`;
    super(`${what}: ${denial.text}`, fields);
    hide(this, "reply", reply);
    if (denial.command !== undefined) this.command = denial.command;
    if (denial.key !== undefined) this.key = denial.key;
  }
}

/**
 * The runtime does not permit what it takes to reach Redis: Deno, started without a permission. Thrown by
 * `connect` before anything is connected. `flags` are those to start it with as well, e.g.
 * `--allow-net=127.0.0.1:6379`.
 */
export class RuntimePermissionError extends SluiceError {
  static {
    brand(RuntimePermissionError, "RuntimePermissionError");
  }

  readonly code = "RUNTIME_PERMISSION";
  readonly retryable = false;
  readonly flags: readonly string[];

  constructor(fields: {
    /** What is not permitted, e.g. `connect to Redis at 127.0.0.1:6379`. */
    readonly attempted: string;
    readonly flags: readonly string[];
    readonly cause?: unknown;
  }) {
    const { attempted, flags } = fields;
    const run = flags.map((flag) => oneLine(flag, MAX_FLAG_CHARS)).join(" ");
    super(`${oneLine(attempted, MAX_FLAG_CHARS)}: the runtime does not permit it, run with ${run}`, fields);
    this.flags = flags;
  }
}

const PERMISSION_PREFIXES: ReadonlySet<string> = new Set(["NOPERM", "NOAUTH", "WRONGPASS"]);

/**
 * Whether an error reply says that the Redis user may not do something. Inside a script the servers up to 7.0
 * answer with "ERR The user executing the script can't …", later ones with "ERR ACL failure in script: …".
 */
export function isPermissionReply(reply: string): boolean {
  if (PERMISSION_PREFIXES.has(prefixOf(reply))) return true;
  return /^-?ERR (ACL failure in script|The user executing the script can't)/.test(reply);
}

/**
 * What the server denied, read from its wording (Redis 6.2 to 8, Valkey), and the rule that would allow it.
 */
function denialOf(reply: string): { text: string; command?: string; key?: string } {
  const answered = `the Redis server answered ${oneLine(reply, MAX_REPLY_CHARS)}`;
  const prefix = prefixOf(reply);
  if (prefix === "NOAUTH" || prefix === "WRONGPASS") {
    return { text: `${answered}; check the user name and the password` };
  }
  const command = /permissions? to run the '([^']{1,64})' command/.exec(reply)?.[1]?.toLowerCase();
  if (command !== undefined) {
    return {
      text: `the Redis user may not run ${command}; ACL rule +${command} allows it (${answered})`,
      command,
    };
  }
  const key = /permissions? to access the '(.{1,1024})' key/.exec(reply)?.[1];
  if (key !== undefined) {
    const shown = oneLine(key, MAX_REPLY_CHARS);
    return {
      text: `the Redis user may not access key ${shown}; ACL rule ~pattern allows it (${answered})`,
      key,
    };
  }
  if (/\b(a key|one of the keys|the keys)\b/.test(reply)) {
    return {
      text: `the Redis user may not access a key of this stream; ACL rule ~pattern allows it (${answered})`,
    };
  }
  return { text: answered };
}

function fate(maybeExecuted: boolean): string {
  return maybeExecuted ? "; it may have run" : "; it did not run";
}
