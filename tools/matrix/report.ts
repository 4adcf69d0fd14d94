/** What a run of the matrix came to: as a table for the terminal, and as the section that docs/internals/conformance.md keeps. */

import { cpus } from "node:os";
import type { CaseResult, Place, SuiteReport } from "@sluice/conformance";
import Table from "cli-table3";
import { groupBy, spanOf, tally } from "../../packages/conformance-tests/src/report/tally.js";

/** One server's column. */
export interface Column {
  /** `redis-7.0`, `cluster`. */
  readonly name: string;
  readonly description: string;
  readonly report: SuiteReport;
}

/** Rows: the runtimes of the run, then the script vectors. */
function placesOf(columns: readonly Column[]): readonly Place[] {
  const seen = new Set(columns.flatMap(({ report }) => report.results.map(({ place }) => place)));
  return (["node", "deno", "bun", "scripts"] as const).filter((place) => seen.has(place));
}

function resultsAt({ report }: Column, place: Place): readonly CaseResult[] {
  return report.results.filter((result) => result.place === place);
}

/** `318 passed, 12 n.a.`; failures first. */
function cellLines(results: readonly CaseResult[]): readonly string[] {
  const { passed, failed, notApplicable } = tally(results);
  const lines = [
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(passed > 0 ? [`${passed} passed`] : []),
    ...(notApplicable > 0 ? [`${notApplicable} n.a.`] : []),
  ];
  return lines.length === 0 ? ["-"] : lines;
}

export function isGreen(columns: readonly Column[]): boolean {
  return columns.every(({ report }) => tally(report.results).failed === 0 && report.missing.length === 0);
}

export function renderForTerminal(columns: readonly Column[]): string {
  const table = new Table({
    head: ["", ...columns.map(({ name }) => name)],
    style: { head: [], border: [] },
  });
  for (const place of placesOf(columns)) {
    table.push([place, ...columns.map((column) => cellLines(resultsAt(column, place)).join("\n"))]);
  }
  const parts = [
    table.toString(),
    ...exceptions(columns).map(({ reason, results }) => `n.a.: ${reason}\n${indented(namesOf(results))}`),
    ...failures(columns).map(
      ({ column, result }) =>
        `FAILED: ${result.id} (${result.place}, ${column})\n${indented(result.reason ?? "")}`,
    ),
    ...notes(columns),
  ];
  return `${parts.join("\n\n")}\n`;
}

export function renderForPage(columns: readonly Column[]): string {
  const [first] = columns;
  const startedAt = first?.report.startedAt.slice(0, 10);
  const runtimes = first?.report.runtimes.map(({ name, version }) => `${name} ${version}`).join(", ");
  const took = spanOf(columns.reduce((sum, { report }) => sum + report.durationMs, 0));
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const table = [
    row(["", ...columns.map(({ name }) => name)]),
    row(["---", ...columns.map(() => "---")]),
    ...placesOf(columns).map((place) =>
      row([place, ...columns.map((column) => cellLines(resultsAt(column, place)).join("<br>"))]),
    ),
  ];
  const servers = columns.map(({ name, description, report }) => {
    return `- \`${name}\`: ${description}; ${spanOf(report.durationMs)}`;
  });
  return [
    `Run on ${startedAt} with ${runtimes}, on ${cpus().length} cores, in ${took}.`,
    table.join("\n"),
    servers.join("\n"),
    ...section(
      "Not applicable (n.a.), each with its reason:",
      exceptions(columns).map(({ reason, results }) => {
        return `- ${reason}: ${results.length} results\n  <details><summary>which</summary>\n\n  ${namesOf(results)}\n  </details>`;
      }),
    ),
    ...section(
      "Failed:",
      failures(columns).map(({ column, result }) => `- ${result.id} (${result.place}, ${column})`),
    ),
    ...section(
      "What else the runs told:",
      notes(columns).map((line) => `- ${line}`),
    ),
  ].join("\n\n");
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, lines.join("\n")];
}

/** A result and the column it is in. */
interface Placed {
  readonly column: string;
  readonly result: CaseResult;
}

function placedResults(columns: readonly Column[], status: CaseResult["status"]): readonly Placed[] {
  return columns.flatMap(({ name, report }) =>
    report.results.filter((it) => it.status === status).map((result) => ({ column: name, result })),
  );
}

function failures(columns: readonly Column[]): readonly Placed[] {
  return placedResults(columns, "failed");
}

/** What was not applicable, by its reason. */
function exceptions(
  columns: readonly Column[],
): readonly { readonly reason: string; readonly results: readonly Placed[] }[] {
  const byReason = groupBy(placedResults(columns, "notApplicable"), ({ result }) => result.reason ?? "");
  return [...byReason].map(([reason, results]) => ({ reason, results }));
}

/** The cases of some results, each with the columns that it is in: `cluster/slots (redis-7.0, redis-8.0)`. */
function namesOf(results: readonly Placed[]): string {
  return [...groupBy(results, ({ result }) => result.id)]
    .map(([id, places]) => `${id} (${[...new Set(places.map(({ column }) => column))].join(", ")})`)
    .join("; ");
}

function notes(columns: readonly Column[]): readonly string[] {
  return columns.flatMap(({ name, report }) => [
    ...report.missing.map((it) => `${name}: ${it.name} was not found: ${it.reason}`),
    ...report.notes.map((line) => `${name}: ${line}`),
  ]);
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
