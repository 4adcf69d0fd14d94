/**
 * The model finds what it is for: each of the scripts' safeguards, taken out, breaks a promise within a few hundred
 * histories. What Redis holds is not compared with what was answered here, so that it is the promises that notice.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explore, tell } from "./explore.js";
import { broken, MUTANTS } from "./mutants.js";
import { modelServer, openLink, streamPrefix } from "./support.js";

/** The same histories each time, so that a mutant is found in every run or in none. */
const SEED = 2;
const MOST_HISTORIES = 3_000;

describe("a broken script breaks a promise", () => {
  let server: Awaited<ReturnType<typeof modelServer>>;

  beforeAll(async () => {
    server = await modelServer();
  });
  afterAll(() => server.stop());

  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    "%s",
    { timeout: 120_000 },
    async (_, mutant) => {
      const link = await openLink(server.url, broken(mutant));
      const { failure } = await explore(link, {
        seed: SEED,
        indices: Array.from({ length: MOST_HISTORIES }, (__, index) => index),
        name: streamPrefix(),
        effects: mutant.byEffects ?? false,
        shorten: false,
      }).finally(() => link.close());
      expect(failure, `not found in ${MOST_HISTORIES} histories of seed ${SEED}`).toBeDefined();
      if (failure)
        expect(mutant.breaks, tell(failure, SEED, MOST_HISTORIES)).toContain(failure.violation.rule);
    },
  );
});
