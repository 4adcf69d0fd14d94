/**
 * Vitest's global set-up: one server for the whole run, the user's own (`REDIS_URL`) or one started for it.
 *
 * Tests get its address by `inject("redisUrl")`, or, in child processes too, by `sharedServerUrl()` of
 * @sluice/test-server, and make up every name with `uniqueName()`. What carries the run's tag is removed at
 *   the end.
 */

import { findServer, listKeys, removeNamesOfRun, runTag, shareServer } from "@sluice/test-server";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** The server that all suites of this run share. */
    redisUrl: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = await findServer({ onProgress: report });
  report(`server: ${server.description}`);
  // Before the workers start, so that they and what they start inherit both.
  runTag();
  shareServer(server.url);
  project.provide("redisUrl", server.url);

  return async () => {
    try {
      await removeNamesOfRun(server.url);
      if (server.ours) await expectNothingLeft(server.url);
    } finally {
      await server.stop();
    }
  };
}

/**
 * On a server of somebody else such keys would stay for good, so they fail the run where it can be seen: on
 * ours.
 */
async function expectNothingLeft(url: string): Promise<void> {
  const left = await listKeys(url);
  if (left.length === 0) return;
  const names = left.slice(0, 10).map((name) => JSON.stringify(name));
  const found = `${left.length} keys were neither named by uniqueName() nor removed: ${names.join(", ")}`;
  // Vitest reports an error thrown here and still exits with 0.
  process.exitCode = 1;
  throw new Error(`clean up after the tests: ${found}`);
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}
