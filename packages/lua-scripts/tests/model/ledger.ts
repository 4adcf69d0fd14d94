/**
 * What a history has been answered so far: who holds which key, what was committed, how each entry ended. It is kept
 * from the scripts' answers, and compared with what Redis holds.
 */
import { attemptOf, type Begun, entryOf } from "@sluice/lua-scripts";
import { comesBefore, keyOf, markOf, markOfEntry } from "./ids.js";
import type { Entry } from "./observation.js";
import { demand } from "./violation.js";

/** Moves of the ring by a third of the TTL that a mark outlives. */
const REMEMBERED_TURNS = 3;

export interface EntryRecord {
  readonly id: string;
  readonly key: string;
  readonly mark: string;
  readonly fields: readonly string[];
  /** Its handler emits nothing, so that histories come to an end. */
  readonly emitted: boolean;
  /** False once it was deleted from the stream. */
  inStream: boolean;
  /** It was removed before it had ended. */
  wasLost: boolean;
  /** How its latest delivery ended. */
  ending: "processed" | "skipped" | "duplicate" | "dead" | undefined;
}

export class Ledger {
  readonly entries = new Map<string, EntryRecord>();
  /** The current token of each mark. */
  readonly holders = new Map<string, string>();
  /** Which process goes by a consumer's name. */
  readonly incarnations = new Map<string, string>();
  /** What each process has recorded of what it has begun, by `consumer/incarnation`. */
  readonly begun = new Map<string, Begun>();
  /** What the publish window remembers of emitted events, by key. */
  readonly #window = new Map<
    string,
    { readonly fingerprint: string; readonly entry: EntryRecord | undefined }
  >();
  /** Entries that recovery has told to be lost. */
  told = 0;
  /** How often the ring was moved on by a third of the TTL. */
  turns = 0;
  lastEntry = "0-0";
  lastLetter = "0-0";
  lastDelivered = "0-0";
  /** Up to there a dead letter of a group that was lost may be delivered once more. */
  readTo = "0-0";
  readonly #memory = new Map<string, number>();

  add({ id, fields }: Entry): void {
    const key = keyOf(fields);
    const emitted = fields[3]?.startsWith("emitted") ?? false;
    const mark = markOf(key, id);
    this.entries.set(id, {
      ...{ id, key, mark, fields, emitted },
      ...{ inStream: true, wasLost: false, ending: undefined },
    });
    this.lastEntry = id;
  }

  entry(id: string): EntryRecord {
    const record = this.entries.get(id);
    demand(record !== undefined, "effects", () => `${id} is no entry of the stream`);
    return record;
  }

  /** Whether the entry is no longer in the stream. What remains of it may stay until somebody looks. */
  isGone(id: string): boolean {
    return this.entries.get(id)?.inStream !== true;
  }

  /** Whether there is an entry that the group was not delivered. */
  get hasNew(): boolean {
    for (const { id, inStream } of this.entries.values()) {
      if (inStream && comesBefore(this.lastDelivered, id)) return true;
    }
    return false;
  }

  /** The entry that holds the mark, if any. */
  holderOf(mark: string): string | undefined {
    const token = this.holders.get(mark);
    return token === undefined ? undefined : entryOf(token);
  }

  /** Whether the run that the token stands for has used up an attempt, if its process is gone. */
  counts(token: string): boolean {
    const [id = "", consumer = "", , nonce = ""] = token.split("|");
    const [, incarnation, n] = nonce.match(/^(.*)_(\d+)\./) ?? [];
    const record = this.begun.get(`${consumer}/${incarnation}`);
    if (record === undefined || Number(n) > record.high) return false;
    return ![...record.unheard].includes(Number(n)) && (record.suspect === "" || record.suspect === id);
  }

  deliver(id: string): void {
    this.entry(id).ending = undefined;
    this.lastDelivered = id;
  }

  /** The group was made again: no token counts, and what comes after the ID is delivered again. */
  heal(lowWaterId: string): void {
    this.holders.clear();
    this.lastDelivered = lowWaterId;
    // What is removed before it is delivered again counts as lost: the group cannot know that it was settled once.
    for (const record of this.entries.values()) {
      if (record.inStream && comesBefore(lowWaterId, record.id)) record.ending = undefined;
    }
    this.readTo = this.lastEntry;
  }

  /** Notes what is gone and has not ended, though a process that has it in hand may end it yet. Answers how many. */
  noteLost(): number {
    for (const record of this.entries.values()) {
      if (!record.inStream && record.ending === undefined) record.wasLost = true;
    }
    return [...this.entries.values()].filter(({ wasLost }) => wasLost).length;
  }

  /** The stream and all that was in it is gone. */
  loseStream(): void {
    for (const record of this.entries.values()) record.inStream = false;
    this.lastEntry = "0-0";
  }

  /** An event was emitted under a key that goes through the publish window: the last entry under it. */
  publish(key: string, fingerprint: string): void {
    const under = [...this.entries.values()].filter((entry) => entry.emitted && entry.key === key);
    this.#window.set(key, { fingerprint, entry: under.at(-1) });
  }

  /** With which payload the key was published, as far as that counts: the entry is in the stream. */
  publishedWith(key: string): string | undefined {
    const known = this.#window.get(key);
    return known?.entry?.inStream ? known.fingerprint : undefined;
  }

  /** Whether the processed ring has to know the mark. */
  remembers(mark: string): boolean {
    const at = this.#memory.get(mark);
    return at !== undefined && this.turns - at <= REMEMBERED_TURNS;
  }

  /** Whether the entry must not run: its key is processed, or it is a dead letter of a group that was lost. */
  isOver({ id, mark }: EntryRecord): boolean {
    return this.remembers(mark) || (!comesBefore(this.readTo, id) && this.remembers(markOfEntry(id)));
  }

  /** Every mark that the ring has to know, and those that it may still hold. */
  marks(): { readonly must: string[]; readonly may: ReadonlyMap<string, number> } {
    return { must: [...this.#memory.keys()].filter((mark) => this.remembers(mark)), may: this.#memory };
  }

  /** A success was recorded. */
  commit(record: EntryRecord, token: string): void {
    demand(
      !this.remembers(record.mark),
      "one commit per key",
      () => `${record.mark} is processed, and attempt ${attemptOf(token)} of ${record.id} was committed too`,
    );
    this.#memory.set(record.mark, this.turns);
    record.ending = "processed";
  }

  /** A dead letter was written. */
  bury(record: EntryRecord): void {
    const mark = markOfEntry(record.id);
    demand(!this.remembers(mark), "dead letters", () => `${record.id} is a dead letter a second time`);
    this.#memory.set(mark, this.turns);
    record.ending = "dead";
  }
}
