/**
 * What a script is to a client: its source, the hash it is addressed by, and what its keys and arguments are.
 *
 * Values of `Script` are generated (`src/generated`); each script's codec builds calls and reads replies.
 */

/** The role a Redis key has for a script. The key's full name follows from stream, group and tenant (`keys.ts`). */
export type KeyName = GroupKeyName | RegistryKeyName | PeerKeyName;

/** Keys of a stream, and of one of its groups: of one tenant, where there are tenants. */
export type GroupKeyName =
  | "stream"
  | "meta"
  | "published.0"
  | "published.1"
  | "leases"
  | "processed.0"
  | "processed.1"
  | "processed.2"
  | "processed.3"
  | "processed.4"
  | "retries"
  | "dead"
  | "state";

/** The key of all tenants of a stream. */
export type RegistryKeyName = "tenants";

/** Keys of the workers that serve one group of all tenants of a stream. */
export type PeerKeyName = "workers" | "help" | "born";

export interface Script {
  /** The name of its file, e.g. `settle`. */
  readonly name: string;
  /** 40 lower-case hex digits: the SHA-1 of `source` in UTF-8, as SCRIPT LOAD answers it. */
  readonly sha1: string;
  /** Self-contained Lua 5.1 without a shebang line. */
  readonly source: string;
  /** The fixed keys, in the order of KEYS. */
  readonly keys: readonly KeyName[];
  /** Keys that follow the fixed ones, in this order once per group asked about; mostly none. */
  readonly groupKeys: readonly GroupKeyName[];
}

/** One argument; a number is sent in decimal, bytes are sent as they are. */
export type Arg = string | number | Uint8Array;

/** One call of a script, ready to be sent: as EVALSHA, or as EVAL to a server that does not know it yet. */
export interface ScriptCall {
  readonly script: Script;
  /** Full key names, as many and in such order as `script.keys` and `script.groupKeys` say. */
  readonly keys: readonly string[];
  readonly args: readonly Arg[];
}
