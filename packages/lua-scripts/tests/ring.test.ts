/** The processed ring: how long a key is remembered, and when it is gone from Redis. */
import { RING_BUCKETS } from "@sluice/lua-scripts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { success } from "./support/attempts.js";
import { openGroup } from "./support/group.js";
import { processedIn, stateOf } from "./support/look.js";
import { useRedis } from "./support/redis.js";
import { type Finding, longestMs, RememberingGroup, widthOf } from "./support/remembering.js";
import { passTime } from "./support/time.js";

const redis = useRedis();
const WEEK_MS = 7 * 86_400_000;
/** Long beside what a stalling machine adds to a test. */
const ttlMs = 300_000;
const stallMs = 5_000;

function expectPromises(findings: readonly Finding[]): void {
  expect(
    findings.filter((key) => key.mustBeRemembered && !key.remembered),
    "forgotten early",
  ).toEqual([]);
  expect(
    findings.filter((key) => key.mustBeForgotten && key.remembered),
    "remembered too long",
  ).toEqual([]);
}

/** A step of a schedule: pass some milliseconds, then do something. */
interface Step {
  readonly passMs: number;
  readonly act: "mark" | "ask" | { readonly ttlMs: number };
}

async function follow(ttlMs: number, steps: readonly Step[]): Promise<void> {
  const ring = await RememberingGroup.open(redis, ttlMs);
  for (const { passMs, act } of steps) {
    await ring.pass(passMs);
    if (act === "mark") await ring.mark();
    else if (act === "ask") expectPromises(await ring.ask());
    else await ring.changeTtl(act.ttlMs);
  }
  expect(await ring.heldTooLong()).toEqual([]);
  expectPromises(await ring.ask());
  await redis.unlink(...ring.group.allKeys);
}

/** Short waits, some of about a bucket's width, few that outlast the TTL. */
function passing(ttlMs: number): fc.Arbitrary<number> {
  const upTo = (share: number) => fc.integer({ min: 0, max: Math.ceil(ttlMs * share) });
  return fc.oneof(
    { weight: 4, arbitrary: upTo(0.1) },
    { weight: 3, arbitrary: upTo(0.5) },
    { weight: 2, arbitrary: upTo(2) },
  );
}

const often = <T>(weight: number, value: T) => ({ weight, arbitrary: fc.constant(value) });

describe("a key that was processed", () => {
  const ttls = [1, 2, 7, 2_500, 3_000, WEEK_MS, 315_360_000_000];
  const schedules = fc.constantFrom(...ttls).chain((ttlMs) => {
    const step = fc.record({
      passMs: passing(ttlMs),
      act: fc.oneof(often(3, "mark" as const), often(2, "ask" as const)),
    });
    return fc.tuple(fc.constant(ttlMs), fc.array(step, { minLength: 2, maxLength: 20 }));
  });

  test("is remembered for at least the TTL, and forgotten after it and a bucket's width", async () => {
    await fc.assert(
      fc.asyncProperty(schedules, ([ttlMs, steps]) => follow(ttlMs, steps)),
      { numRuns: 120 },
    );
  });

  // How far into a bucket it is processed.
  test.each([0, 0.5, 0.95])("is so too close to the bounds, %d into a bucket", async (share) => {
    const ring = await RememberingGroup.open(redis, ttlMs);
    await ring.pass(share * widthOf(ttlMs));
    await ring.mark();
    await ring.pass(ttlMs - stallMs);
    expect(await ring.ask()).toMatchObject([{ mustBeRemembered: true, remembered: true }]);
    await ring.pass(longestMs(ttlMs) - ttlMs + stallMs);
    expect(await ring.ask()).toMatchObject([{ mustBeForgotten: true, remembered: false }]);
  });

  test("outlives every change of the TTL for as long as the shortest one promises", async () => {
    const act = fc.oneof(
      often(3, "mark" as const),
      often(3, "ask" as const),
      often(2, { ttlMs: 3_000 }),
      often(2, { ttlMs: 2_500 }),
    );
    const steps = fc.array(fc.record({ passMs: passing(3_000), act }), { minLength: 3, maxLength: 25 });
    const first = fc.constantFrom(2_500, 3_000);
    await fc.assert(fc.asyncProperty(first, steps, follow), { numRuns: 150 });
  });

  test("survives a TTL that alternates between deployments, call by call", async () => {
    const ring = await RememberingGroup.open(redis, 3_000);
    for (let n = 0; n < 120; n++) {
      await ring.changeTtl(n % 2 === 0 ? 2_500 : 3_000);
      await ring.pass(97);
      if (n % 3 === 0) await ring.mark();
      if (n % 5 === 0) expectPromises(await ring.ask());
    }
  });

  test("keeps a TTL that was made longer, also if the group falls idle at once", async () => {
    const ring = await RememberingGroup.open(redis, ttlMs / 100);
    await ring.changeTtl(ttlMs);
    await ring.mark();
    await ring.pass(ttlMs - stallMs);
    expect(await ring.ask()).toMatchObject([{ mustBeRemembered: true, remembered: true }]);
  });

  test("keeps a TTL that was made shorter behind it, also at the end of a bucket of the longer one", async () => {
    const ring = await RememberingGroup.open(redis, ttlMs);
    await ring.pass(0.9 * widthOf(ttlMs));
    await ring.mark();
    await ring.changeTtl(ttlMs / 2);
    await ring.pass(ttlMs / 2 - stallMs);
    expect(await ring.ask()).toMatchObject([{ mustBeRemembered: true, remembered: true }]);
  });

  test("stays remembered when the server's clock goes back", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: ttlMs });
    await group.settle("c1", success(await group.inHand("a")));
    await passTime(group, -20 * ttlMs);
    await group.settle("c1", success(await group.inHand("b")));
    await passTime(group, ttlMs - stallMs);
    await group.add("a", "b");
    expect((await group.take()).map(({ verdict }) => verdict)).toEqual(["DUPLICATE", "DUPLICATE"]);
    // The ring goes on from the new time, not from the old one.
    await passTime(group, longestMs(ttlMs));
    await group.add("a", "b");
    expect((await group.take()).map(({ verdict }) => verdict)).toEqual(["LEASED", "LEASED"]);
  });
});

describe("Redis", () => {
  test("lets an idle group's keys go without a further call", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: ttlMs });
    await group.settle("c1", success(await group.inHand("a")));
    await passTime(group, longestMs(ttlMs) + widthOf(ttlMs) / 10);
    expect(await processedIn(group)).toEqual([]);
    expect(await redis.exists(...group.buckets)).toBe(0);
  });

  test("dates a bucket at most a minute later than the ring lets it go", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: WEEK_MS });
    await group.settle("c1", success(await group.inHand("a")));
    const left = await Promise.all(group.buckets.map((bucket) => redis.pttl(bucket)));
    const [dated] = left.filter((ms) => ms >= 0);
    expect(dated).toBeGreaterThan(longestMs(WEEK_MS));
    expect(dated).toBeLessThanOrEqual(longestMs(WEEK_MS) + 60_000);
  });

  test("has the buckets of an idle group unlinked at its next mark", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: ttlMs });
    for (const key of ["a", "b", "c", "d", "e", "f"]) {
      await group.settle("c1", success(await group.inHand(key)));
      await passTime(group, ttlMs / 3);
    }
    expect((await processedIn(group)).length).toBeGreaterThan(2);
    // As if nothing had expired: a server expires keys late when it has much to do.
    for (const bucket of group.buckets) await redis.persist(bucket);
    await passTime(group, 4 * ttlMs);
    await group.settle("c1", success(await group.inHand("g")));
    expect(await processedIn(group)).toEqual(["g"]);
  });

  test("holds at most the buckets that are remembered, and no key more than the fixed number", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: ttlMs });
    for (let n = 0; n < 30; n++) {
      await group.settle("c1", success(await group.inHand(`k${n}`)));
      await passTime(group, 0.08 * ttlMs);
      expect(await redis.exists(...group.buckets)).toBeLessThan(RING_BUCKETS);
    }
    const [, names] = await redis.scan(0, "MATCH", `*${group.stream}*`, "COUNT", 1_000_000);
    expect(names.filter((name) => !group.allKeys.includes(name))).toEqual([]);
  });

  test("divides seven days into buckets of 201,600,000 ms", async () => {
    const group = await openGroup(redis, { idempotencyTtlMs: WEEK_MS });
    expect(await stateOf(group)).toMatchObject({ ringWidth: "201600000" });
  });
});
