/** What stands in the README, for those who compare or run it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../pack/packages.js";

/** What follows a marker in the README, up to the next blank line; a fenced block goes on to its end. */
export function marked(marker: string): string {
  const readme = readFileSync(join(REPOSITORY, "README.md"), "utf8");
  const [, rest] = readme.split(`<!-- ${marker} -->\n`);
  if (rest === undefined) throw new Error(`read the README: there is no marker "${marker}"`);
  const fenced = /^```\w*\n(.*?)^```$/ms.exec(rest);
  if (rest.startsWith("```") && fenced) return fenced[1] ?? "";
  return rest.slice(0, rest.indexOf("\n\n"));
}

/** What the README says that the quick start prints. */
export function quickStartPrints(): string {
  return marked("quick start: what it prints");
}
