/** That latencies are those of the events that were published, each once, and that the load is what it is said to be. */
import { expect, test } from "vitest";
import { Latencies } from "../src/workloads/latency/latencies.js";
import { EVENTS_PER_SECOND, paced } from "../src/workloads/latency/pacing.js";

test("a latency is from the publish of an order to the start of its handler, whatever came between", () => {
  let nowMs = 0;
  const latencies = new Latencies(() => nowMs);
  for (const [at, id] of [
    [10, "a"],
    [11, "b"],
  ] as const) {
    nowMs = at;
    latencies.published(id);
  }
  nowMs = 12;
  latencies.handled("b");
  nowMs = 15;
  latencies.handled("a");
  expect(latencies.outcome()).toEqual({
    events: 2,
    // 1 and 5 ms, and what lies between them.
    figures: { p50Ms: 3, p99Ms: 4.96, p999Ms: 4.996 },
  });
});

test("an order that is handled twice, or was never published, is told", () => {
  const latencies = new Latencies(() => 0);
  latencies.published("a");
  latencies.handled("a");
  expect(() => latencies.handled("a")).toThrow("handle 'a': not published, or handled twice");
  expect(() => latencies.handled("b")).toThrow("handle 'b'");
});

test("a paced load publishes each index once and in order, and no sooner than its share of the second", async () => {
  const startedAtMs = performance.now();
  const published: { index: number; atMs: number }[] = [];
  await paced(20, async (index) => {
    published.push({ index, atMs: performance.now() - startedAtMs });
  });
  expect(published.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  // Timers count whole milliseconds, and may be one early.
  for (const { index, atMs } of published)
    expect(atMs).toBeGreaterThan((index * 1_000) / EVENTS_PER_SECOND - 2);
});
