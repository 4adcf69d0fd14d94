/** The keys that a header may name, and the type each has in Redis. */
import type { KeyName } from "../src/script.js";

export type RedisType = "STREAM" | "HASH" | "SET" | "ZSET";

/** A missing or additional name is a type error here, so the list cannot drift from `KeyName`. */
export const KEY_TYPES: Readonly<Record<KeyName, RedisType>> = {
  stream: "STREAM",
  meta: "HASH",
  "published.0": "HASH",
  "published.1": "HASH",
  leases: "HASH",
  "processed.0": "SET",
  "processed.1": "SET",
  "processed.2": "SET",
  "processed.3": "SET",
  "processed.4": "SET",
  retries: "ZSET",
  dead: "STREAM",
  state: "HASH",
  tenants: "ZSET",
  workers: "ZSET",
  help: "ZSET",
  born: "HASH",
};

/** Names and series as a header may write them, for error messages. */
export const KEY_NAMES_IN_WORDS =
  "stream meta published.0..1 leases processed.0..4 retries dead state tenants workers help born";

export function isKeyName(name: string): name is KeyName {
  return Object.hasOwn(KEY_TYPES, name);
}

/** `processed.0..4` gives five names in order; a single name itself; a series that runs backwards, none. */
export function expandSeries(text: string): string[] {
  const series = /^([a-z]+)\.(\d)\.\.(\d)$/.exec(text);
  if (series === null) return [text];
  const [, base = "", first = "", last = ""] = series;
  return Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, step) => `${base}.${Number(first) + step}`,
  );
}
