/**
 * What people wrote of figures that fall short: where the time goes, and what was tried. One file a line,
 * `benchmarks/explanations/1a.md`, taken into the page as it is.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CLAIMS, type Judgement } from "../claims.js";

/** Markdown by the ids of claims. */
export type Explanations = ReadonlyMap<string, string>;

const FOLDER = fileURLToPath(new URL("../../explanations/", import.meta.url));

/** @throws Error for a file that no claim has the name of: nobody would read it. */
export function readExplanations(folder = FOLDER): Explanations {
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  return new Map(
    files.map((file) => {
      const id = file.replace(/\.md$/, "");
      if (id === file || !CLAIMS.some((claim) => claim.id === id)) {
        throw new Error(`read the explanation "${file}": wanted the id of a claim and .md`);
      }
      return [id, readFileSync(`${folder}/${file}`, "utf8").trim()] as const;
    }),
  );
}

/** The claims that were measured, did not reach their goal, and of which nobody has said why. */
export function unexplained(judgements: readonly Judgement[], explanations: Explanations): readonly string[] {
  return judgements
    .filter(({ verdict }) => verdict === "floor" || verdict === "short")
    .map(({ claim }) => claim.id)
    .filter((id) => !explanations.has(id));
}
