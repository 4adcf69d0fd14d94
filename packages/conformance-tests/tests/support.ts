/** The suite as tests: one test per case, on one runtime, against the server of the run. */

import { startServer } from "@sluice/test-server";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { RUNTIMES, type RuntimeName } from "../src/case.js";
import { findRuntimes, loadCases, openSuite, type Suite } from "../src/index.js";

/** Beyond what the case itself may take: its partners in turn, and cleaning up. */
const MARGIN_MS = 60_000;

/** Every case on one runtime. A runtime that is missing fails, its partners' too. */
export async function testsOf(runtime: RuntimeName): Promise<void> {
  const cases = await loadCases();
  describe(`the suite on ${runtime}`, { concurrent: true }, () => {
    let suite: Suite;
    beforeAll(async () => {
      const runtimes = await findRuntimes(RUNTIMES);
      expect(runtimes.missing, "runtimes that are not there").toEqual([]);
      const startAnother = (args: readonly string[]) => startServer({ args, persistence: true });
      suite = await openSuite({
        server: { url: inject("redisUrl"), startAnother },
        runtimes,
        cases,
        vectors: [],
        allowUsers: true,
      });
    });
    afterAll(async () => {
      await suite?.[Symbol.asyncDispose]();
      // The three numbers are to be equal: every case is for every runtime.
      process.stderr.write(`conformance: ${cases.length} cases on ${runtime}\n`);
    });
    for (const one of cases) {
      test(`${one.id}: ${one.title}`, { timeout: 3 * one.timeoutMs + MARGIN_MS }, async ({ skip }) => {
        const result = await suite.run(one, runtime);
        if (result.status === "notApplicable") skip(result.reason);
        expect(result.reason).toBeUndefined();
      });
    }
  });
}
