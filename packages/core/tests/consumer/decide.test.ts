/** What the next round trip carries, by tables: policy alone, without a server, a clock or a consumer. */
import { describe, expect, test } from "vitest";
import {
  blockingRead,
  capacity,
  type Decision,
  decide,
  type Limits,
  leasable,
  mayOverlap,
  mayRunSuspect,
  type Snapshot,
} from "../../src/consumer/decide.js";

/** Nothing is in flight, and nothing is known of the stream. */
const QUIET: Snapshot = {
  phase: "running",
  isHeld: false,
  delivered: 0,
  leasing: 0,
  ready: 0,
  running: 0,
  finished: 0,
  roundTrips: 0,
  reading: 0,
  blockedFor: 0,
  isFailing: false,
  isRecovering: false,
  isDue: false,
  moreToRead: false,
  budget: Number.POSITIVE_INFINITY,
  readsAhead: true,
  synchronousHandlers: false,
  oneAtATime: false,
  maxRead: 1_000,
  maxRecover: 1_000,
};
const LIMITS: Limits = { concurrency: 8, batchSize: 8 };
const NOTHING: Decision = { settle: false, lease: 0, recover: 0, read: 0 };

const when = (what: Partial<Snapshot>, limits: Partial<Limits> = {}) =>
  decide({ ...QUIET, ...what }, { ...LIMITS, ...limits });

describe("a round trip", () => {
  test.each<[string, Partial<Snapshot>, Partial<Decision> | undefined]>([
    ["is not made for nothing", {}, undefined],
    ["settles what has finished", { finished: 3 }, { settle: true }],
    ["reads ahead up to the concurrency", { moreToRead: true }, { read: 8 }],
    ["leases half of the slots, so that two can overlap", { delivered: 8 }, { lease: 4 }],
    ["leases no more than there are free slots", { delivered: 8, running: 5, ready: 1 }, { lease: 2 }],
    ["counts what another one leases", { delivered: 8, leasing: 4, running: 2 }, { lease: 2 }],
    [
      "settles, leases and reads together",
      { finished: 4, delivered: 8, moreToRead: true },
      { settle: true, lease: 4, read: 4 },
    ],
    ["reads for what it does not lease", { delivered: 6, moreToRead: true }, { lease: 4, read: 6 }],
    ["counts what another one reads", { moreToRead: true, reading: 5 }, { read: 3 }],
    ["counts what the blocking read may bring", { moreToRead: true, blockedFor: 4 }, undefined],
    [
      "reads for free slots alone where handlers are slow",
      { moreToRead: true, readsAhead: false, running: 6 },
      { read: 2 },
    ],
    [
      "reads nothing for handlers that are slow and have every slot",
      { moreToRead: true, readsAhead: false, running: 8 },
      undefined,
    ],
    [
      "leases one at a time of handlers that keep the thread",
      { delivered: 8, oneAtATime: true },
      { lease: 1 },
    ],
    ["leases none beside one that is ready then", { delivered: 8, ready: 1, oneAtATime: true }, undefined],
    ["reads one at a time for them", { moreToRead: true, oneAtATime: true }, { read: 1 }],
    ["reads no more than one reply may bring", { moreToRead: true, maxRead: 2 }, { read: 2 }],
  ])("%s", (_, what, expected) => {
    expect(when(what)).toEqual(expected && { ...NOTHING, ...expected });
  });

  test("reads no more than batchSize", () => {
    expect(when({ moreToRead: true }, { batchSize: 3 })).toEqual({ ...NOTHING, read: 3 });
  });

  test("carries 256 at most, also where handlers end at once", () => {
    const limits = { concurrency: 1_000, batchSize: 1_000 };
    const what = { delivered: 1_000, moreToRead: true };
    expect(when(what, limits)).toEqual({ ...NOTHING, lease: 256, read: 256 });
    expect(when({ ...what, synchronousHandlers: true }, limits)).toEqual({
      ...NOTHING,
      lease: 256,
      read: 256,
    });
  });
});

describe("recovery", () => {
  test.each<[string, Partial<Snapshot>, Partial<Decision> | undefined]>([
    ["comes before new work", { isRecovering: true, delivered: 8, moreToRead: true }, { recover: 8 }],
    ["is for free slots", { isRecovering: true, running: 5, ready: 1 }, { recover: 2 }],
    [
      "waits for a slot, and settles meanwhile",
      { isRecovering: true, running: 8, finished: 2 },
      { settle: true },
    ],
    ["settles first", { isRecovering: true, finished: 2 }, { settle: true, recover: 8 }],
    [
      "is beside no other round trip, since it leaves out what is in flight",
      { isRecovering: true, roundTrips: 1, finished: 2 },
      undefined,
    ],
    ["of what is due is beside no other one either", { isDue: true, roundTrips: 1, finished: 2 }, undefined],
    ["of what is due is in place of a lease", { isDue: true, delivered: 4 }, { recover: 8 }],
    ["of what is due leaves reading as it is", { isDue: true, moreToRead: true }, { recover: 8, read: 8 }],
    ["brings no more than one reply may", { isRecovering: true, maxRecover: 1 }, { recover: 1 }],
  ])("%s", (_, what, expected) => {
    expect(when(what)).toEqual(expected && { ...NOTHING, ...expected });
  });
});

describe("nothing fresh begins", () => {
  const work: Partial<Snapshot> = { delivered: 8, moreToRead: true, isRecovering: true };

  test.each(["opening", "paused", "draining", "releasing", "closed", "failed"] as const)(
    "in phase %s",
    (phase) => {
      expect(when({ ...work, phase })).toBeUndefined();
      expect(when({ ...work, phase, finished: 1 })).toEqual({ ...NOTHING, settle: true });
    },
  );

  test("while a suspect runs, or where attempts end and cannot be settled", () => {
    expect(when({ ...work, isHeld: true })).toBeUndefined();
    expect(when({ ...work, finished: 1_000 })).toEqual({ ...NOTHING, settle: true });
  });

  test("beyond the budget of runOnce, and nothing is read beyond it", () => {
    expect(when({ delivered: 8, budget: 3 })).toEqual({ ...NOTHING, lease: 3 });
    expect(when({ delivered: 2, moreToRead: true, budget: 5 })).toEqual({ ...NOTHING, lease: 2, read: 3 });
    expect(when({ delivered: 8, moreToRead: true, budget: 0 })).toBeUndefined();
    expect(when({ delivered: 8, budget: 3, leasing: 3 })).toBeUndefined();
  });

  test("beside a call that is made again after it failed", () => {
    expect(when({ delivered: 8, finished: 1, isFailing: true, roundTrips: 1 })).toBeUndefined();
    expect(when({ delivered: 8, finished: 1, isFailing: true })).toEqual({
      ...NOTHING,
      settle: true,
      lease: 4,
    });
  });
});

describe("a second round trip beside the first", () => {
  const overlaps = (what: Partial<Snapshot>) => mayOverlap({ ...QUIET, roundTrips: 1, ...what }, LIMITS);

  test.each<[string, Partial<Snapshot>, boolean]>([
    ["carries as much as half of the slots", { finished: 4, running: 4 }, true],
    ["is not worth it for less", { finished: 3, running: 5 }, false],
    ["counts what it settles and leases", { finished: 2, running: 4, delivered: 3 }, true],
    ["does not count what has no slot", { finished: 2, running: 7, delivered: 3 }, false],
    ["reads as much, where handlers end at once", { synchronousHandlers: true, moreToRead: true }, true],
    ["does not read ahead where they do not", { moreToRead: true }, false],
    ["is not made beside a recovery", { finished: 8, isRecovering: true }, false],
    ["is not made where a recovery is due", { finished: 8, isDue: true }, false],
    ["is not made while calls fail", { finished: 8, isFailing: true }, false],
  ])("%s", (_, what, expected) => {
    expect(overlaps(what)).toBe(expected);
  });

  test("reads the clock last: it is asked at the end of attempts", () => {
    let looks = 0;
    const clocked = (finished: number): Snapshot => ({
      ...QUIET,
      finished,
      get isDue() {
        looks += 1;
        return false;
      },
    });
    expect(mayOverlap(clocked(1), LIMITS)).toBe(false);
    expect(looks).toBe(0);
    expect(mayOverlap(clocked(4), LIMITS)).toBe(true);
    expect(looks).toBe(1);
  });
});

describe("the blocking read", () => {
  const waitsFor = (what: Partial<Snapshot>) => blockingRead({ ...QUIET, ...what }, LIMITS);

  test.each<[string, Partial<Snapshot>, number]>([
    ["waits for as many as there is room for", { running: 3, delivered: 2 }, 6],
    ["does not wait where there is more to read", { moreToRead: true }, 0],
    ["does not wait during a recovery pass", { isRecovering: true }, 0],
    ["does not wait twice", { blockedFor: 2 }, 0],
    ["does not wait while paused", { phase: "paused" }, 0],
    ["does not wait once the budget is exhausted", { budget: 0 }, 0],
    ["does not wait for slow handlers that have every slot", { running: 8, readsAhead: false }, 0],
  ])("%s", (_, what, expected) => {
    expect(waitsFor(what)).toBe(expected);
  });
});

test("capacity is concurrency, and twice that while handlers end at once, but no more than two round trips carry", () => {
  const at = (concurrency: number, synchronousHandlers: boolean) =>
    capacity({ ...QUIET, synchronousHandlers }, { concurrency, batchSize: concurrency });
  expect([1, 64, 256, 512, 1_000].map((concurrency) => at(concurrency, false))).toEqual([
    1, 64, 256, 512, 1_000,
  ]);
  expect([1, 64, 256, 512, 1_000].map((concurrency) => at(concurrency, true))).toEqual([
    2, 128, 512, 512, 1_000,
  ]);
  expect(leasable({ ...QUIET, synchronousHandlers: true, running: 8 }, LIMITS)).toBe(8);
});

test.each<[string, Partial<Snapshot>, boolean]>([
  ["there is a slot", {}, true],
  ["every slot is taken", { running: 8 }, false],
  ["the budget is exhausted", { budget: 0 }, false],
  ["calls fail", { isFailing: true }, false],
  ["the consumer is paused", { phase: "paused" }, false],
])("a suspect may run where %s: %s", (_, what, expected) => {
  expect(mayRunSuspect({ ...QUIET, ...what }, LIMITS)).toBe(expected);
});
