/** What the vectors need of a connection, and how a script is called over it. */
import { createHash } from "node:crypto";
import type { Script } from "@sluice/lua-scripts";

export type Word = string | Buffer;

/**
 * A connection of ioredis, to a server or a Cluster, with RESP2: it sends one command and answers its reply with
 * strings as bytes, or rejects with the server's error.
 */
export interface VectorConnection {
  callBuffer(command: string, ...args: Word[]): Promise<unknown>;
}

/** Scripts that run in the place of others: SHA-1 of the original → Lua source. */
export type Replacements = ReadonlyMap<string, string>;

/** Sends EVALSHA; a server, or node of a Cluster, that does not know the script yet learns it by EVAL. */
export async function evaluate(
  connection: VectorConnection,
  script: Script,
  keys: readonly string[],
  args: readonly Word[],
  replacements: Replacements = new Map(),
): Promise<unknown> {
  const source = replacements.get(script.sha1) ?? script.source;
  const sha1 = source === script.source ? script.sha1 : createHash("sha1").update(source).digest("hex");
  const words = [String(keys.length), ...keys, ...args];
  try {
    return await connection.callBuffer("EVALSHA", sha1, ...words);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return await connection.callBuffer("EVAL", source, ...words);
  }
}
