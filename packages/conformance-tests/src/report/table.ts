/** The report for a terminal: a table of levels and runtimes, then what failed and what was not applicable. */

import Table from "cli-table3";
import type { CaseResult, SuiteReport } from "../results.js";
import {
  groupBy,
  levelsOf,
  notApplicableByReason,
  outcomeOf,
  placesOf,
  placeTitle,
  spanOf,
  type Tally,
  tally,
  verdictOf,
} from "./tally.js";
import { type Colors, wrap } from "./text.js";

/** Lines below the head alone. */
const PLAIN = {
  ...{ top: "", "top-left": "", "top-mid": "", "top-right": "", left: "", right: "", middle: " " },
  ...{ bottom: "", "bottom-left": "", "bottom-mid": "", "bottom-right": "" },
  ...{ mid: "─", "left-mid": "", "mid-mid": "─", "right-mid": "" },
};

/** Fits 80 columns, save for words that are longer. */
export function renderTable(report: SuiteReport, colors: Colors): string {
  const parts = [
    matrix(report, colors),
    failures(report, colors),
    notApplicable(report, colors),
    notes(report, colors),
    renderVerdict(report, colors),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** One line: `413 passed, 11 not applicable, in 32 s`. */
export function renderVerdict({ results, durationMs }: SuiteReport, colors: Colors): string {
  const paint = { passed: colors.green, failed: colors.red, notApplicable: colors.yellow };
  return paint[outcomeOf(results)](`${verdictOf(results)}, in ${spanOf(durationMs)}`);
}

function matrix(report: SuiteReport, colors: Colors): string {
  const places = placesOf(report);
  const titles = places.map((place) => placeTitle(place, report).replace(" ", "\n"));
  const table = new Table({
    head: ["level", ...titles],
    // Colours of ours alone, and only where they are wanted.
    style: { head: [], border: [], compact: true },
    chars: PLAIN,
    colAligns: ["left", ...places.map(() => "right" as const)],
  });
  const row = (title: string, results: readonly CaseResult[]) => [
    title,
    ...places.map((place) => cell(tally(results.filter((one) => one.place === place)), colors)),
  ];
  for (const level of levelsOf(report))
    table.push(
      row(
        level,
        report.results.filter((one) => one.level === level),
      ),
    );
  table.push(row("all", report.results));
  return table.toString();
}

/** Nothing where there was nothing to run, so that it is not taken for passed. */
function cell({ passed, failed, notApplicable }: Tally, colors: Colors): string {
  const lines = [
    ...(failed > 0 ? [colors.red(`${failed} failed`)] : []),
    ...(passed > 0 ? [colors.green(`${passed} passed`)] : []),
    ...(notApplicable > 0 ? [colors.dim(`${notApplicable} n/a`)] : []),
  ];
  return lines.length === 0 ? colors.dim("-") : lines.join("\n");
}

/** What failed the same way on several runtimes is told once. */
function failures({ results }: SuiteReport, colors: Colors): string {
  const failed = results.filter(({ status }) => status === "failed");
  if (failed.length === 0) return "";
  const alike = groupBy(failed, ({ id, reason }) => JSON.stringify([id, reason]));
  const blocks = [...alike.values()].map((those) => {
    const [{ id, title, reason = "no reason was given" } = { id: "", title: "" }] = those;
    const places = those.map(({ place }) => place).join(", ");
    return `${colors.red("✗")} ${colors.bold(id)} (${places})\n${wrap(title, "  ")}\n${wrap(reason, "    ")}`;
  });
  return [colors.bold("Failed"), ...blocks].join("\n");
}

function notApplicable(report: SuiteReport, colors: Colors): string {
  const groups = notApplicableByReason(report.results);
  if (groups.length === 0) return "";
  const everywhere = report.runtimes.length;
  const blocks = groups.map(({ reason, cases, count }) => {
    const list = [...cases].map(([id, places]) => {
      return places.length === everywhere ? id : `${id} (${places.join(",")})`;
    });
    return `${wrap(`${reason}: ${count}`, "  ")}\n${colors.dim(wrap(list.join(", "), "    "))}`;
  });
  return [colors.bold("Not applicable (n/a), by reason"), ...blocks].join("\n");
}

/** What is to be known besides: the warnings of the probe once more, since the results stand under them. */
function notes({ notes, missing, server }: SuiteReport, colors: Colors): string {
  const lines = [
    ...missing.map(({ name, reason }) => `${name} was not found: ${reason}`),
    ...server.findings.flatMap(({ name, warning }) => (warning === undefined ? [] : [`${name}: ${warning}`])),
    ...notes,
  ];
  if (lines.length === 0) return "";
  return [colors.bold("Notes"), ...lines.map((line) => wrap(line, "  "))].join("\n");
}
