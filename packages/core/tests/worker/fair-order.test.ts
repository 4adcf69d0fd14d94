/**
 * What tenants get of a worker beside others, by simulation: quiet tenants beside noisy ones, newcomers, weights. Bounds
 * are those that the worker promises; with the seeds given, runs are always the same.
 */
import { describe, expect, test } from "vitest";
import {
  begunWithin,
  CONCURRENCY,
  noisyTenants,
  quietP99,
  quietTenants,
  run,
  spread,
  story,
} from "./loads.js";

const SECOND = 1_000;
const MANY = 1_000_000;

/** How long 99 in 100 events of quiet tenants wait at most, beside nobody. */
const soloMs = new Map(
  [0.05, 0.25, 0.5].map((part) => [
    part,
    quietP99(run({ loads: quietTenants(part), durationMs: 5 * SECOND })),
  ]),
);
const solo = (part: number) => soloMs.get(part) ?? Number.NaN;

const turningSlow = (at: number) => (now: number) => (now < at ? 10 : 10 * SECOND);

describe.each([0.05, 0.25, 0.5])("quiet tenants that need %d of all slots", (part) => {
  // They come first, so that the worker knows them. What the noisy ones do at a worker that knows nobody, see below.
  const fromMs = 3 * SECOND;
  test.each([
    ["1,000,000 x 10 ms", 10, noisyTenants(1, { fromMs, backlog: MANY, handlerMs: 10 })],
    ["any number of 100 ms", 25, noisyTenants(1, { fromMs, backlog: MANY, handlerMs: 100 })],
    ["3,000 x 1 s", 25, noisyTenants(1, { fromMs, backlog: 3_000, handlerMs: SECOND })],
    ["100 x 10 s", 25, noisyTenants(1, { fromMs, backlog: 100, handlerMs: 10 * SECOND })],
    ["30 x 10 s", 25, noisyTenants(1, { fromMs, backlog: 30, handlerMs: 10 * SECOND })],
    ["ten tenants' 200 x 2 s", 25, noisyTenants(10, { fromMs, backlog: 200, handlerMs: 2 * SECOND })],
    [
      "two tenants' 10 ms and ten tenants' 2 s",
      25,
      [
        ...noisyTenants(2, { fromMs, backlog: MANY, handlerMs: spread(10) }, "quick"),
        ...noisyTenants(10, { fromMs: fromMs + SECOND, backlog: 200, handlerMs: spread(2 * SECOND) }),
      ],
    ],
  ])("wait hardly longer beside %s", (_, moreMs, noisy) => {
    const beside = run({ loads: [...noisy, ...quietTenants(part)], durationMs: 12 * SECOND });
    expect(quietP99(beside, fromMs)).toBeLessThanOrEqual(solo(part) + moreMs);
  });
});

describe("quiet tenants", () => {
  test.each([
    ["100 x 10 s", 100, 10 * SECOND],
    ["3,000 x 1 s", 3_000, SECOND],
  ])("wait hardly longer beside %s that are there when the worker starts", (_, backlog, handlerMs) => {
    const noisy = noisyTenants(1, { backlog, handlerMs });
    const beside = run({ loads: [...noisy, ...quietTenants(0.25)], durationMs: 8 * SECOND });
    expect(quietP99(beside)).toBeLessThanOrEqual(solo(0.25) + 25);
  });

  test("wait hardly longer when handlers of another turn from 10 ms to 10 s, needing less than its cap leaves", () => {
    const noisy = noisyTenants(1, { backlog: MANY, handlerMs: turningSlow(3 * SECOND) });
    const beside = run({ loads: [...noisy, ...quietTenants(0.2)], durationMs: 12 * SECOND });
    expect(quietP99(beside, 3 * SECOND)).toBeLessThanOrEqual(25);
  });

  test("wait hardly longer when handlers of two others turn slow that have taken half of the slots", () => {
    const noisy = noisyTenants(2, { backlog: MANY, handlerMs: turningSlow(3 * SECOND) });
    const beside = run({
      loads: [...noisy, ...quietTenants(0.25)],
      tenantConcurrency: CONCURRENCY / 4,
      durationMs: 8 * SECOND,
    });
    expect(quietP99(beside, 3 * SECOND)).toBeLessThanOrEqual(solo(0.25) + 25);
  });

  test("wait hardly longer when handlers of another turn slow, which shows before any of them ends", () => {
    const turning = { tenantId: "turning", perSecond: 200, handlerMs: turningSlow(3 * SECOND) };
    const beside = run({ loads: [turning, ...quietTenants(0.5)], durationMs: 8 * SECOND });
    expect(quietP99(beside, 3 * SECOND)).toBeLessThanOrEqual(solo(0.5) + 25);
  });

  test.each([4, 7])(
    "wait hardly longer beside slow newcomers some of whose handlers end soon (seed %d)",
    (seed) => {
      const fromMs = 3 * SECOND;
      const noisy = [
        ...noisyTenants(2, { fromMs, backlog: MANY, handlerMs: spread(10) }, "quick"),
        ...noisyTenants(10, { fromMs: fromMs + SECOND, backlog: 200, handlerMs: spread(2 * SECOND) }),
      ];
      const beside = run({ loads: [...noisy, ...quietTenants(0.05)], durationMs: 12 * SECOND, seed });
      expect(quietP99(beside, fromMs)).toBeLessThanOrEqual(solo(0.05) + 25);
    },
  );

  test("wait hardly longer beside slow work when they come in bursts some seconds apart", () => {
    const bursts = [2, 6, 10, 14].flatMap((at) =>
      quietTenants(0.25).map((load) => ({ ...load, fromMs: at * SECOND, untilMs: (at + 1.5) * SECOND })),
    );
    const noisy = noisyTenants(10, { fromMs: 2.5 * SECOND, backlog: MANY, handlerMs: spread(SECOND) });
    const beside = run({ loads: [...noisy, ...bursts], durationMs: 17 * SECOND });
    expect(quietP99(beside, 4 * SECOND)).toBeLessThanOrEqual(solo(0.25) + 25);
  });

  test("wait hardly longer beside others whose handlers turned from slow to quick", () => {
    const turningQuick = (now: number) => (now < 9.5 * SECOND ? 5 * SECOND : 10);
    const beside = run({
      loads: [
        ...noisyTenants(2, { backlog: MANY, handlerMs: turningQuick }),
        { tenantId: "quiet", fromMs: 9.9 * SECOND, perSecond: 100, handlerMs: 10 },
      ],
      durationMs: 15 * SECOND,
    });
    // All slots are taken by quick work: one comes free every 0.2 ms or, if all began together, every 10 ms.
    expect(quietP99(beside)).toBeLessThanOrEqual(10);
  });

  test("that send an event now and then find a free slot", () => {
    const noisy = noisyTenants(1, { backlog: MANY, handlerMs: spread(SECOND) });
    const beside = run({
      loads: [...noisy, ...[5, 55, 110].map((at) => ({ ...quiet, fromMs: at * SECOND, backlog: 1 }))],
      durationMs: 120 * SECOND,
    });
    // Before the first, the noisy tenant was alone and has all slots.
    expect(story(beside, "quiet").waitsMs.slice(1)).toEqual([0, 0]);
  });
});

const quiet = { tenantId: "quiet", handlerMs: 10 };

describe("a newcomer", () => {
  test("begins within 10 ms beside 1,000,000 x 10 ms, and has half of the slots at once", () => {
    const beside = run({
      loads: [
        ...noisyTenants(1, { backlog: MANY, handlerMs: 10 }, "old"),
        ...noisyTenants(1, { fromMs: 3 * SECOND, backlog: 20_000, handlerMs: 10 }, "new"),
      ],
      durationMs: 5 * SECOND,
    });
    const [newcomer, old] = [story(beside, "new-0"), story(beside, "old-0")];
    expect(newcomer.waitsMs[0]).toBeLessThanOrEqual(10);
    const [ofNew, ofOld] = [newcomer, old].map((one) => begunWithin(one, 3 * SECOND, 3.1 * SECOND)) as [
      number,
      number,
    ];
    expect(ofNew / (ofNew + ofOld)).toBeGreaterThan(0.4);
    expect(ofNew / (ofNew + ofOld)).toBeLessThan(0.6);
  });

  test("has no more than others of late that are busy, having been idle before", () => {
    const beside = run({
      loads: [
        ...noisyTenants(2, { backlog: MANY, handlerMs: 10 }, "old"),
        { tenantId: "back", backlog: 10, handlerMs: 10 },
        { tenantId: "back", fromMs: 20 * SECOND, backlog: MANY, handlerMs: 10 },
      ],
      durationMs: 22 * SECOND,
    });
    const back = story(beside, "back");
    expect(back.waitsMs[10]).toBeLessThanOrEqual(10);
    expect(begunWithin(back, 20 * SECOND, 22 * SECOND)).toBeLessThan(
      1.1 * begunWithin(story(beside, "old-0"), 20 * SECOND, 22 * SECOND),
    );
  });

  test("has no more than others of late that are busy, having used few slots without a pause", () => {
    const beside = run({
      loads: [
        ...noisyTenants(2, { backlog: MANY, handlerMs: 10 }, "old"),
        { tenantId: "steady", perSecond: 1_000, handlerMs: 10 },
        { tenantId: "steady", fromMs: 20 * SECOND, backlog: MANY, handlerMs: 10 },
      ],
      durationMs: 22 * SECOND,
    });
    expect(begunWithin(story(beside, "steady"), 20 * SECOND, 22 * SECOND)).toBeLessThan(
      1.2 * begunWithin(story(beside, "old-0"), 20 * SECOND, 22 * SECOND),
    );
  });

  test("with slow work has as much as 200 others with slow work that the reserve has held back", () => {
    const handlerMs = 200;
    const beside = run({
      loads: [
        ...noisyTenants(200, { backlog: MANY, handlerMs }, "slow"),
        ...noisyTenants(2, { backlog: MANY, handlerMs: 10 }, "quick"),
        { tenantId: "new", fromMs: 10 * SECOND, backlog: MANY, handlerMs },
      ],
      durationMs: 20 * SECOND,
    });
    const others = begunWithin(story(beside, "slow-0"), 10 * SECOND, 20 * SECOND);
    expect(others).toBeGreaterThan(5);
    expect(story(beside, "new").begunAt.length).toBeGreaterThanOrEqual(others - 1);
  });

  test("is in turn among more tenants than slots that are all busy", () => {
    const beside = run({
      loads: [
        ...noisyTenants(300, { backlog: MANY, handlerMs: 10 }, "quick"),
        { tenantId: "new", fromMs: 3 * SECOND, backlog: MANY, handlerMs: 10 },
        { tenantId: "slow", fromMs: 3 * SECOND, backlog: MANY, handlerMs: 500 },
      ],
      durationMs: 10 * SECOND,
    });
    expect(story(beside, "new").waitsMs[0]).toBeLessThanOrEqual(20);
    const fair = (7 * SECOND * CONCURRENCY) / 302;
    expect(story(beside, "new").busyMs / fair).toBeGreaterThan(0.9);
    // It is charged in advance what its handlers take.
    expect(story(beside, "slow").busyMs / fair).toBeGreaterThan(0.5);
  });
});

describe("handler time", () => {
  test.each([
    [10, 10, 64],
    [10, 40, 64],
    [200, 20, 64],
    [20, 200, 64],
    [200, 200, 64],
    [10, 10, 16],
  ])("goes by weight, 1 to 3, to tenants that take %d and %d ms, of %d slots", (ms1, ms3, concurrency) => {
    const beside = run({
      concurrency,
      loads: [
        { tenantId: "1", backlog: MANY, handlerMs: spread(ms1) },
        { tenantId: "3", backlog: MANY, handlerMs: spread(ms3) },
      ],
      weight: Number,
      durationMs: 40 * SECOND,
    });
    const ratio = story(beside, "3").busyMs / story(beside, "1").busyMs;
    expect(ratio).toBeGreaterThan(2.8);
    expect(ratio).toBeLessThan(3.2);
  });

  test("is charged while handlers run that do not end, so that a tenant does not gather slots by them", () => {
    const handlerMs = 200;
    const beside = run({
      loads: [
        { tenantId: "hanging", backlog: MANY, handlerMs: (now) => (now < 3 * SECOND ? handlerMs : MANY) },
        ...noisyTenants(100, { backlog: MANY, handlerMs }),
      ],
      durationMs: 13 * SECOND,
    });
    expect(story(beside, "hanging").running).toBeLessThanOrEqual(4);
  });

  test("is the same for one tenant with many streams as for one with one", () => {
    // The tenant is what has a lane, so a thousand streams of it are a thousand loads of one lane.
    const streams = Array.from({ length: 1_000 }, () => ({
      tenantId: "many",
      backlog: 100,
      handlerMs: SECOND,
    }));
    const beside = run({ loads: [...streams, ...quietTenants(0.25)], durationMs: 6 * SECOND });
    expect(quietP99(beside)).toBeLessThanOrEqual(solo(0.25) + 25);
  });
});

describe("slots", () => {
  test.each([10, SECOND])("are all used by a tenant that is alone, with handlers of %d ms", (handlerMs) => {
    const alone = run({ loads: noisyTenants(1, { backlog: MANY, handlerMs }), durationMs: 20 * SECOND });
    expect(story(alone, "noisy-0").mostRunning).toBe(CONCURRENCY);
    expect(alone.order.free).toBe(0);
    // With handlers of a second it takes seven of them until all are: 8, 16, 32.
    expect(alone.busy).toBeGreaterThan(0.85);
  });

  test("are all used by a tenant again once it has been alone for a minute", () => {
    const alone = run({
      loads: [
        ...noisyTenants(1, { backlog: MANY, handlerMs: SECOND }),
        { tenantId: "other", fromMs: 10 * SECOND, backlog: 1, handlerMs: 10 },
      ],
      durationMs: 75 * SECOND,
      afterStep: (order, now) => {
        if (now > 12 * SECOND && now < 70 * SECOND) expect(order.free).toBeGreaterThanOrEqual(16);
      },
    });
    expect(alone.order.free).toBe(0);
  });

  test("are all used by events of more tenants than slots that were never seen before", () => {
    const sparse = run({
      loads: noisyTenants(10_000, { backlog: 1, handlerMs: 10 }),
      durationMs: 1_560,
    });
    expect(sparse.busy).toBeGreaterThan(0.99);
  });
});
