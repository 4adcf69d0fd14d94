/**
 * From ioredis's errors to ours: what a server refused, by the first word of its reply, and what the socket
 * said.
 */

import {
  isPermissionReply,
  OutOfMemoryError,
  PermissionError,
  prefixOf,
  ServerError,
  type SluiceError,
} from "../errors.js";

/** How servers up to 6.2 wrap the error of a command inside a script; later ones answer the error itself. */
const WRAPPED =
  /^ERR Error running script \(call to f_[0-9a-f]{40}\): @user_script: ?\d+: (?:@user_script: ?\d+: )?-?/;

/**
 * What a connection is turned away with before it can do anything: the login, the choice of the database,
 * protected mode. ioredis 5 puts "Ready check failed: " before it, and Sentinel's errors have it at their
 * end.
 */
const TURNED_AWAY =
  /(?:^|: )((?:NOAUTH|WRONGPASS|NOPERM|DENIED) .*|ERR (?:invalid password|AUTH|DB index|SELECT).*)$/;

/** The server's own text of an error reply, or undefined for any other error. */
export function replyOf(error: unknown): string | undefined {
  return error instanceof Error && error.name === "ReplyError" ? error.message : undefined;
}

/** The server's text in an error that came up while connecting, if it turned the connection away for good. */
export function refusalIn(error: unknown): string | undefined {
  return error instanceof Error ? TURNED_AWAY.exec(error.message)?.[1] : undefined;
}

/**
 * The error that a server's reply stands for.
 *
 * @param attempted - name of the script or command.
 * @param reply - the reply's text, from its prefix on.
 */
export function errorOfReply(attempted: string, reply: string, cause?: unknown): SluiceError {
  const fields = { attempted, reply: unwrapped(reply), cause: withoutCommand(cause) };
  if (isPermissionReply(fields.reply)) return new PermissionError(fields);
  if (prefixOf(fields.reply) === "OOM") return new OutOfMemoryError(fields);
  return new ServerError(fields);
}

/** An error reply without what servers up to 6.2 put around the errors of a script. */
export function unwrapped(reply: string): string {
  return reply.replace(WRAPPED, "");
}

/**
 * The same error without the command that ioredis hangs on it: its arguments are events, the source of a
 * script or, for AUTH, a password, and a logger that writes out causes would show them.
 */
export function withoutCommand(error: unknown): unknown {
  if (typeof error === "object" && error !== null) Reflect.deleteProperty(error, "command");
  return error;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  // What a socket reports when each address of a host name failed: it has no text of its own.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
