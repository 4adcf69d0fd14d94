/**
 * The chart of `docs/internals/benchmarks.md`: bars of medians with their quartiles, a panel for each question.
 *
 * All sizes are fixed, and no text is measured, so that the same results make the same bytes on every machine.
 */
import { parse, resetSVGDefIds, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { contendersOf, figureOf } from "../figures.js";
import { isOurs, WORKLOADS } from "../names.js";
import type { Metric, Results } from "../results.js";
import { figure } from "./format.js";

interface Panel {
  readonly title: string;
  /** What better is. */
  readonly unit: string;
  readonly workload: string;
  readonly metric: Metric;
  readonly best: "highest" | "lowest";
}

/** Vega-Lite gives the specification of one panel no exported name. */
type PanelSpec = Extract<TopLevelSpec, { vconcat: unknown }>["vconcat"][number];

const PANELS: readonly Panel[] = [
  {
    title: "Publish",
    unit: "events per second, more is better",
    workload: WORKLOADS.publish,
    metric: "eventsPerSecond",
    best: "highest",
  },
  {
    title: "Consume to acknowledged, one process",
    unit: "events per second, more is better",
    workload: WORKLOADS.consume,
    metric: "eventsPerSecond",
    best: "highest",
  },
  {
    title: "Latency at 200 events a second, p50",
    unit: "ms from publish to handler start, less is better",
    workload: WORKLOADS.latency,
    metric: "p50Ms",
    best: "lowest",
  },
  {
    title: "Latency at 200 events a second, p99",
    unit: "ms from publish to handler start, less is better",
    workload: WORKLOADS.latency,
    metric: "p99Ms",
    best: "lowest",
  },
  {
    title: "Redis CPU, consume to acknowledged",
    unit: "µs per event, less is better",
    workload: WORKLOADS.consume,
    metric: "redisCpuUs",
    best: "lowest",
  },
  {
    title: "Redis CPU, publish to processed",
    unit: "µs per event, less is better",
    workload: WORKLOADS.cost,
    metric: "redisCpuUs",
    best: "lowest",
  },
];

/** Legible by itself on a page of any colour. */
const COLORS = {
  background: "#ffffff",
  text: "#1f2328",
  faint: "#59636e",
  grid: "#e6e8eb",
  ours: "#d9480f",
  peer: "#adb5bd",
  spread: "#343a40",
} as const;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
/** In pixels. `heading` is above each panel, `scale` below it, `top` above all of them. */
const SIZES = {
  labels: 290,
  bars: 510,
  row: 22,
  heading: 50,
  scale: 34,
  top: 64,
  margin: 20,
  text: 12,
} as const;
/** Room to the right of the longest bar for its value. */
const HEADROOM = 1.16;

/** @returns an SVG document. */
export async function writeChart(results: Results): Promise<string> {
  const panels = PANELS.map((panel) => ({ panel, bars: barsOf(results, panel) }));
  const shown = panels.filter(({ bars }) => bars.some(({ measured }) => measured));
  const { spec } = compile(chartSpec(results, shown.map(panelSpec)));
  const rows = shown.reduce((sum, { bars }) => sum + bars.length, 0);
  // Numbers of clip paths and gradients would go on from the last chart of this process.
  resetSVGDefIds();
  const view = new View(parse({ ...spec, ...fixedSize(rows, shown.length) }), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}

/** Left to itself Vega would measure texts, or guess their widths where it has no fonts. */
function fixedSize(rows: number, panels: number) {
  const { labels, bars, row, heading, scale, top, margin } = SIZES;
  return {
    autosize: "none",
    width: bars,
    height: rows * row + (panels - 1) * (heading + scale),
    padding: { left: labels + margin, right: margin, top: top + heading, bottom: scale + margin / 2 },
  } as const;
}

function chartSpec(results: Results, panels: readonly PanelSpec[]): TopLevelSpec {
  const { machine, runs, versions } = results;
  const rounds = runs === 1 ? "one round" : `${runs} interleaved rounds`;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: COLORS.background,
    title: {
      text: "Sluice and its peers, side by side on one server",
      dx: -SIZES.labels,
      offset: 26,
      subtitle: [
        `Ours in orange, peers in grey. Bars are medians of ${rounds}, the lines on them the quartiles.`,
        `${machine.cpu}, ${machine.cores} cores · ${versions.server} · node ${versions.node} · ioredis ${versions.ioredis}`,
      ],
    },
    vconcat: [...panels],
    spacing: SIZES.heading + SIZES.scale,
    bounds: "flush",
    config: CONFIG,
  };
}

interface Bar {
  readonly contender: string;
  readonly ours: boolean;
  readonly measured: boolean;
  readonly median: number;
  readonly q1: number;
  readonly q3: number;
  readonly label: string;
}

/** The best first; what could not be measured comes last, and says so. */
function barsOf(results: Results, { workload, metric, best }: Panel): readonly Bar[] {
  const sign = best === "highest" ? -1 : 1;
  const bars = contendersOf(results, workload).flatMap((contender): readonly Bar[] => {
    const common = { contender, ours: isOurs(contender) };
    const summary = figureOf(results, workload, contender, metric);
    if (summary !== undefined) {
      const { median, q1, q3 } = summary;
      return [{ ...common, measured: true, median, q1, q3, label: figure(median) }];
    }
    return hasFailed(results, workload, contender)
      ? [{ ...common, measured: false, median: 0, q1: 0, q3: 0, label: "could not be measured" }]
      : [];
  });
  return [
    ...bars.filter(({ measured }) => measured).sort((a, b) => sign * (a.median - b.median)),
    ...bars.filter(({ measured }) => !measured),
  ];
}

/** Rather than having no figure in one metric, as the contenders of "cost". */
function hasFailed(results: Results, workload: string, contender: string): boolean {
  return results.measurements.some(
    (one) => one.workload === workload && one.contender === contender && one.samples.length === 0,
  );
}

function panelSpec({ panel, bars }: { readonly panel: Panel; readonly bars: readonly Bar[] }): PanelSpec {
  const longest = Math.max(...bars.map(({ q3 }) => q3));
  const x = {
    type: "quantitative",
    scale: { domainMin: 0, domainMax: longest * HEADROOM, nice: false },
  } as const;
  const y = { field: "contender", type: "nominal", sort: null, title: null } as const;
  const isMeasured = { filter: "datum.measured" };
  const color = {
    condition: { test: "datum.ours", value: COLORS.ours },
    value: COLORS.peer,
  } as const;
  return {
    title: { text: panel.title, subtitle: panel.unit },
    data: { values: bars.map((bar) => ({ ...bar })) },
    width: SIZES.bars,
    height: bars.length * SIZES.row,
    encoding: { y },
    layer: [
      { mark: { type: "bar", height: { band: 0.66 } }, encoding: { x: { ...x, field: "median" }, color } },
      {
        transform: [isMeasured],
        mark: { type: "rule", color: COLORS.spread, strokeWidth: 1.5 },
        encoding: { x: { ...x, field: "q1" }, x2: { field: "q3" } },
      },
      {
        mark: { type: "text", align: "left", dx: 7, color: COLORS.text, fontSize: SIZES.text },
        encoding: { x: { ...x, field: "q3" }, text: { field: "label" } },
      },
    ],
  };
}

const CONFIG = {
  font: FONT,
  view: { stroke: null },
  title: {
    anchor: "start",
    frame: "group",
    color: COLORS.text,
    fontSize: 14,
    fontWeight: 600,
    subtitleColor: COLORS.faint,
    subtitleFontSize: SIZES.text,
    offset: 8,
  },
  axisX: {
    title: null,
    domain: false,
    ticks: false,
    tickCount: 5,
    gridColor: COLORS.grid,
    labelColor: COLORS.faint,
    labelFontSize: 11,
    labelFlush: false,
    format: ",~r",
  },
  axisY: {
    domain: false,
    ticks: false,
    labelColor: COLORS.text,
    labelFontSize: SIZES.text,
    labelLimit: 0,
    labelPadding: 8,
  },
} satisfies TopLevelSpec["config"];
