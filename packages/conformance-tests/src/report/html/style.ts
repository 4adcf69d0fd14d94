/** How the page of a report looks, in light and dark, on a screen of any width and on paper. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #14161a);
  --sheet: light-dark(#ffffff, #1c1f25);
  --line: light-dark(#e1e4ea, #2e333c);
  --ink: light-dark(#1b1f27, #e6e8ec);
  --quiet: light-dark(#5d6675, #98a1b0);
  --passed: light-dark(#147a45, #4cc38a);
  --passed-ground: light-dark(#e3f5ea, #16302a);
  --failed: light-dark(#c02434, #ff7d86);
  --failed-ground: light-dark(#fdeaec, #3a1f24);
  --notApplicable: light-dark(#5d6675, #98a1b0);
  --notApplicable-ground: light-dark(#eceef2, #2a2e36);
  --warning: light-dark(#8a5300, #f2b45c);
  --warning-ground: light-dark(#fff3dc, #35290f);
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 80px; }
h1 { margin: 0 0 8px; font-size: clamp(24px, 4vw, 34px); line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 0 0 14px; font-size: 17px; letter-spacing: -0.01em; }
p { margin: 0; }
a { color: inherit; text-decoration: none; }
code, pre, .id { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
.quiet, .none { color: var(--quiet); }
.over { color: var(--quiet); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
header, section {
  background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin-bottom: 18px;
}
header { border-top-width: 5px; }
header.passed { border-top-color: var(--passed); }
header.passed h1 { color: var(--passed); }
header.failed { border-top-color: var(--failed); }
header.failed h1 { color: var(--failed); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; }
thead th { color: var(--quiet); font-size: 13px; font-weight: 500; }
.matrix th, .matrix td { padding: 9px 14px 9px 0; vertical-align: top; min-width: 130px; }
.matrix tbody tr, .matrix tfoot tr { border-top: 1px solid var(--line); }
.matrix a { display: block; border-radius: 6px; }
.matrix a:hover .count, .matrix a:focus-visible .count { text-decoration: underline; }
.bar { display: flex; gap: 2px; height: 6px; border-radius: 3px; overflow: hidden; margin: 5px 0 6px; }
.bar i { min-width: 6px; }
.bar .passed { background: var(--passed); }
.bar .failed { background: var(--failed); }
.bar .notApplicable {
  background: repeating-linear-gradient(-45deg, var(--notApplicable) 0 2px, var(--notApplicable-ground) 2px 5px);
}
.count { display: block; font-size: 13px; font-variant-numeric: tabular-nums; }
.count.passed { color: var(--passed); }
.count.failed { color: var(--failed); font-weight: 600; }
.count.notApplicable { color: var(--notApplicable); }
dl { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 14px 28px; }
dt { color: var(--quiet); font-size: 13px; }
dd { margin: 0; overflow-wrap: anywhere; }
.warning {
  margin-top: 5px; padding: 5px 10px; border-radius: 6px; font-size: 13.5px;
  color: var(--warning); background: var(--warning-ground);
}
ul { margin: 0; padding-left: 20px; }
.notes { margin-top: 16px; }
.reasons { list-style: none; padding: 0; }
.reasons strong { display: inline-block; min-width: 3em; font-variant-numeric: tabular-nums; }
form { display: flex; flex-wrap: wrap; gap: 8px; margin-bottom: 14px; align-items: center; }
form[hidden] { display: none; }
input, select {
  font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 7px 10px;
}
input { flex: 1 1 240px; }
output { color: var(--quiet); font-size: 13px; font-variant-numeric: tabular-nums; }
:focus-visible { outline: 2px solid var(--quiet); outline-offset: 1px; }
article { border-top: 1px solid var(--line); padding: 9px 0; }
article[hidden] { display: none; }
article, summary { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; gap: 2px 14px; align-items: baseline; }
article:has(details) { display: block; }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
.id { font-weight: 600; overflow-wrap: anywhere; }
.level { color: var(--quiet); font-size: 13px; }
.title { grid-column: 1 / -1; color: var(--quiet); }
.pills { display: flex; flex-wrap: wrap; gap: 5px; justify-content: flex-end; }
.pill { border-radius: 999px; padding: 1px 9px; font-size: 12.5px; white-space: nowrap; }
.pill.passed { color: var(--passed); background: var(--passed-ground); }
.pill.failed { color: var(--failed); background: var(--failed-ground); font-weight: 600; }
.pill.notApplicable { color: var(--notApplicable); background: var(--notApplicable-ground); }
pre {
  margin: 6px 0 4px; padding: 10px 12px; border-radius: 8px; background: var(--ground); border: 1px solid var(--line);
  white-space: pre-wrap; overflow-wrap: anywhere;
}
details > .quiet { margin-top: 8px; font-size: 13px; }
@media (max-width: 640px) {
  article, summary { grid-template-columns: 1fr; }
  .pills { justify-content: flex-start; }
}
@media print { form { display: none; } body { background: none; } header, section { break-inside: auto; } }
`;
