/**
 * State exploration: the real scripts, driven through random histories of two consumer names and their processes,
 * entries that share keys, pauses, crashes, lost replies, groups and streams that are deleted, with the promises
 * checked after every step. Nothing sleeps: time passes by idle times, due times and the ring being moved.
 * `model.mutants.test.ts` shows that what it looks for would be found.
 *
 * From the environment: SLUICE_MODEL_HISTORIES, how many (20,000 by default); SLUICE_MODEL_SEED, which (a fresh one by
 * default, printed); SLUICE_MODEL_HISTORY, only that one of the seed, as a failure names it.
 */
import { randomInt } from "node:crypto";
import { allScripts } from "@sluice/lua-scripts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Explored, explore, tell } from "./explore.js";
import { modelServer, numberFrom, openLink, streamPrefix } from "./support.js";

const seed = numberFrom("SLUICE_MODEL_SEED") ?? randomInt(2 ** 31);
const histories = numberFrom("SLUICE_MODEL_HISTORIES") ?? 20_000;
const only = numberFrom("SLUICE_MODEL_HISTORY");

/** 60 s on two cores that have nothing else to do; ten times that where they have. */
const TIMEOUT_MS = 30_000 + histories * 30;

/** Every answer that a history can come to, with which a run of enough histories has met them all. */
const ANSWERS = [
  "NOGROUP",
  "OK",
  "SUPERSEDED",
  "extend EXTENDED",
  "extend LOST",
  "lease DEFERRED",
  "lease DUPLICATE",
  "lease LEASED",
  "lease LOST",
  "open CREATED",
  "open HEALED",
  "open JOINED",
  "recover after the clock went back",
  "recover deadLettered",
  "recover deferred",
  "recover duplicates",
  "recover of a grant that never began",
  "recover of a suspect",
  "recover of a wait without a due time",
  "recover own",
  "recover retried",
  "recover stale",
  "recover trimmed",
  "recover: a suspect",
  "recover: more",
  "release LOST",
  "release RELEASED",
  "release TAKEN",
  "release of a suspect",
  "settle DEAD EMIT_REJECTED",
  "settle DEAD FAILED",
  "settle DEAD MAX_ATTEMPTS",
  "settle FENCED",
  "settle SETTLED SKIP",
  "settle SETTLED SUCCESS",
  "settle WAITING RETRY",
];

/** From here on every answer has come up in any run; the rarest comes up in one history of 200. */
const ENOUGH = 5_000;

describe("lease, settle, park, recover and open keep their promises in every history", () => {
  let server: Awaited<ReturnType<typeof modelServer>>;
  let explored: Explored | undefined;

  beforeAll(async () => {
    server = await modelServer();
  });
  afterAll(() => server.stop());

  const what = only === undefined ? `${histories} histories` : `history ${only}`;
  test(`${what} of seed ${seed}`, { timeout: TIMEOUT_MS }, async () => {
    const link = await openLink(server.url, allScripts);
    const started = performance.now();
    const indices = only === undefined ? Array.from({ length: histories }, (_, index) => index) : [only];
    explored = await explore(link, { seed, indices, name: streamPrefix(), effects: true }).finally(() =>
      link.close(),
    );
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`seed ${seed}: ${explored.histories} histories, ${explored.steps} steps in ${seconds} s`);
    if (explored.failure) expect.fail(tell(explored.failure, seed, explored.histories));
  });

  test.skipIf(only !== undefined || histories < ENOUGH)(
    "they come to every answer that the scripts have",
    () => {
      const met = [...(explored?.answers.keys() ?? [])].sort();
      expect(met).toEqual(ANSWERS);
    },
  );
});
