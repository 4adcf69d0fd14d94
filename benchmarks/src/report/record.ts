/**
 * What is recorded in `docs`: the samples, and the page and chart that are made of them.
 *
 *     npx tsx benchmarks/src/report/record.ts     makes page and chart anew of the samples that are there
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Results } from "../results.js";
import { writeChart } from "./chart.js";
import { renderPage } from "./page.js";

export interface RecordFiles {
  readonly samples: string;
  readonly page: string;
  readonly chart: string;
}

export const RECORDED = filesIn(fileURLToPath(new URL("../../../docs/internals/", import.meta.url)));

export function filesIn(folder: string): RecordFiles {
  const file = (ending: string) => join(folder, `benchmarks.${ending}`);
  return { samples: file("json"), page: file("md"), chart: file("svg") };
}

/** Undefined as long as nothing was recorded. */
export function readRecorded({ samples } = RECORDED): Results | undefined {
  if (!existsSync(samples)) return undefined;
  const recorded: Results = JSON.parse(readFileSync(samples, "utf8"));
  return recorded;
}

/** Writes all three files. Nothing is written unless all can be made. */
export async function record(results: Results, files = RECORDED): Promise<void> {
  const page = renderPage(results);
  const chart = await writeChart(results);
  writeFileSync(files.samples, renderSamples(results));
  writeFileSync(files.page, page);
  writeFileSync(files.chart, chart);
}

/** A measurement a line, so that a record's differences can be read. */
export function renderSamples({ measurements, ...about }: Results): string {
  const lines = measurements.map((measurement) => `  ${JSON.stringify(measurement)}`);
  const head = JSON.stringify(about, undefined, 1).replace(/\n\}$/, "");
  return `${head},\n "measurements": [\n${lines.join(",\n")}\n ]\n}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const recorded = readRecorded();
  if (recorded === undefined) throw new Error(`read ${RECORDED.samples}: nothing was recorded yet`);
  await record(recorded);
}
