/**
 * One group of a history: what it does through the scripts, and what should be true of it then. Where an answer
 * depends on rules that other tests hold the scripts to (who is LEASED, what is a DUPLICATE), it is taken as it is.
 */
import { MAX_ENTRIES, type SettleItem } from "@sluice/lua-scripts";
import { comesBefore, markOfEntry } from "../model/ids.js";
import { recovered, skip, success } from "../support/attempts.js";
import type { Taken, TestGroup } from "../support/group.js";
import { discard, letterIds, replay } from "./calls.js";
import { justBefore } from "./ids.js";

/** What groups know of the stream. */
export interface Ledger {
  /** The entries that are there, in order. */
  readonly entries: readonly string[];
  has(id: string): boolean;
  keyOf(id: string): string;
  /** The group that the entry is for, if it was replayed for one. */
  onlyFor(id: string): string | undefined;
  /** Notes an entry at the stream's end. */
  append(id: string, key: string, onlyFor?: string): void;
}

interface Letter {
  readonly entryId: string;
  readonly key: string;
  /** Its entry had been removed from the stream when it died. */
  readonly gone: boolean;
}

/** The consumer of every group in a history. */
const CONSUMER = "c1";
const WAITING = "/waiting";
/** A due time that no history sees. */
const NEVER = 1e15;

export class HistoryGroup {
  live = true;
  lastDelivered = "0-0";
  /** As `meta` records it. */
  lowWater = "0-0";
  /** Who has which entry. */
  readonly pending = new Map<string, typeof CONSUMER | typeof WAITING>();
  /** What is scored in `retries`, with the delay that was asked. */
  readonly waiting = new Map<string, number>();
  readonly letters = new Map<string, Letter>();
  /** Members of the processed ring. */
  readonly marks = new Set<string>();
  /** Entries that the group needs no more, whoever remembers it. */
  readonly settled = new Set<string>();
  held: Taken[] = [];

  constructor(
    readonly group: TestGroup,
    private readonly ledger: Ledger,
    /** Before 7.0 a claim keeps a pending entry that is no longer in the stream. */
    private readonly claimsKeepDeleted: boolean,
  ) {}

  /** Up to where everything is settled, as the server should see it. */
  get settledUpTo(): string {
    if (!this.live) return this.lowWater;
    const [oldest] = [...this.pending.keys()].sort((a, b) => (comesBefore(a, b) ? -1 : 1));
    const below = oldest === undefined ? this.lastDelivered : justBefore(oldest);
    return comesBefore(below, this.lastDelivered) ? below : this.lastDelivered;
  }

  get lag(): number {
    const from = this.live ? this.lastDelivered : this.lowWater;
    return this.ledger.entries.filter((id) => comesBefore(from, id)).length;
  }

  async take(count: number): Promise<void> {
    const entries = await this.group.read(CONSUMER, count);
    const last = entries.at(-1);
    if (last === undefined) return;
    this.lastDelivered = last.id;
    const leased: Taken[] = [];
    for (const taken of await this.group.lease(CONSUMER, entries)) {
      this.pending.set(taken.id, CONSUMER);
      if (taken.verdict === "DUPLICATE") this.settle(taken.id);
      else if (taken.verdict === "DEFERRED") await this.defer(taken.id);
      // LOST was read again after the group was lost, and is in hand by then.
      else if (taken.verdict === "LEASED") leased.push(taken);
    }
    await this.begin(leased);
  }

  /** Has them in hand, but for what was replayed for another group: that is passed over, as clients do. */
  private async begin(leased: readonly Taken[]): Promise<void> {
    const ours = ({ id }: Taken) => (this.ledger.onlyFor(id) ?? this.group.name) === this.group.name;
    this.held.push(...leased.filter(ours));
    const others = leased.filter((taken) => !ours(taken));
    if (others.length === 0) return;
    await this.group.settle(CONSUMER, ...others.map(skip));
    for (const { id } of others) this.settle(id);
  }

  /** Another entry under its key is in hand. It waits for longer than the history takes, unless it is made due. */
  private async defer(id: string): Promise<void> {
    await this.group.client.zadd(this.group.keys.retries, "XX", NEVER, id);
    this.pending.set(id, WAITING);
    this.waiting.set(id, NEVER);
  }

  /** Ends some of what is in hand (if there is nothing, of what is new), each in the way that `end` says. */
  async end(first: number, count: number, end: (taken: Taken) => SettleItem): Promise<void> {
    if (this.held.length === 0) await this.take(count + 1);
    if (this.held.length === 0) return;
    const ending = this.held.splice(first % this.held.length, count);
    const attempts = ending.map(end);
    const verdicts = await this.group.settle(CONSUMER, ...attempts);
    for (const [at, { id, key }] of ending.entries()) {
      const attempt = attempts[at];
      if (verdicts[at] === "FENCED" || attempt === undefined)
        throw new Error(`${id}: FENCED, though in hand`);
      if (verdicts[at] === "WAITING" && attempt.outcome === "RETRY") {
        this.waiting.set(id, attempt.delayMs);
        if (this.ledger.has(id) || this.claimsKeepDeleted) this.pending.set(id, WAITING);
        else this.pending.delete(id);
      } else {
        this.settle(id);
        if (verdicts[at] === "DEAD") this.marks.add(markOfEntry(id));
        else if (attempt.outcome === "SUCCESS") this.marks.add(key);
      }
    }
    if (verdicts.includes("DEAD")) await this.noteLetters();
  }

  async catchUp(): Promise<void> {
    const { client, keys } = this.group;
    if (this.waiting.size > 0)
      await client.zadd(keys.retries, ...[...this.waiting.keys()].flatMap((id) => [1, id]));
    for (const id of this.waiting.keys()) this.waiting.set(id, 0);
    await this.recover();
    await this.take(MAX_ENTRIES);
    await this.end(0, MAX_ENTRIES, (taken) => success(taken));
  }

  /** Takes back what is due. */
  async recover(): Promise<void> {
    const reply = await this.group.recover(CONSUMER, { max: MAX_ENTRIES, ownAfter: undefined });
    const leased = reply.leased.map(recovered);
    const deferred = reply.counts.deferred > 0 ? await this.group.pending() : [];
    for (const [id, delayMs] of [...this.waiting]) {
      // A due time whose entry was removed, so that it does not wait, is swept.
      if (this.pending.get(id) !== WAITING) this.waiting.delete(id);
      if (delayMs > 0) continue;
      this.waiting.delete(id);
      if (this.pending.get(id) !== WAITING) continue;
      if (leased.some((taken) => taken.id === id)) this.pending.set(id, CONSUMER);
      else if (deferred.some((waiting) => waiting.id === id)) await this.defer(id);
      else this.settle(id); // processed meanwhile, or removed from the stream
    }
    this.lowWater = this.settledUpTo;
    await this.begin(leased);
  }

  /** Answers what became of it. */
  async replay(
    nth: number,
  ): Promise<"replayed in place" | "replayed unread" | "replayed anew" | "not replayed" | undefined> {
    const found = pick(this.letters, nth);
    if (found === undefined) return undefined;
    const [letterId, { entryId, key, gone }] = found;
    const [given] = await replay(this.group, letterId);
    const inPlace = this.ledger.has(entryId);
    const wanted = inPlace ? entryId : gone ? undefined : given;
    if (given !== wanted || (!gone && given === undefined)) {
      throw new Error(
        `replay of ${entryId}: it is ${given} now, wanted ${inPlace ? "its place" : "an entry"}`,
      );
    }
    if (given === undefined) return "not replayed";
    this.letters.delete(letterId);
    this.marks.delete(markOfEntry(entryId));
    if (!inPlace) {
      this.ledger.append(given, key, this.group.name);
      return "replayed anew";
    }
    this.settled.delete(entryId);
    // A group that was made again is still to be given it.
    if (comesBefore(this.lastDelivered, entryId)) return "replayed unread";
    this.pending.set(entryId, WAITING);
    this.waiting.set(entryId, 0);
    this.lowWater = this.settledUpTo;
    return "replayed in place";
  }

  async discard(nth: number): Promise<void> {
    const found = pick(this.letters, nth);
    if (found === undefined) return;
    await discard(this.group, found[0]);
    this.letters.delete(found[0]);
  }

  async destroy(): Promise<void> {
    await this.group.client.xgroup("DESTROY", this.group.keys.stream, this.group.name);
    this.live = false;
    this.pending.clear();
    this.held = [];
  }

  /** Opened again: it starts at its low-water ID. */
  async heal(): Promise<void> {
    await this.group.open({ mode: "REJOIN" });
    this.live = true;
    this.lastDelivered = this.lowWater;
    this.waiting.clear();
  }

  private settle(id: string): void {
    this.pending.delete(id);
    this.settled.add(id);
  }

  private async noteLetters(): Promise<void> {
    for (const [entryId, letterId] of await letterIds(this.group)) {
      if (this.letters.has(letterId)) continue;
      const gone = !this.ledger.has(entryId);
      this.letters.set(letterId, { entryId, key: this.ledger.keyOf(entryId), gone });
    }
  }
}

function pick<K, V>(from: ReadonlyMap<K, V>, nth: number): readonly [K, V] | undefined {
  return [...from][nth % Math.max(1, from.size)];
}
