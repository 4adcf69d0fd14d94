/** The forms of a report, by the names that people ask for them by. */

import type { SuiteReport } from "../results.js";
import { renderHtml } from "./html.js";
import { renderJson } from "./json.js";
import { renderJunit } from "./junit.js";
import { renderTable } from "./table.js";
import type { Colors } from "./text.js";

export const REPORT_FORMATS = ["table", "json", "junit", "html"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** @param colors for the table; the other forms have none. */
export function renderReport(format: ReportFormat, report: SuiteReport, colors: Colors): string {
  switch (format) {
    case "table":
      return renderTable(report, colors);
    case "json":
      return renderJson(report);
    case "junit":
      return renderJunit(report);
    case "html":
      return renderHtml(report);
  }
}
