/** A report in which everything occurs that a report can hold. */

import type { CaseResult, SuiteReport } from "../src/results.js";

/** What would break a page, an XML file or a terminal if it were put there as it is. */
export const HOSTILE = `wanted <b>"1" & '2'</b> ]]> \u001b[31mred\u0000 </script>`;

const about = {
  first: { id: "idempotency/second-entry", title: "A second entry is not handled", level: "core" },
  broken: { id: "recovery/killed", title: `A killed consumer loses nothing ${HOSTILE}`, level: "recovery" },
  cluster: { id: "cluster/three-hundred-tenants", title: "Tenants are spread", level: "cluster" },
  vector: { id: "vectors/settle/marks-the-key", title: "Success marks the key", level: "core" },
} as const;

const notOnCluster = { status: "notApplicable", reason: "it is about a Cluster", durationMs: 0 } as const;

const results: readonly CaseResult[] = [
  { ...about.first, place: "node", status: "passed", durationMs: 12 },
  { ...about.first, place: "deno", status: "passed", durationMs: 21 },
  { ...about.broken, place: "node", status: "passed", durationMs: 100 },
  {
    ...{ ...about.broken, place: "deno", status: "failed", durationMs: 5_000 },
    reason: `step 4, wait: not within 5000 ms\n  ${HOSTILE}`,
  },
  { ...about.cluster, place: "node", ...notOnCluster },
  { ...about.cluster, place: "deno", ...notOnCluster },
  { ...about.vector, place: "scripts", status: "passed", durationMs: 3 },
];

export const REPORT: SuiteReport = {
  server: {
    product: "redis 7.0.15",
    address: "127.0.0.1:6379",
    mode: "standalone",
    findings: [
      { name: "role", value: "master, no replica" },
      { name: "maxmemory-policy", value: "allkeys-lru", warning: `may evict ${HOSTILE}` },
    ],
  },
  runtimes: [
    { name: "node", version: "v20.19.2" },
    { name: "deno", version: "v2.5.6" },
  ],
  missing: [{ name: "bun", reason: "neither on PATH nor installed" }],
  results,
  startedAt: "2026-01-02T03:04:05.678Z",
  durationMs: 75_500,
  notes: ["lost at the failover: 0 of 1,200 acknowledged events"],
};

/** The report with these results alone. */
export function reportWith(some: readonly CaseResult[]): SuiteReport {
  return { ...REPORT, results: some };
}
