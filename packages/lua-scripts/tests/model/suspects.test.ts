/**
 * The rule about suspects as a simulation: processes that run entries of several groups side by side, some of which kill
 * their process soon after they begin, and some of which take long, on the real scripts. Time is the simulation's own, in ticks; leases pass when
 * their process is dead.
 *
 * From the environment: SLUICE_SUSPECTS_SEED, which (a fresh one by default, printed).
 */
import { randomInt } from "node:crypto";
import { allScripts } from "@sluice/lua-scripts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Link } from "./link.js";
import { Random } from "./random.js";
import { type Rule, Simulation } from "./simulation.js";
import { modelServer, numberFrom, openLink, streamPrefix } from "./support.js";

const seed = numberFrom("SLUICE_SUSPECTS_SEED") ?? randomInt(2 ** 31);
const HISTORIES = 40;

describe(`in ${HISTORIES} histories of seed ${seed} of processes that are killed from within`, () => {
  let server: Awaited<ReturnType<typeof modelServer>>;
  let link: Link;

  beforeAll(async () => {
    server = await modelServer();
    link = await openLink(server.url, allScripts);
  });
  afterAll(async () => {
    link.close();
    await server.stop();
  });

  /** All of them at once: what they ask within a tick goes in one write. */
  const run = (rule: Rule, from = seed) =>
    Promise.all(
      Array.from({ length: HISTORIES }, (_, n) =>
        new Simulation(link, new Random(from + n), `${streamPrefix()}-${n}`, rule).run(),
      ),
    );

  test("no innocent event is a dead letter, no poison runs more than maxAttempts times, and nothing stalls", async () => {
    const ends = await run({ waits: true, holds: true });
    expect(ends.filter(({ stalled }) => stalled)).toEqual([]);
    expect(ends.flatMap(({ innocentDead }) => innocentDead)).toEqual([]);
    expect(Math.max(...ends.flatMap(({ poisonRuns }) => poisonRuns))).toBeLessThanOrEqual(3);
    expect(ends.flatMap(({ poisonAlive }) => poisonAlive)).toEqual([]);
    console.log(`seed ${seed}: ${ends.reduce((sum, { deaths }) => sum + deaths, 0)} deaths`);
  }, 120_000);

  test.each([
    ["wait until what runs has run for a while", { waits: false, holds: true }],
    ["hold back what is fresh for a while", { waits: true, holds: false }],
  ])(
    "it takes both parts of the rule: where suspects do not %s, innocents die",
    async (_, rule) => {
      // The same histories each time, so that it shows in every run or in none.
      const ends = await run(rule, 1);
      expect(ends.flatMap(({ innocentDead }) => innocentDead).length).toBeGreaterThan(0);
    },
    120_000,
  );
});
