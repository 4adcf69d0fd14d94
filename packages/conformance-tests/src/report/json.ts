/** The report for programs. */

import type { SuiteReport } from "../results.js";
import { tally } from "./tally.js";

/** The `SuiteReport` as it is, with `totals` before it. */
export function renderJson(report: SuiteReport): string {
  return `${JSON.stringify({ totals: tally(report.results), ...report }, null, 2)}\n`;
}
