/** Entries as Redis delivers them. */
import { MAX_STORED_KEY_BYTES } from "@sluice/lua-scripts";
import { fitsBytes } from "../envelope.js";

/** An entry of the stream. */
export interface Entry {
  readonly id: string;
  /** The key as it is stored; empty for an entry that is not in our layout, which is known by its ID alone. */
  readonly key: string;
  /** Fields and values, flat and in order. */
  readonly fields: readonly string[];
}

/**
 * Control characters, what stands for bytes that are not UTF-8, and `#` at the beginning, by which scripts know entries
 * without a key. They read keys by the same rule.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that are looked for
const NOT_IN_A_KEY = /^#|[\u0000-\u001f\u007f\ufffd]/;

function keyOf(fields: readonly string[]): string {
  const ours =
    fields[0] === "key" &&
    fields[2] === "event" &&
    (fields.length === 4 || (fields.length === 6 && fields[4] === "group"));
  const key = ours ? (fields[1] ?? "") : "";
  return fitsBytes(key, MAX_STORED_KEY_BYTES) && !NOT_IN_A_KEY.test(key) ? key : "";
}

export function entryFrom(id: string, fields: readonly string[]): Entry {
  return { id, key: keyOf(fields), fields };
}

/** The entries in a reply of XREADGROUP for one stream; none in null, its answer when there is nothing to read. */
export function entriesIn(reply: unknown): Entry[] {
  if (!Array.isArray(reply)) return [];
  // [[stream, [[id, [field, value, …]], …]]]: the reply's documented shape in RESP2, which every connection gives.
  const [[, delivered]] = reply as [[string, [string, string[]][]]];
  return delivered.map((entry) => entryFrom(entry[0], entry[1]));
}

/** About how many bytes the fields of entries take. */
export function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { fields } of entries) {
    // The values of our layout, which most entries have; iterating over all of them takes ten times as long.
    if (fields.length === 4) bytes += (fields[1]?.length ?? 0) + (fields[3]?.length ?? 0);
    else for (const value of fields) bytes += value.length;
  }
  return bytes;
}
