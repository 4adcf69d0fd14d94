/** What the tests of bells share: bells that ring, and what they have told. */

import { expect } from "vitest";
import type { Bells, Slots } from "../src/bells.js";
import type { Connection, Request } from "../src/connection.js";
import { slotOfKey } from "../src/ioredis/slots.js";
import { cmd } from "./ioredis-requests.js";
import { DEADLINE_MS } from "./ioredis-support.js";

const options = { deadlineMs: DEADLINE_MS };

/** A command whose reads are tracked. */
export function tracked(name: string, ...args: (string | number)[]): Request {
  return { kind: "command", name, args, tracked: true };
}

/** A listener that notes what it is told. */
export class Heard {
  /** Keys that rang, in their order. */
  rings: string[] = [];
  /** What was deaf, in its order. */
  readonly deaf: Slots[] = [];

  readonly listener = {
    ring: (key: string) => void this.rings.push(key),
    deaf: (slots: Slots) => void this.deaf.push(slots),
  };

  /** What rang since the last call, once all of it is here: rings of a node come in order, so one more is the last. */
  async since(connection: Connection, last: string): Promise<string[]> {
    await connection.send([tracked("EXISTS", last)], options);
    await connection.send([cmd("SET", last, "1"), cmd("DEL", last)], options);
    await expect.poll(() => this.rings, { timeout: DEADLINE_MS }).toContain(last);
    const rings = this.rings.filter((key) => key !== last);
    this.rings = [];
    return rings;
  }
}

/** Opens the bells of a connection, and waits until all of them ring. */
export async function ringing(
  connection: Connection,
): Promise<{ readonly bells: Bells; readonly heard: Heard }> {
  const heard = new Heard();
  const bells = connection.bells(heard.listener);
  expect(await bells.settled(DEADLINE_MS)).toBeUndefined();
  return { bells, heard };
}

/** Keeps up with keys as a worker does: looks at what rings, and once more at what rings during a look. */
export class Watcher {
  readonly #connection: Connection;
  readonly #keys: readonly string[];
  readonly #values = new Map<string, number>();
  readonly #due = new Set<string>();
  #isLooking = false;

  constructor(connection: Connection, keys: readonly string[]) {
    this.#connection = connection;
    this.#keys = keys;
  }

  values(): number[] {
    return this.#keys.map((key) => this.#values.get(key) ?? 0);
  }

  ring(key: string): void {
    this.#due.add(key);
    void this.#look();
  }

  /** Of slots that are polled, too. */
  deaf(slots: Slots): void {
    for (const key of this.#keys) if (includes(slots, slotOfKey(key))) this.#due.add(key);
    void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#due.size > 0) {
      const keys = [...this.#due];
      this.#due.clear();
      const replies = await this.#connection.send(
        keys.map((key) => tracked("GET", key)),
        options,
      );
      for (const [index, key] of keys.entries()) {
        const reply = replies[index];
        // What was lost on the way is looked at when bells ring again.
        if (!(reply instanceof Error)) this.#values.set(key, Number(reply));
      }
    }
    this.#isLooking = false;
  }
}

export function includes(slots: Slots, slot: number): boolean {
  return slots === "all" || slots.has(slot);
}

export function same(some: readonly number[], others: readonly number[]): boolean {
  return some.every((value, index) => value === others[index]);
}
