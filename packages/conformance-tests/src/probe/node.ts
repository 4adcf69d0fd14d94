/** What one server says of itself. Nothing is judged here. */

import type { Redis } from "ioredis";

/** The settings that `probe/settings.ts` looks at. */
const SETTINGS = [
  "save",
  "appendonly",
  "appendfsync",
  "maxmemory",
  "maxmemory-policy",
  "lazyfree-lazy-expire",
  // One setting: its name since 7.0, and the one before.
  "busy-reply-threshold",
  "lua-time-limit",
] as const;

export interface NodeAnswers {
  /** The fields of INFO; empty if the user may not ask. */
  readonly info: ReadonlyMap<string, string>;
  /** Of CONFIG GET; those that the server does not have, or does not tell, are missing. */
  readonly settings: ReadonlyMap<string, string>;
  /** The protocol of the connection that asked, as HELLO tells it; absent where there is no HELLO. */
  readonly protocol?: number;
  /** The commands that this user may not use, or the service hides: `INFO`, `CONFIG GET`. */
  readonly refused: readonly string[];
}

/** Asks with INFO, CONFIG GET and HELLO, which change nothing. */
export async function askNode(node: Redis): Promise<NodeAnswers> {
  const [info, hello, ...configs] = await Promise.all([
    answer(node, "INFO"),
    answer(node, "HELLO"),
    // One at a time: before 7.0 the command takes a single name.
    ...SETTINGS.map((name) => answer(node, "CONFIG", "GET", name)),
  ]);
  const settings = new Map<string, string>();
  for (const reply of configs) for (const [name, value] of pairsOf(reply)) settings.set(name, value);
  const protocol = Number(pairsOf(hello).get("proto"));
  return {
    info: fieldsOf(info),
    settings,
    ...(Number.isInteger(protocol) ? { protocol } : {}),
    refused: [
      ...(info === undefined ? ["INFO"] : []),
      ...(configs.every((reply) => reply === undefined) ? ["CONFIG GET"] : []),
    ],
  };
}

/** The reply; undefined where the server refused the command. */
export async function answer(node: Redis, command: string, ...args: readonly string[]): Promise<unknown> {
  try {
    return await node.call(command, ...args);
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError") return undefined;
    throw error;
  }
}

/** `127.0.0.1:6379`, or the path of a socket. Behind Sentinels it is the master's. */
export function addressOf(node: Redis): string {
  const { path, host, port, sentinels } = node.options;
  if (path) return path;
  const { remoteAddress, remotePort } = sentinels ? Object(node.stream) : {};
  const [at, number] = [String(remoteAddress ?? host), Number(remotePort ?? port)];
  return `${at.includes(":") ? `[${at}]` : at}:${number}`;
}

function fieldsOf(info: unknown): ReadonlyMap<string, string> {
  const lines = typeof info === "string" ? info.split(/\r?\n/) : [];
  return new Map(
    lines.flatMap((line) => {
      const [name, ...rest] = line.split(":");
      return name === undefined || rest.length === 0 ? [] : [[name, rest.join(":")] as const];
    }),
  );
}

/** Of a flat list of names and values (RESP2), or of an object or a Map with them (RESP3). */
function pairsOf(reply: unknown): ReadonlyMap<string, string> {
  if (reply instanceof Map) return new Map([...reply].map(([name, value]) => [String(name), String(value)]));
  if (!Array.isArray(reply)) return new Map(Object.entries(Object(reply)).map(([k, v]) => [k, String(v)]));
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < reply.length; at += 2) pairs.set(String(reply[at]), String(reply[at + 1]));
  return pairs;
}
