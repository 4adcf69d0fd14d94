/** Every form of the report shows every status for what it is, and is not broken by what cases and servers say. */

import { describe, expect, test } from "vitest";
import { renderFacts } from "../src/report/facts.js";
import { REPORT_FORMATS, renderReport } from "../src/report/formats.js";
import { renderHtml } from "../src/report/html.js";
import { renderJson } from "../src/report/json.js";
import { renderJunit } from "../src/report/junit.js";
import { renderTable } from "../src/report/table.js";
import { outcomeOf } from "../src/report/tally.js";
import { colorsFor, wrap } from "../src/report/text.js";
import type { CaseResult } from "../src/results.js";
import { HOSTILE, REPORT, reportWith } from "./report-support.js";

const plain = colorsFor(false);
const notApplicable = REPORT.results.filter(({ status }) => status === "notApplicable");
const passed = REPORT.results.filter(({ status }) => status === "passed");

describe("the table", () => {
  test("has levels down and runtimes across, then failures, what was not applicable, and notes", () => {
    expect(`\n${renderTable(REPORT, plain)}`).toMatchInlineSnapshot(`
      "
       level          node       deno    scripts 
                  v20.19.2     v2.5.6            
      ───────────────────────────────────────────
       core       1 passed   1 passed   1 passed 
       recovery   1 passed   1 failed          - 
       cluster       1 n/a      1 n/a          - 
       all        2 passed   1 failed   1 passed 
                     1 n/a   1 passed            
                                1 n/a            

      Failed
      ✗ recovery/killed (deno)
        A killed consumer loses nothing wanted <b>"1" & '2'</b> ]]>
        \\u001b[31mred\\u0000 </script>
          step 4, wait: not within 5000 ms
            wanted <b>"1" & '2'</b> ]]> \\u001b[31mred\\u0000 </script>

      Not applicable (n/a), by reason
        it is about a Cluster: 2
          cluster/three-hundred-tenants

      Notes
        bun was not found: neither on PATH nor installed
        maxmemory-policy: may evict wanted <b>"1" & '2'</b> ]]> \\u001b[31mred\\u0000
        </script>
        lost at the failover: 0 of 1,200 acknowledged events

      1 failed, 4 passed, 2 not applicable, in 76 s
      "
    `);
  });

  test("fits 80 columns, save for words that are longer", () => {
    const long: CaseResult[] = Array.from({ length: 40 }, (_, at) => ({
      ...{
        id: `cluster/case-number-${at}`,
        title: "word ".repeat(40).trim(),
        level: "cluster",
        place: "node",
      },
      ...{ status: at < 30 ? "notApplicable" : "failed", reason: "reason ".repeat(40).trim(), durationMs: 1 },
    }));
    const places = ["node", "deno", "bun", "scripts"] as const;
    const report = reportWith(long.flatMap((one) => places.map((place) => ({ ...one, place }))));
    for (const line of renderTable(report, plain).split("\n"))
      expect(line.length, line).toBeLessThanOrEqual(80);
    for (const line of renderFacts(REPORT.server, REPORT.runtimes, plain).split("\n"))
      expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test("has colours only where they are wanted, and never the server's", () => {
    const introducer = "\u001b[";
    expect(renderTable(REPORT, plain)).not.toContain(introducer);
    expect(renderFacts(REPORT.server, REPORT.runtimes, plain)).not.toContain(introducer);
    const colored = renderTable(REPORT, colorsFor(true));
    expect(colored).toContain(`${introducer}31m1 failed`);
    expect(colored).toContain("\\u001b[31mred\\u0000");
  });

  test("tells once what failed in the same way on several runtimes", () => {
    const failed = { ...passed[0], status: "failed", reason: "the same" } as CaseResult; // of a passed one
    const table = renderTable(reportWith([failed, { ...failed, place: "deno" }]), plain);
    expect(table.match(/the same/g)).toHaveLength(1);
    expect(table).toContain("✗ idempotency/second-entry (node, deno)");
  });
});

test("a run in which nothing could be run has not passed", () => {
  expect(outcomeOf(notApplicable)).toBe("notApplicable");
  expect(outcomeOf([...notApplicable, ...passed])).toBe("passed");
  expect(outcomeOf(REPORT.results)).toBe("failed");
  expect(renderTable(reportWith(notApplicable), plain)).toContain("\n0 passed, 2 not applicable, in");
});

test("JSON is the report, with its totals", () => {
  expect(JSON.parse(renderJson(REPORT))).toEqual({
    ...REPORT,
    totals: { passed: 4, failed: 1, notApplicable: 2 },
  });
});

describe("JUnit's XML", () => {
  const xml = renderJunit(REPORT);

  test("has a suite for each runtime and level, with its counts", () => {
    const suites = [
      ...xml.matchAll(/<testsuite name="([^"]+)".* tests="(\d+)" failures="(\d+)".* skipped="(\d+)"/g),
    ];
    expect(suites.map(([, ...of]) => of)).toEqual([
      ["node v20.19.2, core", "1", "0", "0"],
      ["node v20.19.2, recovery", "1", "0", "0"],
      ["node v20.19.2, cluster", "1", "0", "1"],
      ["deno v2.5.6, core", "1", "0", "0"],
      ["deno v2.5.6, recovery", "1", "1", "0"],
      ["deno v2.5.6, cluster", "1", "0", "1"],
      ["scripts, core", "1", "0", "0"],
    ]);
  });

  test("has what is not applicable as skipped, with the reason", () => {
    const skipped =
      /<testcase [^>]*three-hundred-tenants[^>]*>\s*<skipped\/>\s*<system-out><!\[CDATA\[(.*)\]\]>/;
    expect(skipped.exec(xml)?.[1]).toBe("not applicable: it is about a Cluster");
  });

  test("is well formed whatever a case says", () => {
    expect(textOfXml(xml)).toContain(`wanted <b>"1" & '2'</b> ]]> �[31mred� </script>`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
  });
});

describe("the page", () => {
  const page = renderHtml(REPORT);

  test("loads nothing from anywhere", () => {
    expect(page).not.toMatch(/\b(src|href)="(?!#)/);
    expect(page).not.toMatch(/url\(|@import|https?:/);
    expect(page).toContain(`content="default-src 'none';`);
  });

  test("has each case once, with every runtime's status", () => {
    const entries = [...page.matchAll(/<article data-level="(\w+)" data-results="([^"]+)"/g)];
    expect(entries.map(([, ...of]) => of)).toEqual([
      ["core", "node:passed deno:passed"],
      ["recovery", "node:passed deno:failed"],
      ["cluster", "node:notApplicable deno:notApplicable"],
      ["core", "scripts:passed"],
    ]);
    expect(page.match(/class="pill notApplicable"/g)).toHaveLength(2);
    expect(page.match(/class="pill passed"/g)).toHaveLength(4);
  });

  test("shows failures without being asked", () => {
    expect(page).toMatch(/<details open><summary><span class="id">recovery\/killed</);
    expect(page).toMatch(/<details><summary><span class="id">cluster\/three-hundred-tenants</);
  });

  test("holds what cases and servers say as text", () => {
    expect(page).not.toContain("<b>");
    expect(page).toContain(
      "&lt;b&gt;&quot;1&quot; &amp; &#39;2&#39;&lt;/b&gt; ]]&gt; �[31mred� &lt;/script&gt;",
    );
    expect(page.match(/<\/script>/g)).toHaveLength(1);
  });
});

test("every form is to be had by its name", () => {
  const openings = REPORT_FORMATS.map((format) =>
    renderReport(format, REPORT, plain).trimStart().slice(0, 5),
  );
  expect(openings).toEqual(["level", '{\n  "', "<?xml", "<!doc"]);
});

test("lines break between words, and indents are kept", () => {
  expect(wrap("  one two three", "> ", 11)).toBe(">   one two\n>   three");
  expect(wrap("a\nb", "  ")).toBe("  a\n  b");
  expect(wrap("unbreakable-word", "  ", 10)).toBe("  unbreakable-word");
  expect(HOSTILE).toContain("\u0000");
});

/** What a reader of XML gets to see: attributes and character data, or an error where it is not well formed. */
function textOfXml(xml: string): string {
  const text: string[] = [];
  const open: string[] = [];
  const token =
    /<!\[CDATA\[([\s\S]*?)\]\]>|<\?[^?]*\?>|<(\/?)([\w-]+)((?:\s[\w-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const found = token.exec(xml);
    if (found === null)
      throw new Error(`read XML: ${JSON.stringify(xml.slice(at, at + 60))} is not well formed`);
    const [, cdata, closing, name = "", , empty, characters] = found;
    if (cdata !== undefined) text.push(cdata);
    else if (characters !== undefined) expect(characters).toMatch(/^\s*$/);
    else if (name !== "" && closing) expect(open.pop()).toBe(name);
    else if (name !== "" && !empty) open.push(name);
  }
  expect(open).toEqual([]);
  return text.join("");
}
