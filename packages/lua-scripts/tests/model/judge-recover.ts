/**
 * Whether a recovery was right. Its reply tells what it leased and counts the rest, so each entry's fate is read from
 * what was pending before and is now, and has to have a reason.
 */
import { attemptOf, entryOf, type RecoverInput, type RecoverReply } from "@sluice/lua-scripts";
import type { Consumer } from "./consumer.js";
import { comesBefore } from "./ids.js";
import { expectDeferral } from "./judge.js";
import type { EntryRecord } from "./ledger.js";
import { type Pending, SUSPECT, SUSPECTS_FROM, WAITING } from "./observation.js";
import type { Scene } from "./scene.js";
import { demand, Violation } from "./violation.js";

interface Recovery {
  readonly scene: Scene;
  readonly process: Consumer;
  readonly input: RecoverInput;
  readonly reply: RecoverReply;
  readonly tokens: ReadonlyMap<string, string>;
  /** The token of each mark when recovery began. */
  readonly held: ReadonlyMap<string, string>;
  /** Who held which key then. */
  readonly holders: ReadonlyMap<string, string>;
  readonly found: Record<keyof RecoverReply["counts"], number>;
}

export function judgeRecover(
  scene: Scene,
  process: Consumer,
  input: RecoverInput,
  reply: RecoverReply,
): void {
  const tokens = new Map(reply.leased.map(({ token }) => [entryOf(token), token]));
  demand(tokens.size === reply.leased.length, "one holder per key", () => "an entry was leased twice");
  const found = { own: 0, stale: 0, retried: 0, duplicates: 0, deadLettered: 0, trimmed: 0, deferred: 0 };
  if (input.scope === "ALL") mendFirst(scene, reply.now);
  const held = new Map(scene.ledger.holders);
  const holders = new Map([...scene.ledger.holders].map(([mark, token]) => [mark, entryOf(token)]));
  const recovery: Recovery = { scene, process, input, reply, tokens, held, holders, found };

  for (const [id, about] of scene.before.pending) judgeEntry(recovery, id, about);
  const marks = new Set([...tokens.keys()].map((id) => scene.ledger.entry(id).mark));
  demand(marks.size === tokens.size, "one holder per key", () => "two entries of one key were leased");
  for (const id of tokens.keys()) {
    demand(scene.before.pending.has(id), "only what may be taken", () => `${id} was not pending`);
  }
  judgeLeased(recovery);
  judgeCounts(recovery);
}

/** What precedes a full recovery: orphaned tokens go, and after a jump back of the clock all clocks start again. */
function mendFirst({ ledger, before, expected, settings, count }: Scene, now: number): void {
  const jump = before.seenAt - now;
  if (jump > settings.leaseMs) {
    count("recover after the clock went back");
    for (const [id, about] of before.pending) {
      if (about.consumer !== WAITING) expected.pending.set(id, { ...about, deliveredAt: now });
    }
    for (const [id, dueAt] of before.waiting) {
      if (dueAt > now) expected.waiting.set(id, Math.max(now, dueAt - jump));
    }
  }
  for (const [mark, token] of ledger.holders) {
    if (!before.pending.has(entryOf(token))) ledger.holders.delete(mark);
  }
  for (const [id, about] of before.pending) {
    if (about.consumer === WAITING && !expected.waiting.has(id)) {
      count("recover of a wait without a due time");
      expected.waiting.set(id, now);
    }
  }
}

/** As what recovery may take the entry, if it may. */
function eligibleAs(
  { scene, process, input, reply }: Recovery,
  id: string,
): "own" | "stale" | "retried" | undefined {
  const about = scene.expected.pending.get(id);
  if (about?.consumer === WAITING) {
    const dueAt = scene.expected.waiting.get(id);
    if (input.scope === "SUSPECT")
      return dueAt !== undefined && dueAt >= SUSPECTS_FROM ? "retried" : undefined;
    return dueAt !== undefined && dueAt <= reply.now ? "retried" : undefined;
  }
  if (!about || input.scope !== "ALL") return undefined;
  if (about.consumer !== process.consumer) {
    return reply.now - about.deliveredAt > scene.settings.leaseMs ? "stale" : undefined;
  }
  const asked = input.ownAfter !== undefined && comesBefore(input.ownAfter, id);
  return asked && !input.inHand.includes(id) ? "own" : undefined;
}

function judgeEntry(recovery: Recovery, id: string, before: Pending): void {
  const { scene, reply, tokens, holders, found } = recovery;
  const { ledger, expected } = scene;
  const record = ledger.entry(id);
  const as = eligibleAs(recovery, id);
  const after = scene.after.pending.get(id);
  const held = recovery.held.get(record.mark);
  const wasGranted = holders.get(record.mark) === id;
  const isMine = held?.split("|")[3]?.startsWith(`${recovery.process.incarnation}_`) ?? false;
  const died = wasGranted && held !== undefined && !isMine && ledger.counts(held);
  if (wasGranted && as !== undefined && !died) scene.count("recover of a grant that never began");
  const attempt = before.attempt + (died ? 1 : 0);
  const { maxAttempts } = scene.settings;
  const isSuspect = wasGranted && attempt === maxAttempts && attempt > 1;
  const token = tokens.get(id);
  const taken = (what: string) =>
    demand(as !== undefined, "only what may be taken", () => `recover ${what} ${id}, which it may not take`);

  if (token !== undefined) {
    taken("leased");
    judgeLease(recovery, record, token, attempt, isSuspect);
    found[as ?? "own"] += 1;
  } else if (!after) {
    if (!record.inStream) {
      // A command of the step itself may have dropped it before recovery came to look.
      if (as !== undefined) found.trimmed += 1;
      expected.acknowledge(id);
      return;
    }
    taken("acknowledged");
    judgeAcknowledged(recovery, record, attempt);
  } else if (isSuspect && scene.after.waiting.get(id) === SUSPECT) {
    taken("made a suspect of");
    scene.count("recover: a suspect");
    if (ledger.holderOf(record.mark) === id) ledger.holders.delete(record.mark);
    expected.pending.set(id, { consumer: WAITING, attempt, deliveredAt: reply.now });
    expected.waiting.set(id, SUSPECT);
  } else if (isDeferred(scene, id)) {
    taken("deferred");
    const other = [scene.before, scene.after].some(({ leases }) => {
      const holder = entryOf(leases.get(record.mark) ?? "|");
      return holder !== id && scene.before.pending.has(holder);
    });
    demand(other, "nothing is stuck", () => `recover deferred ${id}, and nobody else holds ${record.mark}`);
    found.deferred += 1;
    expectDeferral(scene, id, before.attempt, reply.now);
  } else if (as !== undefined) {
    demand(
      reply.more || recovery.input.scope === "SUSPECT",
      "nothing is stuck",
      () => `recover passed over ${id} (${as}) and says that is all`,
    );
  }
}

/** Entries of one recovery come in any order, so a duplicate's key was processed before this call. */
function judgeAcknowledged({ scene, found }: Recovery, record: EntryRecord, attempt: number): void {
  const { ledger, after, expected, settings } = scene;
  expected.acknowledge(record.id);
  if (ledger.isOver(record)) {
    record.ending = "duplicate";
    found.duplicates += 1;
    return;
  }
  const letter = after.letters.find(({ entryId }) => entryId === record.id);
  if (!letter) return; // Acknowledged without an end: the check that follows every step says so.
  const text = () => `recover buried ${record.id} before attempt ${attempt} of ${settings.maxAttempts}`;
  demand(attempt > settings.maxAttempts, "dead letters", text);
  if (ledger.holderOf(record.mark) === record.id) ledger.holders.delete(record.mark);
  ledger.bury(record);
  found.deadLettered += 1;
  expected.letters.push({ entryId: record.id, reason: "MAX_ATTEMPTS", attempts: attempt - 1 });
}

/** Whether the entry waits now, and did not before, or not until then. */
function isDeferred({ after, expected }: Scene, id: string): boolean {
  const wasWaiting = expected.pending.get(id)?.consumer === WAITING;
  const isWaiting = after.pending.get(id)?.consumer === WAITING;
  return isWaiting && (!wasWaiting || after.waiting.get(id) !== expected.waiting.get(id));
}

function judgeLease(
  recovery: Recovery,
  record: EntryRecord,
  token: string,
  attempt: number,
  isSuspect: boolean,
): void {
  const { scene, process, reply, holders } = recovery;
  const { ledger, before, after, expected, settings } = scene;
  const { id, mark } = record;
  const over = () => `recover leased ${id}, and ${mark} is processed or ${id} is dead`;
  demand(!ledger.isOver(record), "no lease of a processed key", over);
  const holder = holders.get(mark);
  const free =
    holder === undefined ||
    holder === id ||
    !before.pending.has(holder) ||
    // It was given up, or became a suspect, which holds no key.
    (after.pending.get(holder)?.consumer ?? WAITING) === WAITING;
  demand(free, "one holder per key", () => `recover leased ${id}, and ${holder} holds ${mark}`);
  const numbered = attemptOf(token) === attempt && attempt <= settings.maxAttempts;
  demand(numbered, "attempts", () => `recover leased ${token}, wanted attempt ${attempt}`);
  const suspect = reply.leased.find((leased) => leased.token === token)?.suspect;
  const asked = recovery.input.scope === "SUSPECT";
  demand(suspect === asked && !isSuspect, "suspects", () => `recover leased ${token}, suspect: ${suspect}`);

  ledger.holders.set(mark, token);
  expected.pending.set(id, { consumer: process.consumer, attempt, deliveredAt: reply.now });
  expected.waiting.delete(id);
}

function judgeLeased({ scene, input, reply }: Recovery): void {
  const { leased } = reply;
  demand(leased.length <= input.max, "only what may be taken", () => `recover leased ${leased.length}`);
  if (input.scope === "SUSPECT") {
    demand(leased.length <= 1, "suspects", () => `recover leased ${leased.length} suspects`);
    if (leased.length > 0) scene.count("recover of a suspect");
  }
  const waiting = [...scene.after.waiting.values()].filter((dueAt) => dueAt >= SUSPECTS_FROM).length;
  demand(reply.suspects === waiting, "suspects", () => `${waiting} suspects wait, told ${reply.suspects}`);
  if (reply.more) scene.count("recover: more");
  for (const { token, fields } of leased) {
    const whole = scene.ledger.entry(entryOf(token)).fields;
    const text = () => `recover returned ${fields.join(" ")} as ${whole.join(" ")}`;
    demand(fields.length === whole.length && fields.every((field, n) => field === whole[n]), "effects", text);
  }
}

function judgeCounts({ scene, reply, found }: Recovery): void {
  const lost = scene.ledger.noteLost();
  for (const [what, count] of Object.entries(reply.counts)) {
    const wanted = found[what as keyof typeof found]; // the names of the counts are those of the reply
    if (count > 0) scene.count(`recover ${what}`);
    // What was removed is told when it is looked at, or missed in the group's balance: once, and no more than there is.
    if (what === "trimmed") scene.ledger.told += count;
    const right = what === "trimmed" ? scene.ledger.told <= lost : count === wanted;
    const text = what === "trimmed" ? `${scene.ledger.told} of ${lost} in all` : `${count}, wanted ${wanted}`;
    if (!right) throw new Violation("effects", `recover counts ${what} ${text}`);
  }
}
