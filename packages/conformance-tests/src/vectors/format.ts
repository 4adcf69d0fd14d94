/**
 * The script vectors: what a client sends to each Lua script, what it gets, and what is in Redis then. One YAML 1.2
 * file per script, `vectors/<script>.yaml`, to be read by people and by the tests of a client in any language.
 *
 *     script: extend                                 the file's name, and the script that every `call` calls
 *     level: core                                    core or recovery; vectors with a user are of level acl
 *     keys: [stream, meta, leases, state]            KEYS in their order, by role (docs/internals/protocol.md has the names)
 *     groupKeys: [retries, dead]                     further KEYS, once per group in ARGV (`info` only)
 *     given:                                         preparations that vectors name
 *       group:
 *         - [XGROUP, CREATE, $stream, billing, 0-0, MKSTREAM]
 *     vectors:
 *       - name: a-holder-keeps-its-entry             unique in the file; the ID is `vectors/extend/a-holder-keeps-…`
 *         title: The holder of the token keeps …     the promise
 *         example: true                              docs/internals/protocol.md shows it; false unless given
 *         given: [group]                             steps that come first
 *         needs: [own-server]                        as in cases; a vector with a user needs `users` by itself
 *         user: ['~*', '+@all', '-xclaim']           rules of an ACL user for this vector; a call `by: user` is theirs
 *         steps: […]
 *
 * Steps, one after the other; all keys are gone before the first and removed after the last:
 *
 *     - [XADD, $stream, 1-0, key, k1, event, '{}']   a command that prepares; it must not fail
 *     - { redis: [XLEN, $stream], reply: 1 }         a command that looks, and what it answers
 *     - call: [billing, c1, p1, k1, $token]          the script's ARGV, sent by EVALSHA
 *       reply: [OK, EXTENDED]                        … and its reply, or `error: text` for an error reply
 *       as: extended                                 keeps the reply: `$extended.1` is its second value
 *       keys: [stream, meta]                         KEYS other than the file's
 *       by: user                                     sent by the vector's user
 *       unchanged: true                              nothing is written: every key's DUMP and expiry stay as they
 *                                                    are. So it is by itself with `error`, and with a reply
 *                                                    that is not OK
 *     - call: [billing, c1, p1, k1, $token]          a call that is accepted, and is not made here. Each of these is
 *       refuses:                                     answered with an error, and nothing is written:
 *         - at: 0                                    … the call with ARGV[at + 1] replaced by each of the values. The
 *           field: group                             error is "SLUICE_BADARG group 'a b': wanted 1 to …", the value cut
 *           values: [a b, '']                        at 80 bytes, with ? for what is not printable ASCII
 *           wanted: wanted 1 to 128 of …
 *         - { call: [billing], error: … }            … other arguments, with the error's text
 *     - call: [billing, c1, p1, k1, $token]
 *       wrongTypes: { leases: hash, state: hash }    each of these keys in turn holds a string instead: the reply is
 *                                                    WRONGTYPE, key, string, type; nothing is written
 *     - { redis: […], times: 1000 }                  a command, or a call, many times; `$i` counts from 1
 *
 * Values, in commands, arguments and expectations:
 *
 *     $stream $meta $leases $processed.0 …           the name of that key, with the group `billing`
 *     $audit/dead                                    … of another group of the same stream
 *     $now $now+20000 $now-20000                     the server's time as the vector begins, in milliseconds
 *     $i, $extended.2, $extended.2+25                a counter; a value that was kept
 *     '1-0|c1|1|n.${now}'                            the same in longer text
 *     ${repeat:x*257}                                x, 257 times
 *     { bytes: ff 00 }                               bytes, in hexadecimal, where they are not UTF-8
 *     [billing, [k1, '{}'], [k2, '{}']]              what is sent, and what a script replies, may be grouped in lists:
 *                                                    both are flat
 *     { times: 3, of: ['k${i}'] }                    in a list: these items three times, `${i}` counting from 1
 *
 * Expectations are values, or matchers as in cases (`src/matching.ts`): `{ $any: true }`, `{ $matches: '^\d+-\d+$' }`,
 * `{ $min: 1, $max: 9 }`, `{ $at: { 0: OK } }` for some items of a list, `{ $length: 3 }`, `{ $unordered: [a, b] }`,
 * `{ $every: … }`, `{ $oneOf: […] }`, `{ $pairs: { $exactly: { k: v } } }` for the fields and values of a hash.
 * `~20000` and `~now+20000` are numbers within 5,000 of that: idle times, due times, clocks.
 *
 * Numbers are sent in decimal. A script's reply tells integers from text; in what commands answer, text that is a whole
 * number counts as one. Replies are as in RESP2.
 */
import type { KeyName } from "@sluice/lua-scripts";
import type { Level, Need } from "../case.js";

/** A command or the arguments of a call, before values are filled in. */
export type Words = readonly unknown[];

export interface RedisStep {
  readonly kind: "redis";
  readonly command: Words;
  /** How often it is sent; 1 unless given. */
  readonly times: number;
  /** What it answers; undefined for anything but an error. */
  readonly reply?: unknown;
  readonly as?: string;
}

export interface CallStep {
  readonly kind: "call";
  readonly args: Words;
  /** How often it is made, one after the other; 1 unless given. */
  readonly times: number;
  /** Roles of KEYS, where they are not the script's. */
  readonly keys?: readonly string[];
  readonly outcome: { readonly reply: unknown } | { readonly error: unknown };
  readonly as?: string;
  readonly byUser: boolean;
  readonly unchanged: boolean;
}

/** Calls that are answered with an error. */
export interface RefusesStep {
  readonly kind: "refuses";
  readonly calls: readonly {
    readonly args: Words;
    readonly error: BadArgument | { readonly text: string };
  }[];
}

/** How a script refuses an argument. */
export interface BadArgument {
  /** Its position in ARGV, from 0. */
  readonly at: number;
  readonly field: string;
  readonly wanted: string;
}

/** A call that is made once for each key, while that key holds a string. */
export interface WrongTypesStep {
  readonly kind: "wrongTypes";
  readonly args: Words;
  /** The type that the script wants, by role. */
  readonly types: ReadonlyMap<string, string>;
}

export type VectorStep = RedisStep | CallStep | RefusesStep | WrongTypesStep;

export interface Vector {
  /** `vectors/settle/success-marks-the-key`. */
  readonly id: string;
  /** The promise, as a sentence without a period. */
  readonly title: string;
  readonly level: Level;
  /** What not every deployment has; `users` if it has a user. */
  readonly needs: readonly Need[];
  /** The name of the script that it is about. */
  readonly script: string;
  readonly example: boolean;
  /** Rules of the vector's user, as ACL SETUSER takes them. */
  readonly user?: readonly string[];
  /** The preparations of its file that come first. */
  readonly given: readonly string[];
  /** Those of its preparations, then its own. */
  readonly steps: readonly VectorStep[];
}

/** The contents of one file. */
export interface VectorFile {
  readonly script: string;
  readonly level: Level;
  readonly keys: readonly KeyName[];
  readonly groupKeys: readonly KeyName[];
  readonly given: ReadonlyMap<string, readonly VectorStep[]>;
  readonly vectors: readonly Vector[];
}
