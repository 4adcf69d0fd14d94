/** The list of mutants that no test finds, with the reason for each: `survivors.yaml`. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export const SURVIVORS_FILE = fileURLToPath(new URL("survivors.yaml", import.meta.url));

/**
 * Why each mutant changes nothing that anyone can see, by its ID.
 *
 * @throws TypeError naming the entry that is wrong, or the mutant that is there twice
 */
export function readSurvivors(text = readFileSync(SURVIVORS_FILE, "utf8")): ReadonlyMap<string, string> {
  const entries: unknown = parse(text) ?? [];
  if (!Array.isArray(entries)) throw new TypeError("read survivors.yaml: wanted a list");
  const reasons = new Map<string, string>();
  for (const [at, entry] of entries.entries()) {
    const { reason, mutants }: { reason?: unknown; mutants?: unknown } = Object(entry);
    if (typeof reason !== "string" || reason === "" || !Array.isArray(mutants) || mutants.length === 0) {
      throw new TypeError(`read survivors.yaml: entry ${at + 1}: wanted a reason and a list of mutants`);
    }
    for (const mutant of mutants) {
      if (reasons.has(String(mutant))) throw new TypeError(`read survivors.yaml: "${mutant}" is there twice`);
      reasons.set(String(mutant), reason.trim());
    }
  }
  return reasons;
}
