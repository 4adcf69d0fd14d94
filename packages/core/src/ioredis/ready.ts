/** Waiting for a connection to be up, and what to tell when it does not come up. */

import type { Connection } from "../connection.js";
import { ConnectionError, DeadlineError, PermissionError } from "../errors.js";
import { describeTarget, isCluster } from "./options.js";
import type { IoredisClient, IoredisCluster } from "./types.js";

/**
 * Resolves once a connection is up, and its user and database are accepted.
 *
 * @throws {ConnectionError} naming where it goes to, when it is not up within `deadlineMs`.
 * @throws {PermissionError} at once, when the login is refused.
 * @throws {SluiceError} for whatever else the server answers.
 */
export async function whenReady(
  connection: Connection,
  source: IoredisClient | IoredisCluster,
  deadlineMs: number,
): Promise<void> {
  const [reply] = await connection.send([{ kind: "command", name: "PING", args: [] }], { deadlineMs });
  if (!(reply instanceof Error)) return;
  // The connection is up if the server can say that this user may not PING.
  if (reply instanceof PermissionError && reply.command === "ping") return;
  if (reply instanceof PermissionError) {
    throw new PermissionError({ attempted: "PING", reply: reply.reply, target: describeSource(source) });
  }
  if (!(reply instanceof DeadlineError)) throw reply;
  const { reason = "it does not answer", cause } = reply;
  throw new ConnectionError({ target: describeSource(source), withinMs: deadlineMs, reason, cause });
}

/** Where an instance connects to, for people; never with credentials. */
function describeSource(source: IoredisClient | IoredisCluster): string {
  if (!isCluster(source)) return describeTarget(source.options);
  // Not in ioredis's types, which declare it private, but there since its first version.
  const nodes: unknown = Reflect.get(source, "startupNodes");
  return `the Cluster at ${Array.isArray(nodes) ? nodes.map(describeNode).join(", ") : "its nodes"}`;
}

function describeNode(node: unknown): string {
  if (typeof node === "number") return `127.0.0.1:${node}`;
  if (typeof node === "string") return URL.canParse(node) ? new URL(node).host : "its node";
  // A node in the form of options; what is missing in it has a default.
  return describeTarget({ host: "127.0.0.1", ...(node as object) });
}
