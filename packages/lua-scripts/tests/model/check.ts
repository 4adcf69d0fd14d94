/** What holds after every step, whatever it was, and whether Redis holds what the answers say. */
import { entryOf } from "@sluice/lua-scripts";
import { comesBefore } from "./ids.js";
import { WAITING } from "./observation.js";
import type { Scene } from "./scene.js";
import { demand } from "./violation.js";

/** Lease clocks are moved by minutes, and a call with its observation takes far less than this. */
const TOLERANCE_MS = 15_000;

/** The promises, checked on what Redis holds without assuming how it got there. */
export function checkPromises(scene: Scene): void {
  checkAcknowledged(scene);
  checkTokens(scene);
  checkLowWater(scene);
  checkNewEntries(scene);
  checkLetters(scene);
  checkAttempts(scene);
}

function checkAcknowledged({ ledger, before, after }: Scene): void {
  if (!after.groupExists || !before.groupExists) return;
  for (const id of before.pending.keys()) {
    const settled = after.pending.has(id) || ledger.isGone(id) || ledger.entry(id).ending !== undefined;
    const text = () => `${id} was acknowledged, and is neither processed nor dead, skipped or a duplicate`;
    demand(settled, "acknowledged means settled", text);
  }
}

function checkTokens({ ledger, after }: Scene): void {
  if (!after.groupExists) return;
  for (const [mark, token] of after.leases) {
    const id = entryOf(token);
    const right = after.pending.has(id) || ledger.isGone(id);
    demand(right, "a token's entry is pending", () => `${token} holds ${mark}, and its entry is not pending`);
    const over = () => `${token} holds ${mark}, which is processed`;
    demand(!ledger.remembers(mark) || ledger.isGone(id), "no lease of a processed key", over);
  }
}

function checkLowWater({ ledger, before, after }: Scene): void {
  if (after.lowWaterId === before.lowWaterId) return;
  for (const { id, ending, inStream } of ledger.entries.values()) {
    const passedOver = inStream && ending === undefined && !comesBefore(after.lowWaterId, id);
    demand(
      !passedOver,
      "nothing is passed over",
      () => `low-water is ${after.lowWaterId}, and ${id} is not settled`,
    );
  }
}

function checkNewEntries({ after, expected }: Scene): void {
  const shown = (entries: readonly (readonly string[])[]) => JSON.stringify(entries);
  const found = after.entries.map(({ fields }) => fields);
  if (found.length === 0 && expected.entries.length === 0) return;
  const text = () => `the stream got ${shown(found)}, wanted ${shown(expected.entries)}`;
  demand(shown(found) === shown(expected.entries), "emitted with the acknowledgement", text);
}

function checkLetters({ after, expected }: Scene): void {
  const shown = (letters: Scene["expected"]["letters"]) =>
    letters
      .map(({ entryId, reason, attempts }) => `${entryId} ${reason} ${attempts}`)
      .sort()
      .join(", ");
  if (after.letters.length === 0 && expected.letters.length === 0) return;
  const [found, wanted] = [shown([...after.letters]), shown(expected.letters)];
  demand(found === wanted, "dead letters", () => `new dead letters are [${found}], wanted [${wanted}]`);
}

function checkAttempts({ ledger, after, expected, settings }: Scene): void {
  for (const [id, { attempt }] of after.pending) {
    const wanted = expected.pending.get(id)?.attempt ?? attempt;
    const right = attempt <= settings.maxAttempts && (attempt === wanted || ledger.isGone(id));
    demand(right, "attempts", () => `${id} is at attempt ${attempt}, wanted ${wanted}`);
  }
}

/** Redis holds exactly what was there before, changed by what the answers say. */
export function checkEffects(scene: Scene): void {
  checkPending(scene);
  checkWaiting(scene);
  checkLeases(scene);
  checkProcessed(scene);
}

function differ(what: string, found: unknown, wanted: unknown): () => string {
  return () => `${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`;
}

/** Some commands drop a pending entry that was deleted from the stream, others leave it: either is right. */
function checkPending({ ledger, after, expected }: Scene): void {
  for (const [id, wanted] of expected.pending) {
    if (ledger.isGone(id)) continue;
    const found = after.pending.get(id);
    const same =
      found?.consumer === wanted.consumer &&
      found.attempt === wanted.attempt &&
      (found.consumer === WAITING || Math.abs(found.deliveredAt - wanted.deliveredAt) < TOLERANCE_MS);
    demand(same, "effects", differ(`pending ${id}`, found, wanted));
  }
  for (const [id, found] of after.pending) {
    const known = expected.pending.has(id) || ledger.isGone(id);
    demand(known, "effects", differ(`pending ${id}`, found, undefined));
  }
}

function checkWaiting({ ledger, after, expected }: Scene): void {
  for (const id of new Set([...expected.waiting.keys(), ...after.waiting.keys()])) {
    if (ledger.isGone(id)) continue;
    const [found, wanted] = [after.waiting.get(id), expected.waiting.get(id)];
    demand(found === wanted, "effects", differ(`due time of ${id}`, found, wanted));
  }
}

function checkLeases({ ledger, after }: Scene): void {
  for (const mark of new Set([...ledger.holders.keys(), ...after.leases.keys()])) {
    const [found, wanted] = [after.leases.get(mark), ledger.holders.get(mark)];
    const gone = [found, wanted].every((token) => token === undefined || ledger.isGone(entryOf(token)));
    demand(gone || found === wanted, "effects", differ(`token of ${mark}`, found, wanted));
  }
}

function checkProcessed({ ledger, after }: Scene): void {
  const { must, may } = ledger.marks();
  for (const mark of must) demand(after.processed.has(mark), "effects", differ("processed", undefined, mark));
  for (const mark of after.processed) demand(may.has(mark), "effects", differ("processed", mark, undefined));
}
