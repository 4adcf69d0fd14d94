/**
 * Which hash slot of a Redis Cluster a request is about.
 */

import type { Request } from "../connection.js";

export const SLOT_COUNT = 16_384;

/** Commands without a key, which any node can answer. Every other command is taken to have one. */
const KEYLESS: ReadonlySet<string> = new Set([
  "ACL",
  "ASKING",
  "CLIENT",
  "CLUSTER",
  "COMMAND",
  "CONFIG",
  "DBSIZE",
  "ECHO",
  "FUNCTION",
  "HELLO",
  "INFO",
  "LATENCY",
  "PING",
  "ROLE",
  "SCRIPT",
  "SLOWLOG",
  "TIME",
]);

/** Commands whose key comes after a subcommand. */
const CONTAINERS: ReadonlySet<string> = new Set(["MEMORY", "OBJECT", "XGROUP", "XINFO"]);

/** The slot of a request's first key, or undefined if it has none. All keys of one request share a slot. */
export function slotOf(request: Request): number | undefined {
  const key = request.kind === "script" ? request.keys[0] : keyOfCommand(request);
  return key === undefined ? undefined : slotOfKey(String(key));
}

/**
 * The slot of a key: CRC16 of the part in the first braces, or of the whole key, modulo 16,384.
 *
 * Source: Redis Cluster specification, "Key distribution model" and "Hash tags".
 */
export function slotOfKey(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  return crc16(new TextEncoder().encode(hashed)) % SLOT_COUNT;
}

function keyOfCommand({ name, args }: Extract<Request, { kind: "command" }>): unknown {
  const command = name.toUpperCase();
  if (KEYLESS.has(command)) return undefined;
  if (CONTAINERS.has(command)) return args[1];
  if (command === "EVAL" || command === "EVALSHA") return Number(args[1]) > 0 ? args[2] : undefined;
  if (command === "XREAD" || command === "XREADGROUP") {
    const streams = args.findIndex((word) => typeof word === "string" && word.toUpperCase() === "STREAMS");
    return streams === -1 ? undefined : args[streams + 1];
  }
  return args[0];
}

/** CRC16-CCITT in the variant XMODEM: polynomial 0x1021, initial value 0, nothing reflected. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    crc &= 0xffff;
  }
  return crc;
}
