/** One history of processes that die of what they run: see `suspects.test.ts`. */
import {
  begunField,
  begunValue,
  entryOf,
  firstTail,
  type GroupKeys,
  groupKeys,
  leaseCall,
  leaseReply,
  type Member,
  nonceOf,
  openCall,
  partsOf,
  publishCall,
  type RecoverInput,
  recoverCall,
  recoverReply,
  settleCall,
} from "@sluice/lua-scripts";
import { keyOf } from "./ids.js";
import type { Link } from "./link.js";
import type { Random } from "./random.js";

const MAX_ATTEMPTS = 3;
const SETTINGS = { idempotencyTtlMs: 604_800_000, leaseMs: 60_000, maxAttempts: MAX_ATTEMPTS };
const GROUP = "g";
/** Ticks: an innocent takes less than the bound, poison kills within it, and a slow one takes far longer. */
const BOUND = 5;
const SLOTS = 3;
const MOST_TICKS = 4_000;

interface Running {
  readonly id: string;
  readonly key: string;
  readonly token: string;
  readonly begunAt: number;
  readonly endsAt: number;
  readonly kills: boolean;
}

/** One group's consumer in a process. */
class Consumer {
  readonly running = new Map<string, Running>();
  high = 0;
  calls = 0;

  constructor(
    readonly keys: GroupKeys,
    readonly member: Member,
  ) {}
}

/** A process: a consumer in each group, and at most one suspect. */
class Process {
  readonly consumers: Consumer[] = [];
  /** When it began to wait for what runs, and whether it holds back what is fresh. */
  waitsFrom: number | undefined;
  holdsTo: number | undefined;
  restsTo = 0;
  suspect: { readonly consumer: Consumer; readonly id: string } | undefined;

  get holding(): boolean {
    return this.waitsFrom !== undefined || this.holdsTo !== undefined;
  }
}

/** The parts of the rule that are kept. */
export interface Rule {
  /** A suspect begins once whatever runs has run for as long as the bound. */
  readonly waits: boolean;
  /** Nothing fresh begins for that long beside it. */
  readonly holds: boolean;
}

export interface End {
  readonly stalled: boolean;
  readonly deaths: number;
  /** That take less than the bound. One that takes longer may be taken for what begins beside it later. */
  readonly innocentDead: readonly string[];
  /** Of each poison, those beside another suspect left out. */
  readonly poisonRuns: readonly number[];
  /** Poison that never came to be a dead letter. */
  readonly poisonAlive: readonly string[];
}

export class Simulation {
  private readonly groups: GroupKeys[];
  private readonly runs = new Map<string, number>();
  private processes: Process[] = [];
  private now = 0;
  private started = 0;
  private deaths = 0;

  constructor(
    private readonly link: Link,
    private readonly random: Random,
    stream: string,
    private readonly rule: Rule,
  ) {
    this.groups = [0, 1, 2].map((n) => groupKeys(`${stream}.${n}`, GROUP));
  }

  async run(): Promise<End> {
    try {
      for (const [at, keys] of this.groups.entries()) {
        await this.link.send([
          openCall(keys, {
            ...this.memberOf("first", at),
            mode: "TAKE",
            startFrom: "0-0",
            change: false,
            types: [],
            ...SETTINGS,
          }),
        ]);
        const events = Array.from({ length: 12 }, (_, n) => {
          const kind = at === 0 && n % 6 === 3 ? "poison" : n % 5 === 4 ? "slow" : "innocent";
          return { idempotencyKey: `${kind}-${at}-${n}`, event: "{}", fingerprint: "" };
        });
        await this.link.send([publishCall(keys, { windowMs: 0, maxLength: 0, atomic: false, events })]);
      }
      let quiet = false;
      while (!quiet && this.now < MOST_TICKS) {
        while (this.processes.length < 2) await this.start();
        for (const process of [...this.processes]) await this.turn(process);
        this.now += 1;
        quiet = this.now % 20 === 0 && (await this.isQuiet());
      }
      return await this.end(!quiet);
    } finally {
      await this.link.send([["UNLINK", ...this.groups.flatMap((keys) => Object.values(keys))]]);
    }
  }

  private memberOf(name: string, at: number): Member {
    return { group: GROUP, consumer: `${name}-${at}`, incarnation: name };
  }

  private async start(): Promise<void> {
    this.started += 1;
    const process = new Process();
    for (const [at, keys] of this.groups.entries()) {
      const member = this.memberOf(`p${this.started}`, at);
      process.consumers.push(new Consumer(keys, member));
      await this.link.send([
        openCall(keys, { ...member, mode: "TAKE", startFrom: "0-0", change: false, types: [], ...SETTINGS }),
      ]);
    }
    this.processes.push(process);
  }

  /** What a process does in one tick. It may die of it. */
  private async turn(process: Process): Promise<void> {
    for (const consumer of process.consumers) {
      for (const one of [...consumer.running.values()]) {
        if (one.endsAt > this.now) continue;
        if (one.kills) return await this.die(process);
        await this.settle(process, consumer, one);
      }
    }
    if (process.holdsTo !== undefined && this.now >= process.holdsTo) process.holdsTo = undefined;
    await this.askForSuspect(process);
    for (const consumer of process.consumers) {
      if (process.holding || consumer.running.size >= SLOTS) continue;
      const leased = await this.lease(consumer);
      await this.record(process, consumer);
      for (const one of leased) this.begin(consumer, one, process.suspect !== undefined);
    }
  }

  private begin(
    consumer: Consumer,
    { token, key }: { readonly token: string; readonly key: string },
    isBesideSuspect: boolean,
  ): void {
    const kills = key.startsWith("poison");
    const takes = kills ? this.random.below(BOUND) : key.startsWith("slow") ? 40 : this.random.below(BOUND);
    // What begins beside a suspect that takes longer than the bound is not counted to itself.
    if (kills && !isBesideSuspect) this.runs.set(key, (this.runs.get(key) ?? 0) + 1);
    const endsAt = this.now + takes;
    const id = entryOf(token);
    consumer.running.set(id, { id, key, token, begunAt: this.now, endsAt, kills });
  }

  /** Of what others left, and of what is new. */
  private async lease(consumer: Consumer): Promise<readonly { token: string; key: string }[]> {
    const max = SLOTS - consumer.running.size;
    const inHand = [...consumer.running.keys()];
    const recovered = await this.recover(consumer, { max, scope: "ALL", ownAfter: "0-0", inHand });
    const left = max - recovered.length;
    if (left === 0) return recovered;
    const { keys, member } = consumer;
    const read = ["XREADGROUP", "GROUP", GROUP, member.consumer, "COUNT", left, "STREAMS", keys.stream, ">"];
    const [reply] = await this.link.send([read]);
    // (stream, entries) of the one stream asked for, or null.
    const entries = ((reply as [string, [string, string[]][]][] | null)?.[0]?.[1] ?? []).map(
      ([id, fields]) => ({
        id,
        key: keyOf(fields),
      }),
    );
    if (entries.length === 0) return recovered;
    consumer.calls += 1;
    const nonce = nonceOf(member.incarnation, consumer.calls);
    const [answer] = await this.link.send([leaseCall(keys, member, nonce, entries)]);
    const leased = leaseReply(answer, entries.length);
    if (leased.status !== "OK") throw new Error(leased.status);
    consumer.high = consumer.calls;
    const tail = firstTail(member.consumer, nonce, leased.now);
    return [...recovered, ...entries.map(({ id, key }) => ({ token: id + tail, key }))];
  }

  private async recover(
    consumer: Consumer,
    input: Omit<RecoverInput, "nonce" | "maxBytes">,
  ): Promise<readonly { token: string; key: string }[]> {
    consumer.calls += 1;
    const nonce = nonceOf(consumer.member.incarnation, consumer.calls);
    const call = recoverCall(consumer.keys, consumer.member, { ...input, nonce, maxBytes: 1_000_000 });
    const [reply] = await this.link.send([call]);
    const read = recoverReply(reply);
    if (read.status !== "OK") throw new Error(read.status);
    consumer.high = consumer.calls;
    return read.leased.map(({ token, fields }) => ({ token, key: keyOf(fields) }));
  }

  private async record(process: Process, consumer: Consumer): Promise<void> {
    const { suspect } = process;
    const mark = suspect === undefined ? "" : suspect.consumer === consumer ? suspect.id : "-";
    const value = begunValue({ high: consumer.high, unheard: [], suspect: mark });
    await this.link.send([["HSET", consumer.keys.state, begunField(consumer.member), value]]);
  }

  private async askForSuspect(process: Process): Promise<void> {
    if (process.suspect !== undefined || this.now < process.restsTo) return;
    const latest = Math.max(
      ...process.consumers.flatMap(({ running }) => [...running.values()].map(({ begunAt }) => begunAt)),
    );
    if (process.waitsFrom === undefined) {
      const waiting = await this.withSuspects(process);
      if (waiting === undefined) return;
      process.waitsFrom = this.now;
    }
    if (this.rule.waits && latest + BOUND > this.now) return;
    const from = process.waitsFrom;
    process.waitsFrom = undefined;
    const consumer = await this.withSuspects(process);
    const [leased] = consumer
      ? await this.recover(consumer, { max: 1, scope: "SUSPECT", ownAfter: undefined, inHand: [] })
      : [];
    if (consumer === undefined || leased === undefined) return;
    process.suspect = { consumer, id: entryOf(leased.token) };
    for (const one of process.consumers) await this.record(process, one);
    this.begin(consumer, leased, false);
    process.holdsTo = this.rule.holds ? this.now + BOUND : undefined;
    process.restsTo = this.now + BOUND + (this.now - from);
  }

  private async withSuspects(process: Process): Promise<Consumer | undefined> {
    for (const consumer of process.consumers) {
      const [count] = await this.link.send([["ZCOUNT", consumer.keys.retries, 2e15, "+inf"]]);
      if (Number(count) > 0 && consumer.running.size < SLOTS) return consumer;
    }
    return undefined;
  }

  private async settle(process: Process, consumer: Consumer, one: Running): Promise<void> {
    consumer.running.delete(one.id);
    const attempt = { outcome: "SUCCESS", key: one.key, ...partsOf(one.token), emits: [] } as const;
    await this.link.send([settleCall(consumer.keys, consumer.member, 0, [attempt])]);
    if (process.suspect?.id !== one.id || process.suspect.consumer !== consumer) return;
    process.suspect = undefined;
    process.holdsTo = undefined;
    for (const other of process.consumers) await this.record(process, other);
  }

  /** Everything in its hands is left behind, and its leases pass. */
  private async die(process: Process): Promise<void> {
    this.deaths += 1;
    this.processes = this.processes.filter((one) => one !== process);
    for (const { keys, member, running } of process.consumers) {
      const ids = [...running.keys()];
      if (ids.length === 0) continue;
      const idle = SETTINGS.leaseMs + 60_000;
      await this.link.send([
        ["XCLAIM", keys.stream, GROUP, member.consumer, 0, ...ids, "IDLE", idle, "JUSTID"],
      ]);
    }
  }

  private async isQuiet(): Promise<boolean> {
    for (const keys of this.groups) {
      const [pending, groups] = await this.link.send([
        ["XPENDING", keys.stream, GROUP],
        ["XINFO", "GROUPS", keys.stream],
      ]);
      const about = (groups as unknown[][])[0] ?? []; // name and value in turn, in RESP2
      const lag = about[about.indexOf("lag") + 1];
      if (Number((pending as unknown[])[0]) > 0 || Number(lag) > 0) return false;
    }
    return true;
  }

  private async end(stalled: boolean): Promise<End> {
    const dead: string[] = [];
    for (const keys of this.groups) {
      const [letters] = await this.link.send([["XRANGE", keys.dead, "-", "+"]]);
      // Of a letter, ID and fields: eight about it, then those of the entry.
      for (const [, fields] of letters as [string, string[]][])
        dead.push(fields[fields.indexOf("key") + 1] ?? "");
    }
    const poison = [...this.runs.keys()];
    return {
      stalled,
      deaths: this.deaths,
      innocentDead: dead.filter((key) => key.startsWith("innocent")),
      poisonRuns: poison.map((key) => this.runs.get(key) ?? 0),
      poisonAlive: poison.filter((key) => !dead.includes(key)),
    };
  }
}
