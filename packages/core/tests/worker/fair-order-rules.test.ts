/** What holds at any time, whatever the worker does in whatever order: counts, bounds, who is next, what is forgotten. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FairOrder, isWeight, type Lane, type Slot } from "../../src/worker/dispatch.js";
import { seeded } from "./simulation.js";

const even = () => 1;

/** Some thousand times quicker than expect(). */
function hold(otherwise: string, condition: boolean): void {
  if (!condition) throw new Error(otherwise);
}

describe("after anything that a worker may do", () => {
  const settings = fc
    .record({
      concurrency: fc.integer({ min: 1, max: 24 }),
      part: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      tenants: fc.integer({ min: 1, max: 40 }),
      seed: fc.integer(),
    })
    .map(({ concurrency, part, ...rest }) => ({
      ...rest,
      concurrency,
      tenantConcurrency: part === undefined ? undefined : 1 + Math.floor(part * (concurrency - 1)),
    }));

  test("no bound is exceeded, nobody who may have a slot waits beside a free one, and least virtual time is next", () => {
    fc.assert(
      fc.property(settings, ({ concurrency, tenantConcurrency, tenants, seed }) => {
        const random = seeded(seed);
        const integer = (below: number) => Math.floor(random() * below);
        const weight = (tenantId: string) => 0.5 + (tenantId.length % 3);
        const order = new FairOrder({ concurrency, tenantConcurrency, weight }, 0);
        const lanes = new Map<string, Lane>();
        const running: { slot: Slot; lane: Lane }[] = [];
        let now = 0;

        const check = () => {
          let [taken, reserved, active] = [0, 0, 0];
          for (const lane of lanes.values()) {
            taken += lane.taken;
            reserved += lane.reserved;
            if (lane.ready + lane.taken > 0) active += 1;
            hold("tenantConcurrency is exceeded", lane.taken <= (tenantConcurrency ?? concurrency));
            hold("room is more than is free", order.room(lane) <= order.free);
            hold("room contradicts what holds", order.room(lane) > 0 === (order.heldBy(lane) === undefined));
          }
          expect([taken - reserved, order.free, order.active]).toEqual([
            running.length,
            concurrency - taken,
            active,
          ]);
        };
        const serve = () => {
          for (let lane = order.next(); lane !== undefined; lane = order.next()) {
            expect(order.heldBy(lane)).toBeUndefined();
            for (const other of lanes.values()) {
              if (other.heap !== lane.heap || order.heldBy(other) !== undefined) continue;
              hold("another comes first", lane.virtualTime <= other.virtualTime);
            }
            if (random() < 0.3) order.reserve(lane, 1 + integer(Math.min(lane.ready, order.room(lane))));
            else running.push({ slot: order.begun(lane, now), lane });
            check();
          }
          expect(order.unserved()).toBeUndefined();
        };
        const end = (at: number) => {
          const [one] = running.splice(at, 1);
          if (one !== undefined) order.ended(one.slot, now);
        };

        for (let step = 0; step < 120; step++) {
          const tenantId = "t".repeat(1 + integer(tenants));
          const lane = lanes.get(tenantId);
          now += random() < 0.02 ? 40_000 * random() : 30 * random();
          const what = random();
          if (what < 0.3) lanes.set(tenantId, order.ready(tenantId, 1 + integer(10), now));
          else if (what < 0.35 && lane !== undefined) order.drained(lane);
          else if (what < 0.5 && lane !== undefined && lane.reserved > 0) {
            if (random() < 0.5) order.release(lane, lane.reserved);
            else running.push({ slot: order.begunReserved(lane, now), lane });
          } else if (what < 0.6) order.tick(now);
          else end(integer(running.length));
          check();
          if (random() < 0.7) serve();
        }

        for (const lane of lanes.values()) {
          order.drained(lane);
          order.release(lane, lane.reserved);
        }
        while (running.length > 0) end(0);
        expect([order.free, order.active]).toEqual([concurrency, 0]);
        for (let second = 0; second <= 180; second++) order.tick(now + second * 1_000);
        expect(order.size).toBe(0);
      }),
      {
        numRuns: 150,
        // Several lanes of one heap are charged in one tick.
        examples: [[{ concurrency: 21, tenantConcurrency: undefined, tenants: 36, seed: 13 }]],
      },
    );
  });
});

describe("an order", () => {
  test("serves lanes of the same virtual time by turns", () => {
    const order = new FairOrder({ concurrency: 6, weight: even }, 0);
    for (const tenantId of ["a", "b", "c"]) order.ready(tenantId, 2, 0);
    const served: string[] = [];
    for (let lane = order.next(); lane !== undefined; lane = order.next()) {
      served.push(lane.tenantId);
      order.begun(lane, 0);
    }
    expect(served).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  test("keeps a lane's state while it is idle for less than a minute, and none of it after that", () => {
    const order = new FairOrder({ concurrency: 4, weight: even }, 0);
    const first = order.ready("a", 1, 0);
    order.ended(order.begun(first, 0), 10);
    expect(order.ready("a", 1, 60_000)).toBe(first);
    order.drained(first);
    const later = order.ready("a", 1, 120_000);
    expect(later).not.toBe(first);
    expect([later.completed, order.size]).toEqual([0, 1]);
  });

  test("has forgotten every lane three minutes after it had work, looking at a few at a time", () => {
    const order = new FairOrder({ concurrency: 1, weight: even }, 0);
    for (let tenant = 0; tenant < 10_000; tenant++) {
      order.ended(order.begun(order.ready(`t${tenant}`, 1, 0), 0), 0);
    }
    let most = 0;
    for (let now = 50; now <= 180_000; now += 50) {
      const { size } = order;
      order.tick(now);
      if (now < 60_000) expect(order.size).toBe(10_000);
      most = Math.max(most, size - order.size);
    }
    expect(order.size).toBe(0);
    expect(most).toBeLessThan(100);
  });

  test("asks for a weight once for each lane, and refuses what is none, changing nothing", () => {
    const asked: string[] = [];
    const weights: Record<string, unknown> = { a: 2, b: 0, c: Number.NaN, d: "1" };
    const weight = (tenantId: string) => {
      asked.push(tenantId);
      return weights[tenantId] as number; // nonsense is what is tested
    };
    const order = new FairOrder({ concurrency: 4, weight }, 0);
    order.ready("a", 1, 0);
    order.ready("a", 2, 0);
    expect(() => order.ready("b", 1, 0)).toThrow("use 0 as weight of tenant 'b': wanted a number from 0.001");
    expect(() => order.ready("c", 1, 0)).toThrow("use NaN as weight of tenant 'c'");
    expect(() => order.ready("d", 1, 0)).toThrow("use 1 as weight of tenant 'd'");
    expect(asked).toEqual(["a", "b", "c", "d"]);
    expect([order.active, order.size]).toEqual([1, 1]);
    expect([0.001, 1, 1_000, 0, -1, 1_001, Number.POSITIVE_INFINITY, "1"].map(isWeight)).toEqual(
      [true, true, true, false, false, false, false, false], // one by one
    );
  });

  test("refuses to begin, to reserve, to release and to end what is not there", () => {
    const order = new FairOrder({ concurrency: 1, weight: even }, 0);
    const lane = order.ready("a", 1, 0);
    expect(() => order.begunReserved(lane, 0)).toThrow("no slot is reserved");
    expect(() => order.reserve(lane, 2)).toThrow("reserve 2 slots: 1 are free");
    const slot = order.begun(lane, 0);
    expect(() => order.begun(lane, 0)).toThrow("none is ready");
    order.ready("a", 1, 0);
    expect(() => order.begun(lane, 0)).toThrow("no slot is free");
    expect(() => order.release(lane, 1)).toThrow("release 1 slots: 0 are reserved");
    order.ended(slot, 5);
    expect(() => order.ended(slot, 5)).toThrow("nothing runs in its slot");
    expect([order.free, lane.running, lane.completed]).toEqual([1, 0, 1]);
  });

  test("lets a tenant that was alone begin nothing above its cap once others come", () => {
    const order = new FairOrder({ concurrency: 16, weight: even }, 0);
    const alone = order.ready("alone", 100, 0);
    for (let round = 0; round < 20; round++) order.ended(order.begun(alone, 0), 0);
    for (let running = 0; running < 13; running++) order.begun(alone, 0);
    expect(order.next()).toBe(alone);
    order.begun(order.ready("other", 1, 0), 0);
    expect([order.next(), order.free]).toEqual([undefined, 2]);
  });

  test("tells what holds a lane back, and most slots it may have", () => {
    const order = new FairOrder({ concurrency: 16, weight: even }, 0);
    const begin = (lane: Lane, count: number) => Array.from({ length: count }, () => order.begun(lane, 0));
    const noisy = order.ready("noisy", 100, 0);
    expect([order.cap(noisy), order.room(noisy)]).toEqual([16, 1]);
    begin(noisy, 2);
    expect(order.heldBy(noisy)).toBe("window");
    const other = order.ready("other", 1, 0);
    expect(order.cap(noisy)).toBe(12);
    for (const slot of begin(other, 1)) order.ended(slot, 0);
    expect(order.cap(noisy)).toBe(12);
    // After an attempt of 0 ms its work is quick, and each that ends opens the window.
    for (let round = 0; round < 20; round++) {
      order.ready("noisy", 100, 0);
      for (const slot of begin(noisy, 1)) order.ended(slot, 0);
    }
    expect(order.room(noisy)).toBe(10);
    const running = begin(noisy, 10);
    expect([order.heldBy(noisy), order.room(noisy)]).toEqual(["cap", 0]);
    begin(order.ready("third", 10, 0), 2);
    begin(order.ready("fourth", 10, 0), 2);
    expect(order.heldBy(noisy)).toBe("slots");
    // A minute later attempts of all of them are old: their work is slow, and they have more than they are to have.
    order.tick(60_000);
    for (const slot of running.slice(0, 1)) order.ended(slot, 60_000);
    expect(order.heldBy(noisy)).toBe("reserve");
  });
});
