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

/**
 * The server's own text of an error reply, or undefined for any other error. Told by the text, which begins with a word
 * in upper case, as nothing does that a socket or ioredis says: minifiers rename the class, and its `name` with it.
 */
export function replyOf(error: unknown): string | undefined {
  const { name, message, syscall } = fieldsOf(error);
  if (typeof message !== "string" || syscall !== undefined) return undefined;
  return name === "ReplyError" || prefixOf(message) !== "" ? message : undefined;
}

/** The server's text in an error that came up while connecting, if it turned the connection away for good. */
export function refusalIn(error: unknown): string | undefined {
  const { message } = fieldsOf(error);
  return typeof message === "string" ? TURNED_AWAY.exec(message)?.[1] : undefined;
}

/** By their fields, as test runners have several classes `Error` in one process. */
function fieldsOf(error: unknown): {
  name?: unknown;
  message?: unknown;
  syscall?: unknown;
  errors?: unknown;
} {
  return typeof error === "object" && error !== null ? error : {};
}

/**
 * The error that a server's reply stands for.
 *
 * @param attempted - name of the script or command.
 * @param reply - the reply's text, from its prefix on.
 */
export function errorOfReply(attempted: string, reply: string, cause?: unknown): SluiceError {
  // The others say all that the cause does.
  const fields = { attempted, reply: unwrapped(reply) };
  if (isPermissionReply(fields.reply)) return new PermissionError(fields);
  if (prefixOf(fields.reply) === "OOM")
    return new OutOfMemoryError({ ...fields, cause: withoutCommand(cause) });
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
  const { message, errors } = fieldsOf(error);
  if (message === "" && Array.isArray(errors)) return errors.map(messageOf).join(", ");
  return typeof message === "string" ? message : String(error);
}
