/** The report as CI systems read it: JUnit's XML, a suite for each runtime and level. */

import builder from "junit-report-builder";
import type { CaseResult, SuiteReport } from "../results.js";
import { levelsOf, placesOf, placeTitle } from "./tally.js";

/**
 * A case that is not applicable is a skipped one, with the reason in its output. Facts of the server are
 * properties of every suite.
 */
export function renderJunit(report: SuiteReport): string {
  const xml = builder.newBuilder();
  for (const place of placesOf(report)) {
    for (const level of levelsOf(report)) {
      const results = report.results.filter((one) => one.place === place && one.level === level);
      if (results.length === 0) continue;
      const durationMs = results.reduce((sum, one) => sum + one.durationMs, 0);
      const suite = xml
        .testSuite()
        .name(`${placeTitle(place, report)}, ${level}`)
        .timestamp(report.startedAt)
        .time(durationMs / 1_000);
      for (const [name, value] of propertiesOf(report)) suite.property(name, value);
      for (const result of results) addCase(suite, result);
    }
  }
  return `${xml.build()}\n`;
}

type Suite = ReturnType<typeof builder.testSuite>;

function addCase(suite: Suite, result: CaseResult): void {
  const { id, level, place, status, durationMs } = result;
  const [title, reason] = [legal(result.title), legal(result.reason ?? "")];
  const testCase = suite
    .testCase()
    .className(`sluice.${place}.${level}`)
    .name(`${id}: ${title}`)
    .time(durationMs / 1_000);
  if (status === "notApplicable") testCase.skipped().standardOutput(`not applicable: ${reason}`);
  if (status === "failed") {
    const [firstLine = ""] = reason.split("\n");
    testCase.failure(firstLine, "failed").stacktrace(reason);
  }
}

/** XML has no way to hold control characters; the builder looks for them in attributes alone. */
function legal(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|[\p{Cs}\uFFFE\uFFFF]/gu, "\uFFFD");
}

function propertiesOf({ server }: SuiteReport): readonly (readonly [string, string])[] {
  return [
    ["server", server.product],
    ["address", server.address],
    ["mode", server.mode],
    ...server.findings.map(({ name, value, warning }) => {
      return [name, legal(warning === undefined ? value : `${value}; ${warning}`)] as const;
    }),
  ];
}
