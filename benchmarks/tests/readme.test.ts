/** That the README claims of speed and cost what was recorded, and nothing else. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { judge } from "../src/claims.js";
import { CONSUME, WORKLOADS } from "../src/names.js";
import { writeChart } from "../src/report/chart.js";
import { readExplanations, unexplained } from "../src/report/explanations.js";
import { renderPage } from "../src/report/page.js";
import { unfoundedClaims } from "../src/report/readme.js";
import { RECORDED, readRecorded, renderSamples } from "../src/report/record.js";
import { RESULTS, without } from "./fixture.js";

const README = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
const recorded = readRecorded();

test("the README claims nothing that is not in docs/internals/benchmarks.md, and nothing better", () => {
  expect(unfoundedClaims(README, recorded)).toEqual([]);
});

test("docs/internals/benchmarks.md and its chart are what the samples make them", async () => {
  const { samples, ...made } = RECORDED;
  if (recorded === undefined) {
    expect(Object.values(made).filter((path) => existsSync(path))).toEqual([]);
    return;
  }
  expect(readFileSync(samples, "utf8")).toBe(renderSamples(recorded));
  expect(readFileSync(made.page, "utf8")).toBe(renderPage(recorded));
  expect(readFileSync(made.chart, "utf8")).toBe(await writeChart(recorded));
});

test("of every recorded figure that does not reach its goal, benchmarks/explanations says why", () => {
  expect(unexplained(recorded === undefined ? [] : judge(recorded), readExplanations())).toEqual([]);
});

describe("a claim of a README", () => {
  const link = (text: string, id: string) => `[${text}](docs/internals/benchmarks.md#line-${id})`;
  /** The fixture has 3.09 × for line 2b, and 79,500 and 93,300 events/s of ours in it. */
  const problems = (text: string, results = RESULTS) => unfoundedClaims(text, results);

  test.each([
    `Consumes ${link("3 ×", "2b")} as fast as the hand-written loop.`,
    `Consumes ${link("3.09 ×", "2b")} as much as the hand-written loop, and is faster.`,
    `${link("79k", "2b")} events each second.`,
    `A key takes ${link("90 bytes", "4b")}, and p50 is ${link("1.44 ×", "3a")} that of a raw loop.`,
    `| rate | ${link("79,000 events/s", "2b")} |`,
    `It recovers ${link("18,000", "6b")} entries\neach second.`,
    "The figures are in [docs/internals/benchmarks.md](docs/internals/benchmarks.md).",
  ])("may be %j", (text) => {
    expect(problems(text)).toEqual([]);
  });

  test.each([
    ["better than recorded", `Consumes ${link("3.1 ×", "2b")} as much.`],
    ["better than recorded, of our worst", `Consumes ${link("90k", "2b")} events.`],
    ["better than recorded, where less is better", `A key takes ${link("89 bytes", "4b")}.`],
    ["of a ratio where there is none", `A key takes ${link("0.5 ×", "4b")}.`],
    ["of a line that is not there", `Consumes ${link("2 ×", "7x")} as much.`],
    ["of two figures at once", `Consumes ${link("2 × at 64", "2b")} as much.`],
    ["without a figure", `Consumes ${link("more", "2b")}.`],
    ["in percent", `Consumes ${link("200 %", "2b")} of it.`],
  ])("is refused when it is %s", (_, text) => {
    expect(problems(text)).toHaveLength(1);
  });

  test.each([
    "Publishes 64,000 events/s.",
    "Publishes 64k events per second on two cores.",
    "Publishes 64000/s.",
    "It is 3 × the loop.",
    "It is 2.5x the loop.",
    "It is 3 times as fast as the loop.",
    "A handler starts within 0.4 ms at p99.",
    "An event takes 12 µs of Redis.",
    "| publish | 1.3 × |",
    "Sluice is faster than the rest.",
    "It outperforms every peer.",
    "A high-throughput, low-latency bus.",
  ])("needs a line: %j", (text) => {
    expect(problems(text).length).toBeGreaterThan(0);
  });

  test("counts in each sentence and row by itself", () => {
    const founded = `Consumes ${link("3 ×", "2b")} as much.`;
    expect(problems(`${founded} Publishes 64k events per second.`)).toHaveLength(1);
    expect(problems(`| a | ${founded} |\n| b | 1.3 × |`)).toHaveLength(1);
  });

  test.each([
    "At ten events a second that is 6 to 8 million keys.",
    "Retried up to 5 times, after 1,000 ms; 1 to 128 of `A-Z`.",
    "```\n64,000 events/s, faster\n```",
    "It takes `3 ×` in code.",
    "Node 20.x and Redis 7.0 in 3.9 s (4/3 of that).",
  ])("is not seen where there is none: %j", (text) => {
    expect(problems(text)).toEqual([]);
  });

  test("is refused as long as nothing was recorded, or that figure was not", () => {
    const text = `Consumes ${link("3 ×", "2b")} as much.`;
    expect(unfoundedClaims(text, undefined)).toHaveLength(1);
    expect(problems(text, without(RESULTS, WORKLOADS.consume, CONSUME.idempotent64))).toHaveLength(1);
  });
});
