/** What Redis holds of a group, in a form that tests compare. */
import type { TestGroup } from "./group.js";

/** Fields and values, flat and in order. */
export type Fields = readonly string[];

/** The entries of the stream. */
export async function entriesOf(
  group: TestGroup,
): Promise<readonly { readonly id: string; readonly fields: Fields }[]> {
  return await entriesIn(group, group.keys.stream);
}

async function entriesIn(group: TestGroup, key: string) {
  const entries = await group.client.xrange(key, "-", "+");
  return entries.map(([id, fields]) => ({ id, fields }));
}

/** The idempotency keys in the stream, in order. */
export async function keysIn(group: TestGroup): Promise<readonly string[]> {
  return (await entriesOf(group)).map(({ fields }) => fields[1] ?? "");
}

/** A dead letter: what happened, and the original entry as it was kept. */
export interface Letter {
  readonly about: Readonly<Record<string, string>>;
  readonly fields: Fields;
}

/** `entryId reason message attempts firstDeliveredAt deadAt group layout`, then the original entry. */
const LETTER_HEAD = 16;

export async function lettersOf(group: TestGroup): Promise<readonly Letter[]> {
  const letters = await entriesIn(group, group.keys.dead);
  return letters.map(({ fields }) => ({
    about: recordOf(fields.slice(0, LETTER_HEAD)),
    fields: fields.slice(LETTER_HEAD),
  }));
}

function recordOf(flat: Fields): Record<string, string> {
  const record: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) record[flat[at] ?? ""] = flat[at + 1] ?? "";
  return record;
}

/** Members of all processed buckets, sorted. */
export async function processedIn(group: TestGroup): Promise<readonly string[]> {
  const members = await Promise.all(group.buckets.map((bucket) => group.client.smembers(bucket)));
  return members.flat().sort();
}

export async function leasesOf(group: TestGroup): Promise<Readonly<Record<string, string>>> {
  return await group.client.hgetall(group.keys.leases);
}

/** Due times by entry ID. */
export async function waitingIn(group: TestGroup): Promise<ReadonlyMap<string, number>> {
  const flat = await group.client.zrange(group.keys.retries, "0", "-1", "WITHSCORES");
  return new Map(Object.entries(recordOf(flat)).map(([id, dueAt]) => [id, Number(dueAt)]));
}

export async function stateOf(group: TestGroup): Promise<Readonly<Record<string, string>>> {
  return await group.client.hgetall(group.keys.state);
}

export async function metaOf(group: TestGroup): Promise<Readonly<Record<string, string>>> {
  return await group.client.hgetall(group.keys.meta);
}
