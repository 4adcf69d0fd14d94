/** Whether the answers of lease, settle, extend and release are right, and what they should have left in Redis. */
import {
  attemptOf,
  type ExtendVerdict,
  entryOf,
  firstTail,
  type LeaseVerdict,
  type OpenReply,
  type Refusal,
  type ReleaseVerdict,
  type SettleVerdict,
} from "@sluice/lua-scripts";
import type { Consumer, Delivered, Held, Sent } from "./consumer.js";
import { comesBefore } from "./ids.js";
import { SUSPECT, WAITING } from "./observation.js";
import type { Scene } from "./scene.js";
import { demand, type Rule } from "./violation.js";

/** An entry whose key another holds is looked at again after 25 ms to 5 s. */
const DEFER_MS = [25, 5_000] as const;

/** The refusal that a process has to get, whatever it asks. */
export function refusalDue({ ledger, before }: Scene, process: Consumer): Refusal["status"] | undefined {
  if (ledger.incarnations.get(process.consumer) !== process.incarnation) return "SUPERSEDED";
  return before.groupExists ? undefined : "NOGROUP";
}

/** True if the call was refused, as it had to be. */
export function judgeRefusal(scene: Scene, process: Consumer, status: string): boolean {
  const due = refusalDue(scene, process);
  scene.count(status);
  demand(status === (due ?? "OK"), "superseded", () => `answered ${status}, wanted ${due ?? "OK"}`);
  return due !== undefined;
}

export function judgeLease(
  scene: Scene,
  process: Consumer,
  nonce: string,
  asked: readonly Delivered[],
  reply: { readonly now: number; readonly verdicts: readonly LeaseVerdict[] },
): void {
  const { ledger, before, expected } = scene;
  asked.forEach(({ id }, n) => {
    const record = ledger.entry(id);
    const about = before.pending.get(id);
    const holder = ledger.holderOf(record.mark);
    const verdict = reply.verdicts[n];
    const wanted =
      about?.consumer !== process.consumer || about.attempt !== 1 || holder === id
        ? "LOST"
        : ledger.isOver(record)
          ? "DUPLICATE"
          : holder !== undefined && before.pending.has(holder)
            ? "DEFERRED"
            : "LEASED";
    const text = () => `lease ${id} (${record.mark}): ${verdict}, wanted ${wanted}`;
    demand(verdict === wanted, ruleOfLease(verdict, wanted), text);
    scene.count(`lease ${verdict}`);
    switch (verdict) {
      case "DUPLICATE":
        record.ending = "duplicate";
        expected.acknowledge(id);
        break;
      case "DEFERRED":
        expectDeferral(scene, id, 1, reply.now);
        break;
      case "LEASED":
        expected.pending.set(id, { consumer: process.consumer, attempt: 1, deliveredAt: reply.now });
        ledger.holders.set(record.mark, id + firstTail(process.consumer, nonce, reply.now));
        break;
    }
  });
}

function ruleOfLease(verdict: string | undefined, wanted: LeaseVerdict): Rule {
  if (wanted === "LOST") return "only what may be taken";
  if (verdict === "DUPLICATE") return "acknowledged means settled";
  if (verdict !== "LEASED") return "nothing is stuck";
  return wanted === "DUPLICATE" ? "no lease of a processed key" : "one holder per key";
}

/** The entry waits for the holder of its key, for as long as a deferral may take. */
export function expectDeferral({ after, expected }: Scene, id: string, attempt: number, now: number): void {
  const dueAt = after.waiting.get(id) ?? Number.NaN;
  const [least, most] = DEFER_MS;
  const text = () => `${id} was deferred, and is due in ${dueAt - now} ms`;
  demand(dueAt >= now + least && dueAt <= now + most, "nothing is stuck", text);
  expected.pending.set(id, { consumer: WAITING, attempt, deliveredAt: now });
  expected.waiting.set(id, dueAt);
}

/** Whether the process holds the entry's key. A token whose entry was deleted may have been swept, or not. */
function holds({ ledger, before }: Scene, { id, token }: Held): boolean {
  const { mark } = ledger.entry(id);
  return (ledger.isGone(id) ? before.leases : ledger.holders).get(mark) === token;
}

export function judgeSettle(
  scene: Scene,
  sent: readonly Sent[],
  reply: { readonly now: number; readonly verdicts: readonly SettleVerdict[] },
): void {
  const spent = new Set<string>();
  const published: (readonly string[])[] = [];
  sent.forEach((attempt, n) => {
    const verdict = reply.verdicts[n];
    const current = holds(scene, attempt) && !spent.has(attempt.token);
    spent.add(attempt.token);
    if (!current) {
      const text = () => `settle ${attempt.token}: ${verdict}, and it is not the current token`;
      demand(verdict === "FENCED", "all others are fenced", text);
      scene.count("settle FENCED");
      return;
    }
    demand(verdict !== "FENCED", "the holder is not fenced", () => `settle ${attempt.token}: FENCED`);
    judgeOutcome(scene, attempt, verdict, reply.now, published);
  });
  scene.expected.entries.push(...published);
}

function judgeOutcome(
  scene: Scene,
  attempt: Sent,
  verdict: SettleVerdict | undefined,
  now: number,
  published: (readonly string[])[],
): void {
  const { ledger, expected, settings } = scene;
  const { settlement, id, token } = attempt;
  const record = ledger.entry(id);
  // A retry goes by the pending list, where the run before was taken over rather than died.
  const listed = settlement.outcome === "RETRY" ? scene.before.pending.get(id)?.attempt : undefined;
  const number = Math.min(attemptOf(token), listed ?? Number.POSITIVE_INFINITY);
  const emitted = settlement.outcome === "SUCCESS" ? newEmits(scene, settlement.emits) : [];
  let reason = settlement.outcome === "FAILURE" ? settlement.reason : undefined;
  if (settlement.outcome === "RETRY" && number >= settings.maxAttempts) reason = "MAX_ATTEMPTS";
  if (emitted === undefined) reason = "EMIT_REJECTED";
  const wanted = reason !== undefined ? "DEAD" : settlement.outcome === "RETRY" ? "WAITING" : "SETTLED";
  const text = () => `settle ${token} as ${settlement.outcome}: ${verdict}, wanted ${wanted}`;
  demand(verdict === wanted, settlement.outcome === "RETRY" ? "attempts" : "effects", text);
  scene.count(reason === undefined ? `settle ${verdict} ${settlement.outcome}` : `settle DEAD ${reason}`);

  ledger.holders.delete(record.mark);
  if (settlement.outcome === "RETRY" && reason === undefined) {
    expected.pending.set(id, { consumer: WAITING, attempt: number + 1, deliveredAt: now });
    expected.waiting.set(id, now + Math.min(settlement.delayMs, settings.idempotencyTtlMs / 2));
    return;
  }
  expected.acknowledge(id);
  if (reason !== undefined) {
    ledger.bury(record);
    expected.letters.push({ entryId: id, reason, attempts: number });
  } else if (settlement.outcome === "SUCCESS") {
    ledger.commit(record, token);
    published.push(...(emitted ?? []));
  } else {
    record.ending = "skipped";
  }
}

interface Emit {
  readonly key: string;
  readonly event: string | Uint8Array;
  readonly fingerprint: string;
}

/** The entries that the emits of a success make; undefined if one differs from what its key was published with. */
function newEmits({ ledger, windowMs }: Scene, emits: readonly Emit[]): (readonly string[])[] | undefined {
  const named = new Map<string, string>();
  const entries: (readonly string[])[] = [];
  for (const { key, event, fingerprint } of emits) {
    const windowed = windowMs > 0 && fingerprint !== "";
    const first = !windowed ? undefined : (ledger.publishedWith(key) ?? named.get(key));
    if (first !== undefined && first !== fingerprint) return undefined;
    if (first === undefined) entries.push(["key", key, "event", String(event)]);
    if (windowed) named.set(key, fingerprint);
  }
  for (const [key, fingerprint] of named) ledger.publish(key, fingerprint);
  return entries;
}

export function judgeExtend(
  scene: Scene,
  process: Consumer,
  asked: readonly Held[],
  verdicts: readonly ExtendVerdict[],
): void {
  asked.forEach((held, n) => {
    const wanted = holds(scene, held) ? "EXTENDED" : "LOST";
    const rule = wanted === "LOST" ? "all others are fenced" : "the holder is not fenced";
    demand(verdicts[n] === wanted, rule, () => `extend ${held.token}: ${verdicts[n]}, wanted ${wanted}`);
    scene.count(`extend ${wanted}`);
    const about = scene.before.pending.get(held.id);
    if (wanted === "EXTENDED" && about) {
      scene.expected.pending.set(held.id, {
        ...about,
        consumer: process.consumer,
        deliveredAt: scene.after.now,
      });
    }
  });
}

export function judgeRelease(
  scene: Scene,
  process: Consumer,
  asked: readonly (Delivered & { readonly token: string | undefined })[],
  verdicts: readonly ReleaseVerdict[],
): void {
  const { ledger, before, after, expected } = scene;
  const done = new Set<string>();
  asked.forEach(({ id, token }, n) => {
    const { mark } = ledger.entry(id);
    const about = before.pending.get(id);
    const current = (ledger.isGone(id) ? before.leases : ledger.holders).get(mark);
    const newest = ledger.incarnations.get(process.consumer) === process.incarnation;
    const isOwn = current?.split("|")[3]?.startsWith(`${process.incarnation}_`) ?? false;
    const unleased = token === undefined && newest && (ledger.holderOf(mark) !== id || isOwn);
    const isCurrent = token !== undefined && current === token;
    const mine = !done.has(id) && about?.consumer === process.consumer && (unleased || isCurrent);
    const taken = !done.has(id) && about && token && current && !isCurrent && entryOf(current) === id;
    const wanted = mine ? "RELEASED" : taken ? "TAKEN" : "LOST";
    if (wanted !== "LOST") done.add(id);
    const rule = wanted === "RELEASED" ? "the holder is not fenced" : "all others are fenced";
    demand(verdicts[n] === wanted, rule, () => `release ${id}: ${verdicts[n]}, wanted ${wanted}`);
    scene.count(`release ${wanted}`);
    if (wanted === "TAKEN" && about && current && token) {
      const [attempt, newer] = [attemptOf(token), attemptOf(current)];
      const counted = about.attempt === newer && newer > 1 && (newer === attempt || newer === attempt + 1);
      const now = expected.pending.get(id) ?? about;
      if (counted) expected.pending.set(id, { ...now, attempt: newer - 1 });
    }
    if (!mine || !about) return;
    if (ledger.holderOf(mark) === id) ledger.holders.delete(mark);
    expected.pending.set(id, { ...about, consumer: WAITING });
    if (ledger.begun.get(`${process.consumer}/${process.incarnation}`)?.suspect === id) {
      expected.waiting.set(id, SUSPECT);
      scene.count("release of a suspect");
      return;
    }
    // Due at once, by the clock of the call, which the reply does not tell.
    const dueAt = after.waiting.get(id) ?? Number.NaN;
    demand(dueAt <= after.now, "nothing is stuck", () => `${id} was released, and is due at ${dueAt}`);
    expected.waiting.set(id, dueAt);
  });
}

/** A group that is made again starts where everything before is settled, and nothing of the old one counts. */
export function judgeOpen(scene: Scene, { how, lowWaterId }: OpenReply): void {
  const { ledger, before, expected } = scene;
  scene.count(`open ${how}`);
  const wanted = before.groupExists ? "JOINED" : ledger.incarnations.size > 0 ? "HEALED" : "CREATED";
  demand(how === wanted, "effects", () => `open: ${how}, wanted ${wanted}`);
  if (how !== "HEALED") return;
  for (const { id, ending, inStream } of ledger.entries.values()) {
    const passedOver = inStream && ending === undefined && !comesBefore(lowWaterId, id);
    demand(
      !passedOver,
      "nothing is passed over",
      () => `the group begins after ${lowWaterId}, and ${id} is not settled`,
    );
  }
  ledger.heal(lowWaterId);
  expected.pending.clear();
  expected.waiting.clear();
}
