/** `metrics()` counts what happened: by a model over random runs, and by hand where a run does not get. */
import type { Consumer, Metrics } from "@sluice/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  events,
  keysOf,
  type OrderBus,
  onOrder,
  openBus,
  place,
  plainRedis,
  refusal,
  started,
  until,
} from "./support.js";

/** What the handler does with an order, at each of its attempts. */
interface Plan {
  /** Attempts that end in a retry or a throw before the last one. */
  readonly retries: number;
  readonly throws: boolean;
  readonly ends: "success" | "failure" | "retry for ever";
  readonly emits: number;
  /** Published again under its key. */
  readonly again: boolean;
}

const MAX_ATTEMPTS = 3;

const plan: fc.Arbitrary<Plan> = fc.record({
  retries: fc.integer({ min: 0, max: MAX_ATTEMPTS - 1 }),
  throws: fc.boolean(),
  ends: fc.constantFrom("success", "success", "failure", "retry for ever"),
  emits: fc.integer({ min: 0, max: 2 }),
  again: fc.boolean(),
});

const run = fc.record({
  plans: fc.array(plan, { minLength: 1, maxLength: 12 }),
  unhandled: fc.integer({ min: 0, max: 3 }),
  mismatches: fc.integer({ min: 0, max: 2 }),
  consumers: fc.integer({ min: 1, max: 3 }),
});

type Run = typeof run extends fc.Arbitrary<infer R> ? R : never;

function expected({ plans, unhandled, mismatches }: Run): Record<string, number> {
  const sum = (of: (plan: Plan) => number) => plans.reduce((total, one) => total + of(one), 0);
  const retried = (one: Plan) => (one.ends === "retry for ever" ? MAX_ATTEMPTS - 1 : one.retries);
  const emitted = sum((one) => (one.ends === "success" ? one.emits : 0));
  return {
    sluice_events_published_total: plans.length + unhandled,
    sluice_events_published_duplicate_total: sum(({ again }) => (again ? 1 : 0)),
    // A publish that is refused by itself, and one event among two that go together or not at all.
    sluice_publish_failures_total: 3 * mismatches,
    sluice_events_handled_total: sum(({ ends }) => (ends === "success" ? 1 : 0)) + emitted,
    sluice_events_emitted_total: emitted,
    sluice_events_skipped_unhandled_total: unhandled,
    sluice_events_skipped_duplicate_total: 0,
    sluice_events_skipped_other_group_total: 0,
    sluice_events_retried_total: sum(retried),
    sluice_recovered_due_total: sum(retried),
    sluice_events_dead_lettered_total: sum(({ ends }) => (ends === "success" ? 0 : 1)),
    ...{ sluice_leases_lost_total: 0, sluice_recovered_own_total: 0, sluice_recovered_stale_total: 0 },
    ...{
      sluice_events_trimmed_total: 0,
      sluice_consumer_errors_total: 0,
      sluice_handler_timeouts_total: 0,
      sluice_settles_unknown_total: 0,
    },
  };
}

async function publish(bus: OrderBus, { plans, unhandled, mismatches }: Run): Promise<void> {
  const order = (n: number) => ({ orderId: `o${n}` });
  await Promise.all(plans.map((_, n) => bus.publish("order.placed", order(n), { idempotencyKey: `k${n}` })));
  for (const [n, { again }] of plans.entries()) {
    if (again) await bus.publish("order.placed", order(n), { idempotencyKey: `k${n}` });
  }
  for (let n = 0; n < unhandled; n++) await bus.publish("order.noted", order(n));
  const mismatch = { type: "order.placed", data: { orderId: "another" }, idempotencyKey: "k0" } as const;
  for (let n = 0; n < mismatches; n++) {
    await refusal(() => bus.publish("order.placed", mismatch.data, { idempotencyKey: "k0" }));
    await refusal(() => bus.publishMany([{ type: "order.noted", data: order(n) }, mismatch]));
  }
}

function handlers({ plans }: Run) {
  const orders = events.handler({
    name: "orders",
    eventTypes: ["order.placed"],
    handle({ data: { orderId } }, { attempt, emit }) {
      const one = plans[Number(orderId.slice(1))];
      if (one === undefined) throw new Error(`handle order ${orderId}: nobody planned it`);
      if (attempt <= one.retries || one.ends === "retry for ever") {
        if (one.throws) throw new Error("down");
        return { kind: "retry", delayMs: 1 };
      }
      for (let n = 0; n < one.emits; n++) emit("order.billed", { orderId });
      return one.ends === "failure" ? { kind: "failure" } : undefined;
    },
  });
  const billed = events.handler({ name: "billed", eventTypes: ["order.billed"], handle() {} });
  return [orders, billed];
}

/** Nothing is left in Redis, nor in the hands of any consumer. */
async function allDone(bus: OrderBus): Promise<boolean> {
  const { groups } = await bus.getStreamInfo();
  const left = groups.some(({ lag, pending, retrying }) => lag + pending + retrying > 0);
  return !left && Object.values(bus.metrics().gauges).every((now) => now === 0);
}

/** Each bucket holds what the one before it holds, and the last one everything. */
function expectConsistent({ histograms }: Metrics, count: number): void {
  const { buckets, sum, count: observed } = histograms.sluice_handler_duration_seconds ?? {};
  expect(observed).toBe(count);
  expect(buckets?.at(-1)).toEqual({ le: Number.POSITIVE_INFINITY, count });
  const bounds = buckets?.map(({ le }) => le) ?? [];
  const counts = buckets?.map((bucket) => bucket.count) ?? [];
  expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
  expect(counts).toEqual([...counts].sort((a, b) => a - b));
  expect(sum).toBeGreaterThanOrEqual(0);
  // Nobody took less than nothing, or more than the bounds of its bucket.
  const most = counts.map((n, at) => (n - (counts[at - 1] ?? 0)) * Math.min(bounds[at] ?? 0, 3_600));
  expect(sum).toBeLessThanOrEqual(most.reduce((total, one) => total + one, 0) + 1e-6);
}

it("over random runs every counter agrees with a model, of the bus and of its consumers together", async () => {
  await fc.assert(
    fc.asyncProperty(run, async (one) => {
      const bus = await openBus();
      await publish(bus, one);
      const consumers: Consumer<typeof events.schemas>[] = [];
      const retry = { minDelayMs: 1, maxDelayMs: 2 };
      for (let n = 0; n < one.consumers; n++) {
        const options = { group: "billing", handlers: handlers(one), maxAttempts: MAX_ATTEMPTS, retry };
        consumers.push(bus.consumer(options));
      }
      await Promise.all(consumers.map((consumer) => consumer.start()));
      await until(() => allDone(bus));

      const wanted = expected(one);
      const metrics = bus.metrics();
      expect(metrics.counters).toMatchObject(wanted);
      const zeros = Object.values(metrics.gauges);
      expect(zeros).toEqual(zeros.map(() => 0));
      const attempts =
        (wanted.sluice_events_handled_total ?? 0) +
        (wanted.sluice_events_retried_total ?? 0) +
        (wanted.sluice_events_dead_lettered_total ?? 0) +
        (wanted.sluice_events_skipped_unhandled_total ?? 0);
      expectConsistent(metrics, attempts);

      for (const [name, total] of Object.entries(metrics.counters)) {
        const parts = consumers.map((consumer) => consumer.metrics().counters[name]);
        if (parts[0] === undefined) continue; // the publisher's
        expect(
          parts.reduce<number>((sum, part) => sum + (part ?? 0), 0),
          name,
        ).toBe(total);
      }
      await bus.close();
    }),
    { numRuns: 40 },
  );
}, 60_000);

describe("counted as well", () => {
  it("entries recovered, its own and those of others, and duplicates", async () => {
    const bus = await openBus({ publishWindowMs: 0 });
    const { stream } = keysOf(bus, "billing");
    await (await started(bus, undefined, { leaseMs: 20 })).stop();
    await place(bus, "a", "b", "c", "a");
    const redis = plainRedis();
    const read = (consumer: string, count: number) =>
      redis.xreadgroup("GROUP", "billing", consumer, "COUNT", count, "STREAMS", stream, ">");
    await read("worker-1", 1);
    await read("worker-2", 1);
    const consumer = await started(bus, undefined, { leaseMs: 20, consumer: "worker-1" });
    await consumer.idle();
    await until(() => consumer.metrics().counters.sluice_events_handled_total === 3);
    expect(consumer.metrics().counters).toMatchObject({
      ...{ sluice_recovered_own_total: 1, sluice_recovered_stale_total: 1 },
      ...{ sluice_events_handled_total: 3, sluice_events_skipped_duplicate_total: 1 },
    });
  });

  it("entries that were trimmed away before they were handled", async () => {
    const bus = await openBus();
    const { stream } = keysOf(bus, "billing");
    await (await started(bus)).stop();
    await place(bus, "a", "b");
    await plainRedis().xreadgroup("GROUP", "billing", "worker-1", "STREAMS", stream, ">");
    await plainRedis().xtrim(stream, "MAXLEN", 0);
    const consumer = await started(bus, undefined, { consumer: "worker-1" });
    expect(consumer.metrics().counters).toMatchObject({ sluice_events_trimmed_total: 2 });
  });

  it("what is in hand, while it is", async () => {
    const bus = await openBus();
    let arrived = 0;
    let open = () => {};
    const gate = new Promise<undefined>((resolve) => {
      open = () => resolve(undefined);
    });
    const consumer = await started(bus, () => {
      arrived += 1;
      return gate;
    });
    await place(bus, "a", "b", "c");
    await until(() => arrived === 3);
    expect(bus.metrics().gauges).toMatchObject({ sluice_events_running: 3, sluice_events_unsettled: 0 });
    open();
    await consumer.idle();
    expect(bus.metrics().gauges).toMatchObject({ sluice_events_running: 0 });
  });

  it("publishes in flight, failures of the server, and script calls, many publishes to one", async () => {
    const bus = await openBus();
    const publishing = Array.from({ length: 50 }, (_, n) => bus.publish("order.placed", { orderId: `${n}` }));
    await Promise.resolve();
    await Promise.all(publishing);
    expect(bus.metrics().counters).toMatchObject({
      ...{ sluice_events_published_total: 50, sluice_publish_calls_total: 1 },
    });
    await plainRedis().del(keysOf(bus, "x").meta);
    await plainRedis().set(keysOf(bus, "x").meta, "x");
    await refusal(() => place(bus, "a", "b"));
    await refusal(() => bus.publish("order.placed", { orderId: "c" }));
    expect(bus.metrics()).toMatchObject({
      counters: { sluice_publish_failures_total: 3, sluice_events_published_total: 50 },
      gauges: { sluice_publishes_in_flight: 0 },
    });
  });
});

it("metrics are plain data: what is taken stays as it was, and goes through JSON but for infinity", async () => {
  const bus = await openBus();
  const before = bus.metrics();
  await place(bus, "a");
  await (await started(bus, undefined, { handlers: [onOrder()] })).idle();
  expect(before.counters.sluice_events_published_total).toBe(0);
  const names = Object.keys({ ...before.counters, ...before.gauges, ...before.histograms });
  expect(names.every((name) => /^sluice_[a-z_]+$/.test(name))).toBe(true);
  expect(names.filter((name) => name in before.counters).every((name) => name.endsWith("_total"))).toBe(true);
});
