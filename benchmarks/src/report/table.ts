/** The report for a terminal: a table for each workload, then the claims with their verdicts. Fits 110 columns. */
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { type Finding, type Judgement, judge, type Verdict } from "../claims.js";
import { workloadsOf } from "../figures.js";
import type { Metric, Results } from "../results.js";
import type { Summary } from "../statistics.js";
import { bound, claimed, claimedSpread, figure, spread, times } from "./format.js";
import { METRIC_TEXTS } from "./metrics.js";
import { LEGEND, MARKS } from "./verdicts.js";
import { type ListView, type Note, type ThroughputView, viewOf } from "./view.js";

export interface TableOptions {
  /** False unless given: colours are for terminals. */
  readonly colors?: boolean;
  /** True unless given; false for a quick run, whose figures show nothing. */
  readonly claims?: boolean;
}

type Paint = (text: string, style: Style) => string;
type Style = keyof typeof CODES;
const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

const WIDTH = 110;
const CLAIM_WIDTH = 52;
/** Beside events per second; the page has all. Here are those that tell why a figure is what it is. */
const SHOWN: readonly Metric[] = ["nodeCpuUs", "redisCpuUs", "commandsPerEvent", "roundTripsPerEvent"];
const ON_THE_PAGE_ALONE: ReadonlySet<Metric> = new Set(["redisMainThreadCpuUs", "commandsInScriptsPerEvent"]);

const MARK_STYLES: Readonly<Record<Verdict, Style>> = {
  goal: "green",
  floor: "yellow",
  short: "red",
  "not measured": "dim",
};

/** A rule below the head alone: a grid is louder than what is in it. */
const LINES = {
  ...{ top: "", "top-left": "", "top-mid": "", "top-right": "", left: "", right: "", middle: "" },
  ...{ bottom: "", "bottom-left": "", "bottom-mid": "", "bottom-right": "" },
  ...{ mid: "─", "left-mid": "", "mid-mid": "─", "right-mid": "" },
};

export function renderTable(results: Results, { colors = false, claims = true }: TableOptions = {}): string {
  const paint: Paint = (text, style) => (colors ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text);
  const { machine, runs, versions } = results;
  const rounds = runs === 1 ? "one round" : `${runs} rounds`;
  const parts = [
    [
      `Medians of ${rounds} and their quartiles, on ${machine.cores} cores, ${versions.server}, node ${versions.node}.`,
      "Ratios are to the contender that has 1 ×, the nearest above; CPU, commands and round trips are per event.",
    ].join("\n"),
    ...workloadsOf(results).map((workload) => workloadTable(results, workload, paint)),
    ...(claims ? [claimsTable(judge(results), paint)] : []),
  ];
  return `${parts.join("\n\n")}\n`;
}

function workloadTable(results: Results, workload: string, paint: Paint): string {
  const view = viewOf(results, workload);
  const table = view.kind === "throughput" ? throughputTable(view, paint) : listTable(view, paint);
  return [paint(workload, "bold"), table, ...notes(view.notes, paint)].join("\n");
}

function throughputTable({ rows, metrics }: ThroughputView, paint: Paint): string {
  const shown = SHOWN.filter((metric) => metrics.includes(metric));
  const heads = shown.map((metric) => METRIC_TEXTS[metric].short.replace(" ", "\n"));
  const table = plainTable(["", "events/s", "quartiles", "ratio", ...heads], 1);
  for (const { contender, ours, eventsPerSecond, ratio, reference, figures } of rows) {
    table.push([
      ours ? paint(contender, "cyan") : contender,
      ...(eventsPerSecond
        ? [figure(eventsPerSecond.median), paint(spread(eventsPerSecond), "dim")]
        : [paint("none", "yellow"), ""]),
      ratioCell(ratio, contender === reference, paint),
      ...shown.map((metric) => {
        const summary = figures.get(metric);
        return summary ? figure(summary.median) : "";
      }),
    ]);
  }
  return trimmed(table.toString());
}

function listTable({ rows }: ListView, paint: Paint): string {
  const table = plainTable(["", "", "median", "quartiles", "ratio"], 2);
  let last: Metric | undefined;
  const shown = rows.filter(({ metric }) => !ON_THE_PAGE_ALONE.has(metric));
  for (const { metric, contender, ours, figure: summary, ratio, reference } of shown) {
    table.push([
      metric === last ? "" : METRIC_TEXTS[metric].long,
      ours ? paint(contender, "cyan") : contender,
      figure(summary.median),
      paint(spread(summary), "dim"),
      ratioCell(ratio, contender === reference, paint),
    ]);
    last = metric;
  }
  return trimmed(table.toString());
}

function ratioCell(ratio: Summary | undefined, isReference: boolean, paint: Paint): string {
  if (ratio === undefined) return "";
  return isReference ? paint("1 ×", "dim") : times(ratio.median);
}

function claimsTable(judgements: readonly Judgement[], paint: Paint): string {
  const table = new Table({
    ...styleOf(["", "line", "claim", "measured", "quartiles", "floor", "goal"], 3),
    colWidths: [null, null, CLAIM_WIDTH],
    wordWrap: true,
  });
  const isMeasured = ({ findings }: Judgement) => findings.some((finding) => finding.figure !== undefined);
  const others = judgements.filter((judgement) => !isMeasured(judgement)).map(({ claim }) => claim.id);
  for (const judgement of judgements.filter(isMeasured)) {
    const { claim, verdict, worst } = judgement;
    table.push([
      paint(MARKS[verdict], MARK_STYLES[verdict]),
      claim.id,
      claim.text,
      ...figureCells(judgement, worst, paint),
      bound(claim, claim.floor),
      bound(claim, claim.goal),
    ]);
    for (const row of comparisonRows(judgement, paint)) table.push(["", "", ...row, "", ""]);
  }
  return [
    paint("claims", "bold"),
    ...(table.length > 0 ? [trimmed(table.toString()), paint(LEGEND, "dim")] : []),
    ...(others.length > 0 ? wrapped(`not measured: ${others.join(", ")}`) : []),
  ].join("\n");
}

/** Which peer it was, where a claim leaves a choice, and all of the comparisons, where it has several. */
function comparisonRows(judgement: Judgement, paint: Paint): readonly (readonly string[])[] {
  const { claim, findings } = judgement;
  const against = ({ peer }: Finding) => (peer === undefined ? "" : `  against ${peer}`);
  if (findings.length > 1) {
    return findings.map((finding) => {
      const text = `  ${finding.ours}\n${against(finding)}`.trimEnd();
      return [paint(text, "dim"), ...figureCells(judgement, finding, paint)];
    });
  }
  const hasChoice = claim.comparisons.some(({ peers }) => peers.length > 1);
  return hasChoice ? findings.map((finding) => [paint(against(finding), "dim"), "", ""]) : [];
}

function figureCells({ claim }: Judgement, { figure: summary }: Finding, paint: Paint): readonly string[] {
  if (summary === undefined) return ["", ""];
  return [claimed(claim, summary.median), paint(claimedSpread(claim, summary), "dim")];
}

function notes(all: readonly Note[], paint: Paint): readonly string[] {
  return all.flatMap(({ contender, text }) =>
    wrapped(`${contender}: ${text}`).map((line) => paint(line, "dim")),
  );
}

/** Broken between words; what follows the first line is indented. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = " ";
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > WIDTH && line.trim() !== "") {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function plainTable(head: readonly string[], textColumns: number): Table.Table {
  return new Table({ ...styleOf(head, textColumns) });
}

/** Texts to the left, numbers to the right. */
function styleOf(head: readonly string[], textColumns: number): Table.TableConstructorOptions {
  return {
    head: [...head],
    colAligns: head.map((_, at) => (at < textColumns ? "left" : "right")),
    // The table's own colours are off: ours go where they are wanted, and nowhere else.
    style: { head: [], border: [], compact: true, "padding-left": 2, "padding-right": 0 },
    chars: LINES,
  };
}

/** Without the padding of the last column, and with the rule below the head as wide as what is in the table. */
function trimmed(table: string): string {
  const lines = table.split("\n").map((line) => line.trimEnd());
  const isRule = (line: string) => line.startsWith(LINES.mid);
  const width = Math.max(
    ...lines.filter((line) => !isRule(line)).map((line) => stripVTControlCharacters(line).length),
  );
  return lines.map((line) => (isRule(line) ? `  ${LINES.mid.repeat(width - 2)}` : line)).join("\n");
}
