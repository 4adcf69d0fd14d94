/**
 * Runs one history: opens a group, publishes, takes the planned steps, and then lets time pass and handles everything
 * that is left. After every step the answer is judged and the group's whole state is checked.
 */
import { begunField, begunValue, groupKeys } from "@sluice/lua-scripts";
import { act } from "./acts.js";
import { type Call, lease, read, recover, settle } from "./calls.js";
import { checkEffects, checkPromises } from "./check.js";
import type { Consumer } from "./consumer.js";
import { Ledger } from "./ledger.js";
import type { Link } from "./link.js";
import type { Move } from "./move.js";
import { type Observation, observeCall, readObservation, SUSPECTS_FROM, settled } from "./observation.js";
import type { Plan, Step } from "./plan.js";
import { Random } from "./random.js";
import { Expected } from "./scene.js";
import { successOf } from "./settlements.js";
import { demand } from "./violation.js";
import * as world from "./world.js";

const GROUP = "g";
const LEASE_MS = 60_000;
const TTL_MS = 604_800_000;

/** At most this many rounds of letting time pass and handling everything until nothing is left. */
const LAST_ROUNDS = 40;

/** At most this many processes that have not noticed yet that they were superseded. */
const MOST_PROCESSES = 4;

export interface Options {
  /** The stream's name; its keys are removed at the end. */
  readonly stream: string;
  /** False: hold the scripts to the promises only, without comparing what Redis holds with what was answered. */
  readonly effects: boolean;
  /** Counts how often each answer was given. */
  readonly count: (answer: string) => void;
}

export class History {
  /** What happened, for people. */
  readonly told: string[] = [];
  readonly #link: Link;
  readonly #plan: Plan;
  readonly #options: Options;
  readonly #world: world.World;

  constructor(link: Link, plan: Plan, options: Options) {
    this.#link = link;
    this.#plan = plan;
    this.#options = options;
    const random = new Random(plan.seed);
    this.#world = {
      keys: groupKeys(options.stream, GROUP),
      group: GROUP,
      settings: { idempotencyTtlMs: TTL_MS, leaseMs: LEASE_MS, maxAttempts: random.pick([1, 2, 3, 3]) },
      windowMs: random.pick([0, 3_600_000]),
      ledger: new Ledger(),
      before: NOTHING,
      processes: [],
      superseded: new Set(),
      started: 0,
    };
  }

  /** Throws Violation if a promise is broken. */
  async run(): Promise<void> {
    const random = new Random(this.#plan.seed ^ 1);
    try {
      await this.#begin(random);
      for (const step of this.#plan.steps) await this.#take(step);
      await this.#end(random);
    } finally {
      await this.#link.send([["UNLINK", ...Object.values(this.#world.keys)]]);
    }
  }

  async #begin(random: Random): Promise<void> {
    await this.#perform(world.start(this.#world, "A"));
    await this.#perform(world.publish(this.#world, 2 + random.below(3), random));
    if (random.chance(0.6)) await this.#perform(world.start(this.#world, "B"));
  }

  async #take({ kind, seed }: Step): Promise<void> {
    const random = new Random(seed);
    const move = this.#moveOf(kind, random);
    if (move) await this.#perform(move);
    // IDs of a stream that begins again must not meet those of the lost one.
    if (kind === "lose the stream") await new Promise((resolve) => setTimeout(resolve, 3));
    this.#stopSuperseded(random);
  }

  #moveOf(kind: Step["kind"], random: Random): Move | undefined {
    const w = this.#world;
    switch (kind) {
      case "act": {
        const process = w.processes.length > 0 ? random.pick(w.processes) : undefined;
        return process ? act(w, process, random) : world.start(w, random.pick(["A", "B"]));
      }
      case "crash":
        return this.#crash(random);
      case "start":
        return w.processes.length < MOST_PROCESSES ? world.start(w, random.pick(["A", "B"])) : undefined;
      case "publish":
        return world.publish(w, 1 + random.below(2), random);
      case "pass the lease": {
        const pending = [...world.pendingByConsumer(w)];
        if (pending.length === 0) return undefined;
        const [name, ids] = random.pick(pending);
        return world.passLease(w, name, random.some(ids));
      }
      case "fall due": {
        const waiting = this.#dueSomeTime();
        return waiting.length > 0 ? world.fallDue(w, random.some(waiting)) : undefined;
      }
      case "delete settled entries":
        return this.#deleteSettled(random);
      case "delete an entry": {
        const left = [...w.ledger.entries.values()].filter(({ inStream }) => inStream);
        return left.length > 0 ? world.deleteEntries(w, [random.pick(left).id]) : undefined;
      }
      case "destroy the group":
        return w.before.groupExists ? world.destroyGroup(w) : undefined;
      case "pass a third of the TTL":
        return world.passThirdOfTtl(w);
      case "clock goes back":
        return world.clockGoesBack(w);
      case "lose the due times":
        return world.loseDueTimes(w);
      case "lose the stream":
        return world.loseStream(w);
    }
  }

  /** The process forgets everything; nothing is sent. */
  #crash(random: Random): undefined {
    const { processes } = this.#world;
    if (processes.length === 0) return;
    const victim = random.pick(processes);
    this.#remove(victim);
    this.told.push(`${victim.incarnation} crashes`);
  }

  #deleteSettled(random: Random): Move | undefined {
    const { ledger, before } = this.#world;
    const over = [...ledger.entries.values()].filter(
      ({ id, ending, inStream }) => inStream && ending !== undefined && !before.pending.has(id),
    );
    if (over.length === 0) return undefined;
    const ids = random.some(over).map(({ id }) => id);
    return world.deleteEntries(this.#world, ids);
  }

  /** A process that was told so stops soon; its handlers may still try to settle. */
  #stopSuperseded(random: Random): void {
    for (const process of this.#world.superseded) {
      if (random.chance(0.5)) this.#remove(process);
    }
  }

  #remove(process: Consumer): void {
    this.#world.superseded.delete(process);
    this.#world.processes = this.#world.processes.filter((other) => other !== process);
  }

  /** One process is left. Time passes, it recovers, reads and handles, until nothing is left: then nothing may be. */
  async #end(random: Random): Promise<void> {
    const w = this.#world;
    w.processes = [];
    this.told.push("in the end");
    await this.#perform(world.start(w, random.pick(["A", "B"])));
    const [process] = w.processes;
    if (!process) throw new Error("start adds a process");
    for (let round = 0; round < LAST_ROUNDS && !this.#isQuiet(); round += 1) await this.#round(process);
    this.#checkEnd();
  }

  async #round(process: Consumer): Promise<void> {
    const w = this.#world;
    for (const [name, ids] of world.pendingByConsumer(w)) await this.#perform(world.passLease(w, name, ids));
    if (this.#dueSomeTime().length > 0) await this.#perform(world.fallDue(w, this.#dueSomeTime()));
    if (w.before.pending.size > 0 || w.before.leases.size > 0 || w.before.waiting.size > 0) {
      const input = { max: 100, maxBytes: 1_000_000, ownAfter: "0-0", inHand: [] } as const;
      await this.#call(recover(w, process, { ...input, nonce: process.nonce(), scope: "ALL" }));
      await this.#call(recover(w, process, { ...input, nonce: process.nonce(), scope: "SUSPECT" }));
    }
    if (w.ledger.hasNew) await this.#call(read(w, process, 100));
    if (process.delivered.length > 0) await this.#call(lease(w, process, process.delivered, false));
    if (process.held.length > 0) await this.#call(settle(w, process, process.held.map(successOf), false));
  }

  /** What waits until it is due. */
  #dueSomeTime(): string[] {
    return [...this.#world.before.waiting].filter(([, dueAt]) => dueAt < SUSPECTS_FROM).map(([id]) => id);
  }

  /** What processes write before anything else: what they have begun. */
  #records(): HashRequest[] {
    const { processes, keys, ledger } = this.#world;
    const requests: HashRequest[] = [];
    for (const process of processes) {
      const { unrecorded } = process;
      if (unrecorded === undefined) continue;
      process.unrecorded = undefined;
      ledger.begun.set(`${process.consumer}/${process.incarnation}`, unrecorded);
      requests.push(["HSET", keys.state, begunField(process), begunValue(unrecorded)]);
    }
    return requests;
  }

  #isQuiet(): boolean {
    const { before, ledger } = this.#world;
    return (
      before.pending.size === 0 && before.waiting.size === 0 && before.leases.size === 0 && !ledger.hasNew
    );
  }

  #checkEnd(): void {
    const { before, ledger } = this.#world;
    const left = (what: string, names: Iterable<string>) => {
      const list = [...names];
      demand(list.length === 0, "nothing is stuck", () => `${what} at the end: ${list.join(" ")}`);
    };
    left("pending", before.pending.keys());
    left("tokens", before.leases.values());
    left("waiting", before.waiting.keys());
    for (const { id, ending, inStream } of ledger.entries.values()) {
      const over = ending !== undefined || !inStream;
      demand(over, "nothing is stuck", () => `${id} was never handled`);
    }
  }

  async #call(call: Call): Promise<void> {
    await this.#perform(call);
    call.heard?.();
  }

  async #perform(move: Move): Promise<void> {
    const w = this.#world;
    const { ledger, settings, windowMs, before } = w;
    const observe = observeCall(w.keys, w.group, ledger.lastEntry, ledger.lastLetter);
    this.told.push(move.text);
    const records = this.#records();
    const replies = (await this.#link.send([...records, ...move.requests, observe])).slice(records.length);
    const after = readObservation(replies.pop());
    for (const entry of after.entries) ledger.add(entry);
    ledger.lastLetter = after.letters.at(-1)?.id ?? ledger.lastLetter;
    const expected = new Expected(before);
    const scene = { settings, windowMs, ledger, before, after, expected, count: this.#options.count };
    const answer = move.judge(scene, replies);
    if (answer !== "") this.told.push(`${this.told.pop()} → ${answer}`);
    checkPromises(scene);
    if (this.#options.effects) checkEffects(scene);
    w.before = settled(after);
  }
}

type HashRequest = readonly ["HSET", string, string, string];

const NOTHING: Observation = {
  now: 0,
  groupExists: false,
  pending: new Map(),
  leases: new Map(),
  waiting: new Map(),
  processed: new Set(),
  entries: [],
  letters: [],
  lowWaterId: "0-0",
  seenAt: 0,
};
