/** The values of a vector as they are sent and expected: references, bytes, repetitions, numbers that are about right. */
import { groupKeys, type KeyName, peerKeys, registryKeys } from "@sluice/lua-scripts";
import { show } from "../matching.js";
import { at, fill } from "../variables.js";
import type { Words } from "./format.js";

/** The group whose keys a role stands for unless it names another. */
const GROUP = "billing";

/** How far a number may be from the one that `~` says: longer than a machine stalls, shorter than what is told apart. */
const ABOUT = 5_000;

/** What the references of one vector stand for. */
export class VectorValues {
  /** The server's time as the vector began, in milliseconds since 1970. */
  readonly #now: number;
  readonly #stream: string;
  readonly #groups = new Map<string, Readonly<Record<KeyName, string>>>();
  readonly #kept = new Map<string, unknown>();

  constructor(stream: string, now: number) {
    this.#stream = stream;
    this.#now = now;
    this.key("stream");
  }

  /** The name of a key by its role, `leases`, or of another group's, `audit/leases`; undefined if there is none. */
  key(role: string): string | undefined {
    const [, group = GROUP, name = ""] = /^(?:([^/]*)\/)?(.*)$/.exec(role) ?? [];
    const keys = this.#groups.get(group) ?? allKeys(this.#stream, group);
    if (!Object.hasOwn(keys, name)) return undefined;
    this.#groups.set(group, keys);
    return keys[name as KeyName]; // it is one of theirs
  }

  /** Every key of the stream and the groups that were referred to so far. */
  get keys(): readonly string[] {
    return [...new Set([...this.#groups.values()].flatMap((keys) => Object.values(keys)))];
  }

  keep(name: string, value: unknown): void {
    this.#kept.set(name, value);
  }

  /** What is sent: a command's words or a script's arguments, with `i` where it is sent many times. */
  words(words: Words, i?: number): (string | Buffer)[] {
    return this.#list(words, i).map(wordOf);
  }

  /** A matcher for what is expected. */
  expectation(expected: unknown): unknown {
    return this.#filled(expected);
  }

  #list(items: readonly unknown[], i?: number): unknown[] {
    return items.flatMap((item) => {
      if (!isMap(item) || !("times" in item)) return [this.#filled(item, i)];
      const { times, of } = item;
      if (!Array.isArray(of)) throw new TypeError(`repeat ${show(item)}: wanted { times, of: [items] }`);
      return Array.from({ length: Number(times) }, (_, n) => this.#list(of, n + 1)).flat();
    });
  }

  #filled(value: unknown, i?: number): unknown {
    if (Array.isArray(value)) return this.#list(value, i);
    if (typeof value === "string") return this.#filledText(value, i);
    if (!isMap(value)) return value;
    // Bytes that are UTF-8 are text, as in replies.
    if (typeof value.bytes === "string") return textsIn(bytesOf(value.bytes));
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.#filled(item, i)]));
  }

  #filledText(text: string, i?: number): unknown {
    const [, whole, number] = /^~(now(?:[+-]\d+)?|(\d+))$/.exec(text) ?? [];
    const longhand =
      whole === undefined ? text.replace(/^\$([a-z][\w./]*(?:[+-]\d+)?)$/i, "$${$1}") : `\${${whole}}`;
    const filled =
      number === undefined ? fill(longhand, (reference) => this.#lookup(reference, i)) : Number(number);
    return whole === undefined ? filled : { $near: { of: filled, by: ABOUT } };
  }

  #lookup(reference: string, i: number | undefined): unknown {
    if (reference === "now") return this.#now;
    if (reference === "i") return i;
    const [name = "", ...path] = reference.split(".");
    const kept = this.#kept.has(name) ? at(this.#kept.get(name), path) : undefined;
    return kept ?? this.key(reference);
  }
}

/** The keys of a stream and a group, and those that are beside them where there are tenants. */
export function allKeys(stream: string, group: string): Readonly<Record<KeyName, string>> {
  return { ...groupKeys(stream, group), ...registryKeys(stream), ...peerKeys(stream, group) };
}

function wordOf(word: unknown): string | Buffer {
  if (typeof word === "string") return word;
  if (typeof word === "number") return String(word);
  if (isMap(word) && typeof word.bytes === "string") return bytesOf(word.bytes);
  throw new TypeError(`send ${show(word)}: wanted a text, a number, { bytes } or { times, of }`);
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

/** A reply with its strings as text, or, where they are not UTF-8, as `{ bytes }` like in a vector. */
export function textsIn(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(textsIn);
  if (!(reply instanceof Uint8Array)) return reply;
  const bytes = Buffer.from(reply);
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : { bytes: bytes.toString("hex").replace(/..(?=.)/g, "$& ") };
}

/** The same data with text that is a whole number as a number. */
export function numbersIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(numbersIn);
  if (isMap(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, numbersIn(item)]));
  }
  const whole = typeof value === "string" && /^(0|-?[1-9]\d{0,14})$/.test(value);
  return whole ? Number(value) : value;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
