/** Entry IDs and marks, as DESIGN says them: written again here, so that the scripts are not judged by themselves. */

/** Whether entry ID a comes before b. Milliseconds and sequences of these tests are exact as numbers. */
export function comesBefore(a: string, b: string): boolean {
  const [aMs = "", aSeq = ""] = a.split("-");
  const [bMs = "", bSeq = ""] = b.split("-");
  return aMs === bMs ? Number(aSeq) < Number(bSeq) : Number(aMs) < Number(bMs);
}

/** How `leases` and the processed ring name a key; an entry without one goes by its ID. */
export function markOf(key: string, id: string): string {
  return key === "" ? markOfEntry(id) : key;
}

/** How the processed ring names an entry that is a dead letter. */
export function markOfEntry(id: string): string {
  return `#${id}`;
}

/** The idempotency key of an entry in our layout; empty for any other. */
export function keyOf(fields: readonly string[]): string {
  const key = fields[0] === "key" && fields[2] === "event" && fields.length === 4 ? (fields[1] ?? "") : "";
  return key.startsWith("#") ? "" : key;
}
