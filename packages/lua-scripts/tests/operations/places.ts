/** Where each event of a group is, by what Redis holds and nothing else. */
import { comesBefore } from "../model/ids.js";
import type { TestGroup } from "../support/group.js";
import { entriesOf, lettersOf, processedIn } from "../support/look.js";

type Place = "undelivered" | "pending" | "dead" | "processed";

/** The places of each idempotency key: one, if all is well. Entries that are for another group only do not count. */
export async function placesOf(group: TestGroup): Promise<ReadonlyMap<string, readonly Place[]>> {
  const [entries, pending, letters, processed, delivered] = await Promise.all([
    entriesOf(group),
    group.pending(),
    lettersOf(group),
    processedIn(group),
    lastDelivered(group),
  ]);
  const places = new Map<string, Place[]>();
  const note = (key: string | undefined, place: Place) => {
    places.set(key ?? "", [...(places.get(key ?? "") ?? []), place]);
  };
  const isPending = new Set(pending.map(({ id }) => id));
  for (const { id, fields } of entries) {
    if (fields[4] === "group" && fields[5] !== group.name) continue;
    if (isPending.has(id)) note(fields[1], "pending");
    else if (comesBefore(delivered, id)) note(fields[1], "undelivered");
  }
  for (const { fields } of letters) note(fields[1], "dead");
  for (const member of processed) if (!member.startsWith("#")) note(member, "processed");
  return places;
}

async function lastDelivered(group: TestGroup): Promise<string> {
  const groups = await group.client.xinfo("GROUPS", group.keys.stream);
  // A flat list of fields and values for each group.
  const about = (groups as (string | number)[][]).find((fields) => fields[1] === group.name) ?? [];
  return String(about[about.indexOf("last-delivered-id") + 1]);
}
