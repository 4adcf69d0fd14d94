/** That reports show what was measured, all of it, and nothing better than it was. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLAIMS, judge } from "../src/claims.js";
import { workloadsOf } from "../src/figures.js";
import { isOurs, PUBLISH, publishManyOfEach, rawPipelineOfEach, WORKLOADS } from "../src/names.js";
import type { Workload } from "../src/plan/contender-plan.js";
import { planOf } from "../src/plan/plan.js";
import { writeChart } from "../src/report/chart.js";
import { readExplanations, unexplained } from "../src/report/explanations.js";
import { claimed, figure } from "../src/report/format.js";
import { renderPage } from "../src/report/page.js";
import { filesIn, readRecorded, record, renderSamples } from "../src/report/record.js";
import { renderTable } from "../src/report/table.js";
import { viewOf } from "../src/report/view.js";
import type { Results } from "../src/results.js";
import { RESULTS, without } from "./fixture.js";

const CONTENDERS = [...new Set(RESULTS.measurements.map(({ contender }) => contender))];
const NO_EXPLANATIONS = new Map<string, string>();
const NOTHING = { ...RESULTS, measurements: [] };
/** A run of `--quick --only`: one round, a workload, and no figures of CPU. */
const LITTLE = {
  ...RESULTS,
  runs: 1,
  measurements: RESULTS.measurements
    .filter(({ workload, metric }) => workload === WORKLOADS.publish && metric === "eventsPerSecond")
    .map((one) => ({ ...one, samples: one.samples.slice(0, 1) })),
};

/** As if all that is planned had been measured, with numbers as long as they get; ours is twice the peer. */
function resultsOf(plan: readonly Workload[]): Results {
  const measurements = plan.flatMap(({ name: workload, metrics: ofAll, contenders }) =>
    contenders.flatMap(({ name: contender, metrics = ofAll }) => {
      const factor = isOurs(contender) ? 2 : 1;
      return metrics.map((metric) => {
        const samples = [factor * (metric === "eventsPerSecond" ? 100_000 : 1_000)];
        return { workload, contender, metric, samples };
      });
    }),
  );
  return { ...RESULTS, runs: 1, measurements };
}

describe("a figure", () => {
  test("has three digits that count, and no more than three decimals", () => {
    const shown = [62_123, 1_006_000, 411.4, 16.24, 4.721, 0.2814, 0.0156, 0.0004, 999.6, 0].map(figure);
    expect(shown).toEqual([
      ...["62,100", "1,010,000", "411", "16.2", "4.72", "0.281", "0.016", "0.000", "1,000", "0"],
    ]);
  });

  test.each(CLAIMS)("of claim $id never looks better than it is", (claim) => {
    const values = fc.double({ min: 0.001, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(values, (value) => {
        const shown = Number(claimed(claim, value).replace(/[,×]/g, ""));
        const tolerance = value * 1e-9;
        if (claim.direction === "atLeast") expect(shown).toBeLessThanOrEqual(value + tolerance);
        else expect(shown).toBeGreaterThanOrEqual(value - tolerance);
      }),
    );
  });

  test.each(CLAIMS)("of claim $id that meets the goal is shown as the goal", (claim) => {
    expect(Number(claimed(claim, claim.goal).replace(/[,×]/g, ""))).toBe(claim.goal);
  });
});

describe("a ratio", () => {
  const all = resultsOf(planOf("", false));

  test("is to the peer of the same size, where sizes are compared", () => {
    const view = viewOf(all, WORKLOADS.growthPayloadPublish);
    if (view.kind !== "throughput") throw new Error("wanted a row for each contender");
    for (const size of [100, 1_024, 65_536]) {
      const row = view.rows.find(({ contender }) => contender === publishManyOfEach(size));
      expect(row).toMatchObject({ reference: rawPipelineOfEach(size), ratio: { median: 2 } });
    }
  });

  test("is to a peer and never to ours, where figures have a row each", () => {
    for (const workload of [WORKLOADS.latency, WORKLOADS.cost]) {
      const view = viewOf(all, workload);
      if (view.kind !== "list") throw new Error("wanted a row for each figure");
      for (const { reference, ours, ratio } of view.rows) {
        if (reference === undefined) expect(ratio).toBeUndefined();
        else expect([isOurs(reference), ratio?.median]).toEqual([false, ours ? 2 : 1]);
      }
    }
  });
});

describe("the table", () => {
  test("has every contender of every workload, and every claim", () => {
    const table = renderTable(RESULTS);
    for (const name of [...workloadsOf(RESULTS), ...CONTENDERS]) expect(table).toContain(name);
    for (const { id } of CLAIMS) expect(table).toMatch(new RegExp(`^ {2}[✓~✗?] {2}${id} `, "m"));
  });

  test("names the claims that were not measured, rather than have rows without figures", () => {
    expect(renderTable(LITTLE)).toContain("not measured: 2a, 2b, 2c, 3a, 3b, 4a, 4b, 4c, 5, 6a, 6b\n");
    expect(renderTable(NOTHING)).toContain("not measured: 1a, 1b, 2a, ");
  });

  test("leaves the claims out where they are not wanted", () => {
    const table = renderTable(RESULTS, { claims: false });
    expect(renderTable(RESULTS).startsWith(table.trimEnd())).toBe(true);
    expect(table).not.toContain("✗");
  });

  test("fits 110 columns", () => {
    for (const results of [RESULTS, LITTLE, NOTHING, resultsOf(planOf("", false))]) {
      for (const line of renderTable(results).split("\n")) expect(line.length, line).toBeLessThanOrEqual(110);
    }
  });

  test("has colours where they are asked for, and nowhere else, and the same text in both", () => {
    const colored = renderTable(RESULTS, { colors: true });
    const ESCAPE = "\u001b";
    expect(renderTable(RESULTS)).not.toContain(ESCAPE);
    expect(colored).toContain(ESCAPE);
    const codes = new RegExp(`${ESCAPE}\\[\\d+m`, "g");
    const words = (text: string) => text.replace(codes, "").split(/\s+/);
    expect(words(colored)).toEqual(words(renderTable(RESULTS)));
  });

  test("says why a contender has no figures", () => {
    expect(renderTable(RESULTS)).toContain(`${PUBLISH.groupmq}: not measured: Cannot read properties`);
  });

  test("shows a claim that falls short as such", () => {
    expect(renderTable(RESULTS)).toMatch(/✗ {2}6b .* 18,300 /);
    expect(renderTable(RESULTS)).toMatch(/~ {2}2a /);
  });
});

describe("the page", () => {
  const page = renderPage(RESULTS, NO_EXPLANATIONS);

  test("says in its first line that it is generated, and by what", () => {
    expect(page.split("\n")[0]).toBe("<!-- Generated by `npm run bench -- --record`. Do not edit. -->");
  });

  test("has a heading for each claim, which is what the README links to", () => {
    for (const { id } of CLAIMS) {
      expect(page).toContain(`\n### Line ${id}\n`);
      expect(page).toContain(`[${id}](#line-${id})`);
    }
  });

  test("has every contender of every workload, and why one has no figures", () => {
    for (const name of CONTENDERS) expect(page).toContain(name);
    for (const { workload, contender, note } of RESULTS.measurements) {
      if (note !== undefined) expect(page, workload).toContain(`- ${contender}: ${note}`);
    }
  });

  test("has the machine and the versions", () => {
    for (const text of [RESULTS.machine.cpu, RESULTS.machine.os, ...Object.values(RESULTS.versions)]) {
      expect(page).toContain(text);
    }
  });

  test("shows figures that fall short as such, with what was written of them", () => {
    const explained = renderPage(RESULTS, new Map([["6b", "Half of the time goes into XCLAIM."]]));
    const section = /### Line 6b\n(.*?)\n##/s.exec(explained)?.[1];
    expect(section).toContain("**✗ falls short**");
    expect(section).toContain("Half of the time goes into XCLAIM.");
    expect(explained).toContain("11 reach the goal, 1 the floor alone, **1 neither**");
  });

  test("has rows as wide as their heads", () => {
    for (const table of page.match(/(?:^\|.*\n)+/gm) ?? []) {
      const widths = table
        .trim()
        .split("\n")
        .map((row) => row.split(/(?<!\\)\|/).length);
      expect(new Set(widths).size, table).toBe(1);
    }
  });

  test("can be made of little, and of nothing", () => {
    expect(renderPage(LITTLE, NO_EXPLANATIONS)).toContain("11 had no figure in this run");
    expect(renderPage(NOTHING, NO_EXPLANATIONS)).toContain(`${CLAIMS.length} had no figure in this run`);
  });
});

describe("the chart", () => {
  test("is the same for the same results, whatever was drawn before", async () => {
    const first = await writeChart(RESULTS);
    await writeChart(LITTLE);
    expect(await writeChart(RESULTS)).toBe(first);
  });

  test("has names, values and units in full", async () => {
    const svg = await writeChart(RESULTS);
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
    const drawn: readonly string[] = [WORKLOADS.publish, WORKLOADS.consume, WORKLOADS.latency];
    for (const { workload, contender } of RESULTS.measurements) {
      if (drawn.includes(workload)) expect(texts).toContain(contender);
    }
    for (const text of ["events per second, more is better", "could not be measured", "0.285"]) {
      expect(texts).toContain(text);
    }
    expect(svg).not.toContain("…");
  });

  test("has a background of its own, and is cut off nowhere", async () => {
    const svg = await writeChart(RESULTS);
    const [, width, height] = /^<svg [^>]*viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? [];
    expect(svg).toContain(`<rect width="${width}" height="${height}" fill="#ffffff"/>`);
    expect(Number(width)).toBe(840);
  });

  test("grows by what there is to show, and can be made of nothing", async () => {
    const height = async (results: typeof RESULTS) =>
      Number(/ height="(\d+)"/.exec(await writeChart(results))?.[1]);
    const withoutOne = without(RESULTS, WORKLOADS.publish, PUBLISH.bullmq);
    expect((await height(RESULTS)) - (await height(withoutOne))).toBe(22);
    expect(await height(LITTLE)).toBeLessThan(await height(RESULTS));
    expect(await height(NOTHING)).toBeGreaterThan(0);
  });
});

describe("explanations", () => {
  test("are wanted of every claim that was measured and did not reach its goal", () => {
    const judgements = judge(RESULTS);
    expect(unexplained(judgements, NO_EXPLANATIONS)).toEqual(["2a", "6b"]);
    expect(unexplained(judgements, new Map([["2a", "…"]]))).toEqual(["6b"]);
    expect(unexplained(judge(NOTHING), NO_EXPLANATIONS)).toEqual([]);
  });

  test("are files with the names of claims", () => {
    const folder = mkdtempSync(join(tmpdir(), "explanations-"));
    try {
      expect(readExplanations(join(folder, "none")).size).toBe(0);
      writeFileSync(join(folder, "2a.md"), "Why.\n");
      expect([...readExplanations(folder)]).toEqual([["2a", "Why."]]);
      writeFileSync(join(folder, "9z.md"), "Who reads this?\n");
      expect(() => readExplanations(folder)).toThrow('read the explanation "9z.md"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a record", () => {
  test("is the samples, and the page and the chart that they make", async () => {
    const folder = mkdtempSync(join(tmpdir(), "record-"));
    try {
      const files = filesIn(folder);
      expect(readRecorded(files)).toBeUndefined();
      await record(RESULTS, files);
      expect(readRecorded(files)).toEqual(RESULTS);
      expect(readFileSync(files.page, "utf8")).toBe(renderPage(RESULTS));
      expect(readFileSync(files.chart, "utf8")).toBe(await writeChart(RESULTS));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("has a measurement a line", () => {
    const lines = renderSamples(RESULTS).split("\n");
    expect(lines.filter((line) => line.includes('"samples":'))).toHaveLength(RESULTS.measurements.length);
  });
});
