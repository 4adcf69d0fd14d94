/**
 * The report as one page: nothing is loaded, so that it can be kept, sent and opened anywhere. Its look is in
 * `html/style.ts`, its filter in `html/filter.ts`; without scripts the page shows every case.
 */

import type { CaseResult, Finding, Place, SuiteReport } from "../results.js";
import { FILTER_SCRIPT } from "./html/filter.js";
import { type Html, html, raw } from "./html/markup.js";
import { STYLE } from "./html/style.js";
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

/** Words for people; `notApplicable` is a colour of its own, so that nobody takes it for passed. */
const STATUS_WORDS = { passed: "passed", failed: "failed", notApplicable: "not applicable" } as const;
type Status = CaseResult["status"];
/** The worst first. */
const STATUSES: readonly Status[] = ["failed", "notApplicable", "passed"];
const STATUS_MARKS: Readonly<Record<Status, string>> = { passed: "✓", failed: "✗", notApplicable: "–" };

export function renderHtml(report: SuiteReport): string {
  const title = `${report.server.product}: ${verdictOf(report.results)}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${title} · Sluice conformance</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
${heading(report)}
${matrix(report)}
${facts(report)}
${reasons(report)}
${cases(report)}
</main>
<script>${raw(FILTER_SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

function heading(report: SuiteReport): Html {
  const { server, runtimes, results, startedAt, durationMs } = report;
  const ran = runtimes.map(({ name, version }) => `${name} ${version}`).join(" · ");
  return html`<header class="${outcomeOf(results)}">
<p class="over">Sluice conformance</p>
<h1>${verdictOf(results)}</h1>
<p><strong>${server.product}</strong>, ${server.mode} at <code>${server.address}</code></p>
<p class="quiet">${ran} · <time datetime="${startedAt}">${startedAt}</time> · ${spanOf(durationMs)}</p>
</header>`;
}

function matrix(report: SuiteReport): Html {
  const places = placesOf(report);
  const row = (level: string, results: readonly CaseResult[]) => html`<tr><th scope="row">${level}</th>
${places.map((place) => matrixCell(level, place, tally(results.filter((one) => one.place === place))))}</tr>`;
  return html`<section aria-labelledby="matrix">
<h2 id="matrix">Levels and runtimes</h2>
<div class="scroll"><table class="matrix">
<thead><tr><th scope="col">level</th>${places.map((place) => html`<th scope="col">${placeTitle(place, report)}</th>`)}</tr></thead>
<tbody>${levelsOf(report).map((level) =>
    row(
      level,
      report.results.filter((one) => one.level === level),
    ),
  )}</tbody>
<tfoot>${row("all", report.results)}</tfoot>
</table></div>
</section>`;
}

/** Leads to its cases. */
function matrixCell(level: string, place: Place, counts: Tally): Html {
  const present = STATUSES.filter((status) => counts[status] > 0);
  if (present.length === 0) return html`<td class="none">nothing to run</td>`;
  return html`<td><a href="#cases" data-level="${level === "all" ? "" : level}" data-place="${place}">
<span class="bar" aria-hidden="true">${present.map((status) => html`<i class="${status}" style="flex-grow:${counts[status]}"></i>`)}</span>
${present.map((status) => html`<span class="count ${status}">${counts[status]} ${STATUS_WORDS[status]}</span>`)}
</a></td>`;
}

function facts({ server, missing, notes }: SuiteReport): Html {
  const fact = ({ name, value, warning }: Finding) => html`<div><dt>${name}</dt><dd>${value}
${warning === undefined ? "" : html`<p class="warning">${warning}</p>`}</dd></div>`;
  const lines = [...missing.map(({ name, reason }) => `${name} was not found: ${reason}`), ...notes];
  return html`<section aria-labelledby="server">
<h2 id="server">The server</h2>
<dl>${server.findings.map(fact)}</dl>
${lines.length === 0 ? "" : html`<ul class="notes">${lines.map((line) => html`<li>${line}</li>`)}</ul>`}
</section>`;
}

function reasons({ results }: SuiteReport): Html | string {
  const groups = notApplicableByReason(results);
  if (groups.length === 0) return "";
  return html`<section aria-labelledby="reasons">
<h2 id="reasons">Why cases were not applicable</h2>
<ul class="reasons">${groups.map(({ reason, count }) => html`<li><strong>${count}</strong> ${reason}</li>`)}</ul>
</section>`;
}

function cases(report: SuiteReport): Html {
  const byId = groupBy(report.results, ({ id }) => id);
  const option = (value: string, text = value) => html`<option value="${value}">${text}</option>`;
  const places = placesOf(report);
  return html`<section aria-labelledby="cases">
<h2 id="cases">Cases</h2>
<form id="filter" hidden>
<input type="search" name="text" placeholder="Find by ID, title or reason" aria-label="Find by ID, title or reason">
<select name="level" aria-label="Level">${option("", "every level")}${levelsOf(report).map((it) => option(it))}</select>
<select name="place" aria-label="Runtime">${option("", "every runtime")}${places.map((it) => option(it))}</select>
<select name="status" aria-label="Status">${option("", "every status")}${STATUSES.map((it) => option(it, STATUS_WORDS[it]))}</select>
<output></output>
</form>
${[...byId].map(([id, results]) => caseEntry(id, results))}
<p class="none" id="nothing" hidden>No case matches.</p>
</section>`;
}

function caseEntry(id: string, results: readonly CaseResult[]): Html {
  const [{ title, level } = { title: "", level: "" }] = results;
  const found = results.map(({ place, status }) => `${place}:${status}`).join(" ");
  const explained = results.filter(({ reason }) => reason !== undefined);
  const head = html`<span class="id">${id}</span><span class="level">${level}</span>
<span class="pills">${results.map(pill)}</span><span class="title">${title}</span>`;
  if (explained.length === 0)
    return html`<article data-level="${level}" data-results="${found}">${head}</article>`;
  const open = explained.some(({ status }) => status === "failed") ? raw(" open") : "";
  return html`<article data-level="${level}" data-results="${found}"><details${open}><summary>${head}</summary>
${[...groupBy(explained, ({ reason }) => reason)].map(
  ([reason, those]) =>
    html`<p class="quiet">${those.map(({ place }) => place).join(", ")}</p><pre>${reason ?? ""}</pre>`,
)}</details></article>`;
}

function pill({ place, status, durationMs }: CaseResult): Html {
  const told = `${place}: ${STATUS_WORDS[status]}, ${Math.round(durationMs)} ms`;
  return html`<span class="pill ${status}" title="${told}"><span aria-hidden="true">${STATUS_MARKS[status]}</span> ${place}<span class="hidden"> ${STATUS_WORDS[status]}</span></span>`;
}
