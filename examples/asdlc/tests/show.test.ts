import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Row } from "../src/ledger.js";
import { counted, duration, type Output, Show } from "../src/show.js";

class Page extends Writable implements Output {
  text = "";
  readonly columns = 80;

  constructor(readonly isTTY: boolean) {
    super();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function shown(use: (show: Show) => void, { isTTY = false, env = {} } = {}): string {
  const page = new Page(isTTY);
  use(new Show(page, env));
  return page.text;
}

const row: Row = {
  tenant: "atlas",
  group: "planner",
  published: 12_345,
  publishedAgain: 1_235,
  handled: 12_345,
  skipped: 1_235,
  deadLetters: 0,
  byConsumer: new Map([
    ["planner-2", 12_000],
    ["planner-1", 345],
  ]),
};
const consumersOf = (group: string) => [`${group}-1`, `${group}-2`];
const ESCAPE = "\u001b";

describe("what is printed", () => {
  it("is a table whose numbers stand under each other", () => {
    const rows = [row, { ...row, group: "reviewer", handled: 7, skipped: undefined, byConsumer: new Map() }];
    const lines = shown((show) => show.table(rows, consumersOf)).split("\n");
    expect(lines.slice(1, -2)).toEqual([
      "  tenant  group     published  twice  handled  duplicates skipped   by consumer",
      "  ─────────────────────────────────────────────────────────────────────────────",
      "  atlas   planner      12,345  1,235   12,345               1,235  345 + 12,000",
      "          reviewer     12,345  1,235        7                   ?         0 + 0",
    ]);
  });

  it("leaves out a tenant to whom nothing happened", () => {
    const idle = { ...row, tenant: "idle", published: 0, handled: 0 };
    expect(shown((show) => show.table([row, idle], consumersOf))).not.toContain("idle");
  });

  it("says that the books balance, or lists what does not agree and how much more", () => {
    const verdict = { rows: [], differences: [], differenceCount: 0 };
    expect(shown((show) => show.verdict(verdict, "All well"))).toBe("  ✓ All well\n\n");
    const differences = { rows: [], differences: ["a: b", "c: d"], differenceCount: 1_002 };
    expect(shown((show) => show.verdict(differences, "All well"))).toBe(
      "  ✗ a: b\n  ✗ c: d\n  ✗ and 1,000 more\n\n  1,002 differences: the books do not balance\n\n",
    );
  });

  it("has colours and a bar on a terminal alone, and no colours with NO_COLOR", () => {
    const use = (show: Show) => {
      show.line("label", "text");
      show.progress(1, 2);
      show.endProgress();
    };
    expect(shown(use)).toBe("  label       text\n");
    expect(shown(use, { isTTY: true })).toContain("━");
    expect(shown(use, { isTTY: true })).toContain(`${ESCAPE}[2mlabel`);
    expect(shown(use, { isTTY: true, env: { NO_COLOR: "1" } })).not.toContain(`${ESCAPE}[2m`);
  });

  it("counts and measures in words", () => {
    expect([0, 1, 2_000].map((value) => counted(value, "commit"))).toEqual([
      "0 commits",
      "1 commit",
      "2,000 commits",
    ]);
    expect([49, 9_949, 9_950, 59_499, 59_500, 119_700].map(duration)).toEqual([
      ...["0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "2 min 0 s"],
    ]);
  });
});
