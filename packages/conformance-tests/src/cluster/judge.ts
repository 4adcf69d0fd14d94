/**
 * What a failover is judged by, without a server: what was acknowledged, what began to be handled, and what is in
 * the streams of the masters that are left.
 *
 * Redis replicates asynchronously, so that a master that dies may take acknowledged writes with it. Those are the
 * newest of each stream and nothing else; anything else that is missing, was not handled or was handled twice is
 * the client's doing.
 */

/** A publish that resolved. Times are the judge's own, in milliseconds. */
export interface Acknowledged {
  readonly key: string;
  readonly tenant: string;
  readonly id: string;
  readonly at: number;
}

/** A publish that rejected. */
export interface Refused {
  readonly key: string;
  readonly tenant: string;
  readonly code: string;
  readonly at: number;
}

/** A handler that began. */
export interface Attempt {
  readonly key: string;
  readonly tenant: string;
  readonly at: number;
}

/** What is in Redis for one tenant when all is over. */
export interface TenantState {
  readonly tenant: string;
  readonly entries: readonly { readonly id: string; readonly key: string }[];
  readonly pending: number;
  readonly deadLetters: number;
}

export interface History {
  readonly acknowledged: readonly Acknowledged[];
  readonly refused: readonly Refused[];
  readonly attempts: readonly Attempt[];
  readonly states: readonly TenantState[];
  /** Tenants whose master was killed. */
  readonly struck: ReadonlySet<string>;
  readonly killedAt: number;
  /** When another served its slots. */
  readonly takenOverAt: number;
}

export interface Verdict {
  readonly acknowledged: number;
  readonly refused: number;
  /** Refused, and in a stream all the same: the reply was lost, as the error said. */
  readonly refusedYetPresent: number;
  /** Entries in the streams. */
  readonly present: number;
  /** Of these, never handled; and pending at the end. */
  readonly unhandled: number;
  readonly pending: number;
  /** Acknowledged, and lost with the master. */
  readonly lost: number;
  /** Of these, handled before it died. */
  readonly lostAfterHandling: number;
  /** Handled once more, because the master died before its replica had heard of the settle. */
  readonly handledTwice: number;
  /** What must not be, a line each. */
  readonly complaints: readonly string[];
}

/** More of one kind would tell nothing new. */
const MOST_COMPLAINTS = 20;

export function judge(history: History): Verdict {
  const complaints: string[] = [];
  const presence = presentEntries(history, complaints);
  const runs = runsByKey(history.attempts);
  const lost = history.acknowledged.filter(({ tenant, key }) => !presence.has(at(tenant, key)));
  checkAcknowledged(history, presence, lost, complaints);
  const unhandled = [...presence].filter(([place]) => !runs.has(place));
  for (const [place, id] of unhandled) {
    complaints.push(`${place} (${id}) is in the stream and was never handled`);
  }
  for (const { tenant, pending, deadLetters } of history.states) {
    if (pending > 0) complaints.push(`${tenant} has ${pending} entries pending`);
    if (deadLetters > 0) complaints.push(`${tenant} has ${deadLetters} dead letters`);
  }
  return {
    acknowledged: history.acknowledged.length,
    refused: history.refused.length,
    refusedYetPresent: history.refused.filter(({ tenant, key }) => presence.has(at(tenant, key))).length,
    present: presence.size,
    unhandled: unhandled.length,
    pending: history.states.reduce((sum, { pending }) => sum + pending, 0),
    lost: lost.length,
    lostAfterHandling: lost.filter(({ tenant, key }) => runs.has(at(tenant, key))).length,
    handledTwice: checkRepeated(history, runs, complaints),
    complaints: complaints.slice(0, MOST_COMPLAINTS),
  };
}

/** The IDs of what the streams have, by tenant and key. */
function presentEntries({ states }: History, complaints: string[]): ReadonlyMap<string, string> {
  const present = new Map<string, string>();
  for (const { tenant, entries } of states) {
    for (const { id, key } of entries) {
      const place = at(tenant, key);
      const other = present.get(place);
      if (other !== undefined) complaints.push(`${place} is in the stream twice: ${other} and ${id}`);
      present.set(place, id);
    }
  }
  return present;
}

/** Every publish that resolved is where it said, or was among the newest that a killed master had. */
function checkAcknowledged(
  { acknowledged, struck, killedAt, takenOverAt }: History,
  presence: ReadonlyMap<string, string>,
  lost: readonly Acknowledged[],
  complaints: string[],
): void {
  const newestKept = new Map<string, string>();
  for (const { tenant, key, id, at: time } of acknowledged) {
    const found = presence.get(at(tenant, key));
    if (found === undefined) continue;
    if (found !== id) complaints.push(`${at(tenant, key)} was acknowledged as ${id} and is ${found}`);
    const newest = newestKept.get(tenant) ?? "0-0";
    if (time <= killedAt && isNewer(id, newest)) newestKept.set(tenant, id);
  }
  for (const { tenant, key, id, at: time } of lost) {
    const place = `${at(tenant, key)} (${id}) was acknowledged and is lost`;
    if (!struck.has(tenant)) complaints.push(`${place}, though its master lived on`);
    else if (time > takenOverAt) complaints.push(`${place}, though the new master had taken over`);
    else if (!isNewer(id, newestKept.get(tenant) ?? "0-0")) {
      // A replica has what its master wrote up to some moment, never the later without the earlier.
      complaints.push(`${place}, though a later entry of the same stream is there`);
    }
  }
}

/** @returns how many were handled more than once, as they may be. */
function checkRepeated(
  { struck, takenOverAt }: History,
  runs: ReadonlyMap<string, readonly Attempt[]>,
  complaints: string[],
): number {
  let repeated = 0;
  for (const [place, [first, ...others]] of runs) {
    if (first === undefined || others.length === 0) continue;
    repeated += 1;
    const excused = struck.has(first.tenant) && first.at <= takenOverAt;
    if (!excused) complaints.push(`${place} was handled ${others.length + 1} times`);
  }
  return repeated;
}

function runsByKey(attempts: readonly Attempt[]): ReadonlyMap<string, readonly Attempt[]> {
  const runs = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    const place = at(attempt.tenant, attempt.key);
    const known = runs.get(place);
    if (known === undefined) runs.set(place, [attempt]);
    else known.push(attempt);
  }
  return runs;
}

function at(tenant: string, key: string): string {
  return `${tenant}/${key}`;
}

/** Whether one entry ID is above another. */
function isNewer(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split("-").map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split("-").map(Number);
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}
