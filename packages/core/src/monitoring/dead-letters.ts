/** The dead letters of one group: looking at them, giving them back, dropping them. */
import {
  discardCall,
  discardReply,
  type GroupKeys,
  replayCall,
  replayReply,
  type ScriptCall,
} from "@sluice/lua-scripts";
import { chunks } from "../chunks.js";
import { again, type Connection, command, evaluate } from "../connection.js";
import { entryFrom } from "../consumer/entry.js";
import { decodeEvent } from "../envelope.js";
import { InvalidOptionError, ServerError, WrongTypeError } from "../errors.js";
import type { SluiceEvent } from "../event.js";
import { isEntryId } from "../names.js";
import { integerOption, knownOptions } from "../options.js";
import { refusalError } from "../refusals.js";
import { partsOfKey } from "../stored-key.js";

export interface DeadLetter {
  /** The letter's own ID, for `get`, `replay` and `discard`. */
  readonly id: string;
  /** ID of the event's entry in the stream. */
  readonly entryId: string;
  /** As the publisher gave it; absent if the entry carries none. */
  readonly idempotencyKey?: string;
  /** `FAILED`, `MAX_ATTEMPTS`, `INVALID`, `MALFORMED`, `UNHANDLED` or `EMIT_REJECTED`. */
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly firstDeliveredAt: number;
  /** Milliseconds since 1970. */
  readonly deadAt: number;
  readonly group: string;
  /** The event as it was stored: its data has not been validated. Absent if the entry is not an event. */
  readonly event?: SluiceEvent;
  /** The entry's own fields; of a field that occurs twice the last value. Empty if the entry was trimmed before it died. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface DeadLetterPage {
  readonly items: DeadLetter[];
  /** Pass it as `after` for the next page; absent on the last one. */
  readonly next?: string;
}

export interface DeadLetterOutcome {
  /** Letters that were there, and are not any more. */
  readonly done: number;
  /**
   * IDs under which there was no letter. For `replay` also those of letters that stay, since their entry is gone from
   * the stream and cannot be added again: it was trimmed before it died, or is not in our layout.
   */
  readonly notFound: string[];
}

interface Parts {
  readonly connection: Connection;
  readonly stream: string;
  readonly keys: GroupKeys;
  readonly group: string;
  readonly deadlineMs: number;
}

/** Most letters that one page holds. */
const MAX_LETTERS = 1_000;
/** Letters that one script call, or one look for their IDs, is about: each may be as long as an event can be. */
const PER_CALL = 100;
/** Fields that stand in front of the entry's own, each with its value. */
const HEAD = 8;

export class DeadLetters {
  constructor(private readonly parts: Parts) {}

  /**
   * A page of letters, oldest first.
   *
   * @param options.limit - 1 to 1,000; 100 unless given.
   * @param options.after - the `next` of the page before.
   */
  async list(options: { readonly limit?: number; readonly after?: string } = {}): Promise<DeadLetterPage> {
    knownOptions("the options of list", options, ["limit", "after"]);
    const limit = integerOption("limit", options.limit, 100, 1, MAX_LETTERS);
    const from = options.after === undefined ? "-" : `(${checkId("after", options.after)}`;
    const found = await this.range(from, "+", limit + 1);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return { items, ...(found.length > limit && last ? { next: last.id } : {}) };
  }

  /** One letter, or undefined if there is none of this ID. */
  async get(id: string): Promise<DeadLetter | undefined> {
    checkId("id", id);
    return (await this.range(id, id, 1))[0];
  }

  /**
   * Gives letters back to this group, and to no other: they run as a first attempt, under the key they had. Replaying
   * twice means once.
   *
   * @param ids - the letters' IDs, or `"all"` for those there are now.
   */
  replay(ids: readonly string[] | "all"): Promise<DeadLetterOutcome> {
    const { keys, group } = this.parts;
    return this.treat(
      "replay",
      ids,
      (part) => replayCall(keys, group, part),
      (reply) => {
        const read = replayReply(reply);
        return read.status === "OK"
          ? read.entryIds.map((entryId) => entryId !== undefined)
          : this.refuse("replay", read);
      },
    );
  }

  /** Drops letters. @param ids - the letters' IDs, or `"all"` for those there are now. */
  discard(ids: readonly string[] | "all"): Promise<DeadLetterOutcome> {
    const { keys } = this.parts;
    return this.treat(
      "discard",
      ids,
      (part) => discardCall(keys, part),
      (reply) => {
        const read = discardReply(reply);
        return read.status === "OK" ? read.discarded : this.refuse("discard", read);
      },
    );
  }

  private async treat(
    attempted: string,
    ids: readonly string[] | "all",
    call: (part: readonly string[]) => ScriptCall,
    read: (reply: unknown) => readonly boolean[],
  ): Promise<DeadLetterOutcome> {
    if (ids !== "all" && !Array.isArray(ids)) {
      throw new InvalidOptionError({
        option: attempted,
        value: ids,
        wanted: 'a list of dead letters\' IDs, or "all"',
      });
    }
    const asked = ids === "all" ? await this.allIds() : ids.map((id) => checkId(attempted, id));
    let done = 0;
    const notFound: string[] = [];
    for (const part of chunks(asked, PER_CALL)) {
      const verdicts = read(
        await evaluate(this.parts.connection, call(part), { deadlineMs: this.parts.deadlineMs }),
      );
      for (const [at, id] of part.entries()) {
        if (verdicts[at]) done += 1;
        else notFound.push(id);
      }
    }
    return { done, notFound };
  }

  /** The letters there are now: one that dies again while they are replayed is not among them. */
  private async allIds(): Promise<string[]> {
    const ids: string[] = [];
    const [newest] = await this.raw("XREVRANGE", "+", "-", 1);
    for (let from = "-"; newest !== undefined; ) {
      const page = await this.raw("XRANGE", from, newest[0], PER_CALL);
      ids.push(...page.map(([id]) => id));
      if (page.length < PER_CALL) break;
      from = `(${ids.at(-1)}`;
    }
    return ids;
  }

  private async range(from: string, to: string, count: number): Promise<DeadLetter[]> {
    return (await this.raw("XRANGE", from, to, count)).map(([id, values]) => letterFrom(id, values));
  }

  private async raw(name: string, from: string, to: string, count: number): Promise<[string, string[]][]> {
    const { connection, keys, deadlineMs } = this.parts;
    try {
      const args = [keys.dead, from, to, "COUNT", count];
      const reply = await again({ deadlineMs }, (options) => command(connection, name, args, options));
      return reply as [string, string[]][]; // the command's documented shape
    } catch (error) {
      if (!(error instanceof ServerError) || error.prefix !== "WRONGTYPE") throw error;
      const found = String(await command(connection, "TYPE", [keys.dead], { deadlineMs }));
      throw new WrongTypeError({ key: keys.dead, found, wanted: "stream", cause: error });
    }
  }

  private refuse(attempted: string, refusal: Parameters<typeof refusalError>[1]): never {
    const { stream, group } = this.parts;
    throw refusalError(attempted, refusal, { stream, group });
  }
}

function checkId(option: string, value: unknown): string {
  if (!isEntryId(value)) {
    throw new InvalidOptionError({ option, value, wanted: "a dead letter's ID such as 1764000000000-0" });
  }
  return value;
}

function letterFrom(id: string, values: readonly string[]): DeadLetter {
  const head = new Map<string, string>();
  for (let at = 0; at < HEAD * 2; at += 2) head.set(values[at] ?? "", values[at + 1] ?? "");
  const own = values.slice(HEAD * 2);
  const original = head.get("layout") === "packed" ? unpacked(own[1] ?? "") : own;
  const entryId = head.get("entryId") ?? "";
  const fields: Record<string, string> = {};
  for (let at = 0; at < original.length; at += 2) {
    Object.defineProperty(fields, original[at] ?? "", {
      value: original[at + 1] ?? "",
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  const entry = entryFrom(entryId, original);
  const { key } = entry;
  const decoded = key === "" ? undefined : decodeEvent(original[3] ?? "", entry);
  const idempotencyKey = decoded?.ok ? decoded.event.idempotencyKey : partsOfKey(key).key;
  return {
    id,
    entryId,
    ...(idempotencyKey === "" ? {} : { idempotencyKey }),
    reason: head.get("reason") ?? "",
    message: head.get("message") ?? "",
    attempts: Number(head.get("attempts")),
    firstDeliveredAt: Number(head.get("firstDeliveredAt")),
    deadAt: Number(head.get("deadAt")),
    group: head.get("group") ?? "",
    ...(decoded?.ok ? { event: decoded.event } : {}),
    fields,
  };
}

/**
 * An entry of more values than one command may carry is kept as one text: its values joined by commas, with a backslash
 * in front of the commas and backslashes within them.
 */
function unpacked(text: string): string[] {
  const values: string[] = [];
  let value = "";
  let from = 0;
  for (const { 0: mark, index } of text.matchAll(/\\.|,/gs)) {
    value += text.slice(from, index);
    from = index + mark.length;
    if (mark === ",") {
      values.push(value);
      value = "";
    } else {
      value += mark.slice(1);
    }
  }
  return [...values, value + text.slice(from)];
}
