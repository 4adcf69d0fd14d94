/**
 * That what the README claims of speed and cost was measured.
 *
 * A claim is a link to a line of the page with one figure in its text, `[2.5 ×](docs/internals/benchmarks.md#line-2b)`, and the
 * figure is not better than the one that was recorded. Without such a link there is no figure, and no "faster".
 */
import { anchorOf, CLAIMS, type Judgement, judgeClaim } from "../claims.js";
import type { Results } from "../results.js";
import { claimed, figure as shown } from "./format.js";

const LINK = /\[([^\]]*)\]\((?:\.\/)?docs\/internals\/benchmarks\.md#(line-[^)\s]*)\)/g;
/** A number, with its thousands apart or counted in `k` and `M`. */
const NUMBER = /(\d[\d,]*(?:\.\d+)?)\s?([kM])?(?!\w)/g;
const SCALES: Readonly<Record<string, number>> = { k: 1e3, M: 1e6 };

/** What compares, rates or times: such a figure belongs into a link. */
const FIGURES = [
  /\d\s*×/,
  /\d\s?x\b/,
  /\d\s+times\s+(?:as|the|more|less|faster|slower|quicker)\b/i,
  /\d\s?[kM]?\s*(?:\w+\s+)?(?:\/\s?s(?:ec)?|per second|a second)\b/,
  /\d\s?[kM]?\s*\w+\/s\b/,
  /\d\s*µs/,
];
/** Comparisons and shares in words: they stand beside a link, or not at all. */
const BOASTS = [
  /\b(?:fast|slow|quick)(?:er|est)\b/i,
  /\bas fast as\b/i,
  /\boutperform/i,
  /\b(?:low.latency|high.(?:throughput|performance))\b/i,
  /\bp(?:50|9\d|99\.9)\b/,
];

/**
 * What of a README is not founded on what was recorded; a line each, for people.
 *
 * @param recorded undefined if nothing was recorded: then nothing may be claimed
 */
export function unfoundedClaims(readme: string, recorded: Results | undefined): readonly string[] {
  return sentencesOf(readme).flatMap((sentence) => {
    const links = [...sentence.matchAll(LINK)];
    const rest = sentence.replaceAll(LINK, "");
    const unlinked = FIGURES.map((pattern) => pattern.exec(rest)?.[0]).find((found) => found !== undefined);
    return [
      ...links.flatMap(([, text = "", anchor = ""]) => problemOf(text, anchor, recorded) ?? []),
      ...(unlinked === undefined
        ? []
        : [`"${unlinked}" names no line of docs/internals/benchmarks.md: ${sentence}`]),
      ...(links.length === 0 && BOASTS.some((pattern) => pattern.test(rest))
        ? [`compares, and names no line: ${sentence}`]
        : []),
    ];
  });
}

function problemOf(text: string, anchor: string, recorded: Results | undefined): string | undefined {
  const claim = CLAIMS.find((one) => anchorOf(one) === anchor);
  if (claim === undefined) return `"${text}" names "${anchor}": there is no such line`;
  if (recorded === undefined) return `"${text}" names ${anchor}: nothing was recorded yet`;
  const [quoted, ...others] = [...text.matchAll(NUMBER)];
  if (quoted === undefined || others.length > 0 || text.includes("%")) {
    return `"${text}" names ${anchor}: wanted one figure in the link's text, as a number or with ×`;
  }
  const judgement = judgeClaim(claim, recorded);
  const isRatio = /×|\btimes\b/.test(text);
  const measured = isRatio ? measuredRatio(judgement) : measuredValue(judgement);
  if (measured === undefined) return `"${text}" names ${anchor}: no such figure was recorded`;
  const figure = Number(quoted[1]?.replaceAll(",", "")) * (SCALES[quoted[2] ?? ""] ?? 1);
  const isBetter = claim.direction === "atLeast" ? figure > measured : figure < measured;
  const told = isRatio ? claimed(claim, measured) : shown(measured);
  return isBetter ? `"${text}" names ${anchor}: better than what was recorded, ${told}` : undefined;
}

function measuredRatio({ claim, worst }: Judgement): number | undefined {
  return claim.kind === "ratio" ? worst.figure?.median : undefined;
}

/** Our own figure, the worst of those that the claim is about. */
function measuredValue({ claim, findings }: Judgement): number | undefined {
  const values = findings.flatMap(({ oursFigure }) => oursFigure?.median ?? []);
  if (values.length < findings.length) return undefined;
  return claim.direction === "atLeast" ? Math.min(...values) : Math.max(...values);
}

/** Of text, lists and tables; code and comments claim nothing. A row of a table is one. */
function sentencesOf(markdown: string): readonly string[] {
  const prose = markdown
    .replaceAll(/^```.*?^```$/gms, "")
    .replaceAll(/<!--.*?-->/gs, "")
    .replaceAll(/`[^`\n]*`/g, "code");
  return prose
    .split(/\n\s*\n|\n(?=\s*(?:[|#>-]|\d+\.)\s?)/)
    .map((block) => block.replaceAll(/\s+/g, " ").trim())
    .flatMap((block) => (block.startsWith("|") ? [block] : block.split(/(?<=[.!?:])\s+/)))
    .filter((sentence) => sentence !== "");
}
