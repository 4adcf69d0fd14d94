/** Figures beside their bounds, each with how busy the machine was meanwhile: others' work is in every time. */

import { loadavg } from "node:os";
import Table from "cli-table3";
import { quantile } from "../statistics.js";
import type { Times } from "./bench.js";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it may be at most; undefined for what is only told. */
  readonly bound?: number;
  /** Processes that were running or waited for a processor, on average over a minute. */
  readonly load: number;
}

export class Figures {
  private readonly all: Figure[] = [];

  constructor(private readonly note: (line: string) => void) {}

  add(name: string, value: number, unit: string, bound?: number): void {
    const load = loadavg()[0] ?? Number.NaN;
    this.all.push({ name, value, unit, load, ...(bound !== undefined && { bound }) });
    this.note(`${name}: ${shown(value)} ${unit}`);
  }

  /** @param bounds of what is from the call of `publish()`, in milliseconds. */
  addTimes(
    name: string,
    { fromPublish, fromEntry }: Times,
    bounds: { p50?: number; p99?: number } = {},
  ): void {
    this.add(`${name}: events timed`, fromPublish.length, "");
    if (fromPublish.length === 0) return;
    this.add(`${name}: publish to handler, p50`, quantile(fromPublish, 0.5), "ms", bounds.p50);
    this.add(`${name}: publish to handler, p99`, quantile(fromPublish, 0.99), "ms", bounds.p99);
    this.add(`${name}: entry to handler, p50`, quantile(fromEntry, 0.5), "ms");
    this.add(`${name}: entry to handler, p99`, quantile(fromEntry, 0.99), "ms");
  }

  table(): string {
    const table = new Table({
      head: ["figure", "value", "bound", "", "load"],
      style: { head: [], border: [] },
    });
    for (const { name, value, unit, bound, load } of this.all) {
      const verdict = bound === undefined ? "" : value <= bound ? "within" : "OVER";
      const limit = bound === undefined ? "" : `${shown(bound)} ${unit}`;
      table.push([name, `${shown(value)} ${unit}`, limit, verdict, load.toFixed(1)]);
    }
    return table.toString();
  }
}

function shown(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
