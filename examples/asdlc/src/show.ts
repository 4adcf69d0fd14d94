/** What the demo prints: labelled lines, a progress bar where somebody watches, the table, the verdict. */
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import type { Row, Verdict } from "./ledger.js";

/** A stream to print on; a terminal or not. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

type Style = "bold" | "dim" | "green" | "red" | "yellow";
const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

const HEAD = ["tenant", "group", "published", "twice", "handled", "duplicates skipped", "by consumer"];
const LINES = ["top", "bottom", "left", "right", "mid", "middle"] as const;
const NO_LINES = Object.fromEntries(
  LINES.flatMap((line) => ["", "-mid", "-left", "-right"].map((part) => [`${line}${part}`, ""])),
);

const LABEL_WIDTH = 12;
const MAX_BAR_WIDTH = 32;
/** Without a terminal the progress is a line this often, in milliseconds. */
const PROGRESS_LINE_MS = 5_000;

const numbers = new Intl.NumberFormat("en-US");

/** `12,345`. */
export function count(value: number): string {
  return numbers.format(value);
}

/** `1 commit`, `2,000 commits`, `3 entries`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export class Show {
  private bar: SingleBar | undefined;
  private lastLineAt: number | undefined;

  constructor(
    private readonly output: Output,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  title(text: string): void {
    this.print(`\n  ${this.paint(text, "bold")}\n`);
  }

  line(label: string, text: string): void {
    this.print(`  ${this.paint(label.padEnd(LABEL_WIDTH), "dim")}${text}`);
  }

  /** Something slow begins, or something did not go as it should. */
  note(text: string): void {
    this.line("", this.paint(text, "yellow"));
  }

  /** So many of so many events are handled; both may grow. */
  progress(handled: number, total: number): void {
    if (this.output.isTTY) {
      this.progressBar(handled, total);
      return;
    }
    const now = performance.now();
    this.lastLineAt ??= now;
    if (now - this.lastLineAt >= PROGRESS_LINE_MS) {
      this.lastLineAt = now;
      this.line("", `${count(handled)} of ${count(total)} handled so far`);
    }
  }

  /** Takes the bar away, and gives the cursor back. */
  endProgress(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  table(rows: readonly Row[], consumersOf: (group: string) => readonly string[]): void {
    const table = new Table({
      head: HEAD,
      colAligns: HEAD.map((_, at) => (at < 2 ? "left" : "right")),
      style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
      // Columns and one rule do; a grid is louder than what is in it.
      chars: NO_LINES,
    });
    let last = "";
    for (const row of rows) {
      // A tenant whom a short history gave nothing is not worth a line.
      if (row.published + row.handled === 0) continue;
      table.push([
        row.tenant === last ? "" : row.tenant,
        row.group,
        ...[row.published, row.publishedAgain, row.handled].map(count),
        row.skipped === undefined ? "?" : count(row.skipped),
        consumersOf(row.group)
          .map((consumer) => count(row.byConsumer.get(consumer) ?? 0))
          .join(" + "),
      ]);
      last = row.tenant;
    }
    const [head = "", ...body] = table
      .toString()
      .split("\n")
      .map((line) => `  ${line.trimEnd()}`);
    const width = Math.max(...[head, ...body].map((line) => line.length)) - 2;
    this.print(
      ["", this.paint(head, "dim"), this.paint(`  ${"─".repeat(width)}`, "dim"), ...body, ""].join("\n"),
    );
  }

  /** The last line. */
  verdict({ differences, differenceCount }: Verdict, agreed: string): void {
    if (differenceCount === 0) {
      this.print(`  ${this.paint("✓", "green")} ${agreed}\n`);
      return;
    }
    for (const difference of differences) this.print(`  ${this.paint("✗", "red")} ${difference}`);
    const more = differenceCount - differences.length;
    if (more > 0) this.print(`  ${this.paint("✗", "red")} and ${count(more)} more`);
    this.print(
      `\n  ${this.paint(`${counted(differenceCount, "difference")}: the books do not balance`, "bold")}\n`,
    );
  }

  private progressBar(handled: number, total: number): void {
    if (this.bar === undefined) {
      const room = (this.output.columns ?? 80) - LABEL_WIDTH - 40;
      this.bar = new SingleBar({
        format: `  ${this.paint("handled".padEnd(LABEL_WIDTH), "dim")}{bar} {percentage} % · {done} of {all}`,
        barCompleteChar: "━",
        barIncompleteChar: "┄",
        barsize: Math.max(10, Math.min(MAX_BAR_WIDTH, room)),
        stream: this.output,
        hideCursor: true,
        clearOnComplete: true,
        emptyOnZero: true,
        // Signals are the demo's to handle.
        gracefulExit: false,
      });
      this.bar.start(total, handled, { done: count(handled), all: count(total) });
    }
    this.bar.setTotal(total);
    this.bar.update(handled, { done: count(handled), all: count(total) });
  }

  private get paints(): boolean {
    return this.output.isTTY === true && !this.env.NO_COLOR && this.env.TERM !== "dumb";
  }

  private paint(text: string, style: Style): string {
    return this.paints ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  }

  private print(text: string): void {
    this.output.write(`${text}\n`);
  }
}
