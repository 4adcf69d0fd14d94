/** InFlight: an entry is in exactly one state, and only what the methods say moves it. */
import { describe, expect, test } from "vitest";
import type { InFlight } from "../../src/consumer/in-flight.js";
import { attempts, entries, inFlight, running, succeeded } from "./support.js";

/** How many entries are in each state, by its name; states without any are left out. */
function counts(of: InFlight): Record<string, number> {
  const { delivered, leasing, ready, running, finished, settling } = of;
  const all = Object.entries({ delivered, leasing, ready, running, finished, settling });
  expect(of.size).toBe(all.reduce((sum, [, count]) => sum + count, 0));
  expect(of.ids()).toHaveLength(of.size);
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

test("an entry goes from delivered to settled, and is in one state all the time", () => {
  const flight = inFlight();
  flight.deliver(entries("1-0", "2-0", "3-0"));
  expect(counts(flight)).toEqual({ delivered: 3 });
  const batch = flight.takeToLease(2);
  expect(counts(flight)).toEqual({ delivered: 1, leasing: 2 });
  flight.leased(batch, attempts(flight, batch.slice(0, 1)));
  expect(counts(flight)).toEqual({ delivered: 1, ready: 1 });
  const attempt = flight.next();
  expect(counts(flight)).toEqual({ delivered: 1, running: 1 });
  if (attempt !== undefined) flight.finish(succeeded(attempt));
  expect(counts(flight)).toEqual({ delivered: 1, finished: 1 });
  const settle = flight.takeToSettle();
  expect(counts(flight)).toEqual({ delivered: 1, settling: 1 });
  if (settle !== undefined) flight.settled(settle);
  expect(counts(flight)).toEqual({ delivered: 1 });
  expect(flight.ids()).toEqual(["3-0"]);
});

describe("a call that failed", () => {
  test("and leased nothing leaves its entries delivered, in their order", () => {
    const flight = inFlight();
    flight.deliver(entries("1-0", "2-0", "3-0"));
    flight.leaseFailed(flight.takeToLease(2), false);
    expect(flight.ids()).toEqual(["1-0", "2-0", "3-0"]);
    expect(counts(flight)).toEqual({ delivered: 3 });
  });

  test("and may have leased leaves its entries to recovery", () => {
    const flight = inFlight();
    flight.deliver(entries("1-0", "2-0", "3-0"));
    flight.leaseFailed(flight.takeToLease(2), true);
    expect(flight.ids()).toEqual(["3-0"]);
  });

  test.each([
    [true, "is told apart as one that may be settled"],
    [false, "is settled as any other"],
  ])("to settle (may have run: %s) is made again, in order; what it was about %s", (mayHaveRun) => {
    const flight = inFlight();
    for (const attempt of running(flight, 0, "1-0", "2-0")) flight.finish(succeeded(attempt));
    const [later] = running(flight, 0, "3-0");
    const batch = flight.takeToSettle();
    if (later !== undefined) flight.finish(succeeded(later));
    if (batch !== undefined) flight.settleFailed(batch, mayHaveRun);
    const again = flight.takeToSettle()?.attempts ?? [];
    expect(again.map(({ id }) => id)).toEqual(["1-0", "2-0", "3-0"]);
    expect(again.map(({ attempt }) => attempt.maybeSettled)).toEqual([mayHaveRun, mayHaveRun, false]);
  });
});

describe("a lost attempt", () => {
  test("is lost once, aborts, and what it ends with is dropped", () => {
    const flight = inFlight();
    const [attempt] = running(flight, 0, "1-0");
    if (attempt === undefined) throw new Error("none runs");
    const reason = new Error("lost");
    expect(flight.lose(attempt, reason)).toBe(true);
    expect(flight.lose(attempt, reason)).toBe(false);
    expect(attempt.signal.reason).toBe(reason);
    expect(flight.leasedBefore(Number.POSITIVE_INFINITY)).toEqual([]);
    flight.finish(succeeded(attempt));
    expect(counts(flight)).toEqual({});
  });

  test("keeps its slot beside a newer attempt of the same entry", () => {
    const flight = inFlight();
    const [older] = running(flight, 0, "1-0");
    if (older !== undefined) flight.lose(older, undefined);
    const [newer] = running(flight, 0, "1-0");
    expect(counts(flight)).toEqual({ running: 2 });
    if (newer !== undefined) flight.finish(succeeded(newer));
    expect(counts(flight)).toEqual({ running: 1, finished: 1 });
  });

  test("is not lost any more once it has finished", () => {
    const flight = inFlight();
    const [attempt] = running(flight, 0, "1-0");
    if (attempt === undefined) throw new Error("none runs");
    flight.finish(succeeded(attempt));
    expect(flight.lose(attempt, undefined)).toBe(false);
  });
});

test("one settle call takes 1,000 attempts at most, and 4 MiB of emitted events unless one alone takes more", () => {
  const many = inFlight();
  const ids = Array.from({ length: 1_001 }, (_, n) => `${n}-0`);
  for (const attempt of running(many, 0, ...ids)) many.finish(succeeded(attempt));
  expect(many.takeToSettle()?.attempts).toHaveLength(1_000);
  expect(many.takeToSettle()?.attempts).toHaveLength(1);
  expect(many.takeToSettle()).toBeUndefined();

  const large = inFlight();
  const emit = (mebibytes: number) => [{ key: "k", event: "x".repeat(mebibytes * 2 ** 20), fingerprint: "" }];
  for (const [at, attempt] of running(large, 0, "1-0", "2-0", "3-0", "4-0").entries()) {
    large.finish(succeeded(attempt, at === 3 ? [] : emit([5, 3, 2][at] ?? 0)));
  }
  const batches = [];
  for (let batch = large.takeToSettle(); batch !== undefined; batch = large.takeToSettle()) {
    batches.push([batch.attempts.map(({ id }) => id), batch.emits]);
    expect(large.isEmitting).toBe(true);
    large.settled(batch);
    expect(large.isEmitting).toBe(false);
  }
  expect(batches).toEqual([
    [["1-0"], true],
    [["2-0"], true],
    [["3-0", "4-0"], true],
  ]);
});

describe("taken out to be released is", () => {
  const flight = () => {
    const made = inFlight();
    running(made, 0, "1-0");
    made.adopt(attempts(made, entries("2-0"), 10));
    made.adopt(attempts(made, entries("3-0"), 20));
    made.deliver(entries("4-0", "5-0", "6-0"));
    return made;
  };
  const ids = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id);

  test("what was not begun: ready attempts by their token, delivered entries without one", () => {
    const made = flight();
    const items = made.takeUnstarted();
    expect(items.map(({ id, token }) => [id, token])).toEqual([
      ["4-0", undefined],
      ["5-0", undefined],
      ["6-0", undefined],
      ["2-0", "2-0|c1|1|p_1.0"],
      ["3-0", "3-0|c1|1|p_1.0"],
    ]);
    expect(counts(made)).toEqual({ running: 1 });
  });

  test("delivered beyond so many, or up to one that is still there", () => {
    const made = flight();
    expect(ids(made.takeDelivered(3))).toEqual([]);
    const [fourth] = entries("4-0");
    expect(fourth && made.takeDeliveredUpTo(fourth)).toEqual([]);
    expect(ids(made.takeDelivered(2))).toEqual(["6-0"]);
    const newest = made.lastDelivered;
    expect(newest && ids(made.takeDeliveredUpTo(newest))).toEqual(["4-0", "5-0"]);
  });

  test("ready for too long", () => {
    const made = flight();
    expect(ids(made.takeReady(15))).toEqual(["2-0"]);
    expect(ids(made.takeReady(15))).toEqual([]);
  });

  test("everything, when it is abandoned: what runs on is lost, and told of unless it was lost before", () => {
    const made = flight();
    const [lost, done] = running(made, 0, "2-0", "3-0");
    if (lost === undefined || done === undefined) throw new Error("nothing runs");
    made.lose(lost, undefined);
    made.finish(succeeded(done));
    made.takeToLease(1);
    const { running: alive, items } = made.abandon();
    expect(alive.map(({ entry }) => entry.id)).toEqual(["1-0"]);
    expect(alive.every((attempt) => attempt.lost)).toBe(true);
    expect(ids(items).sort()).toEqual(["1-0", "2-0", "2-0", "3-0", "3-0", "4-0", "5-0", "6-0"]);
  });
});
