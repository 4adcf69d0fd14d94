import { type Connection, createBus, silentLogger } from "@sluice/core";
import { fromIoredis } from "@sluice/core/ioredis";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { plainRedis } from "../stories/look.js";
import { events, Gate, until } from "../stories/support.js";
import { multi, names, noting, publish, started } from "./support.js";

it("a tenant with many events keeps no other waiting until they are handled", async () => {
  const { bus } = await multi();
  const handled: string[] = [];
  const many = Array.from({ length: 500 }, (_, n) => ({
    type: "order.shipped" as const,
    data: { orderId: `many${n}` },
  }));
  const gate = new Gate();
  const worker = await started(bus, {
    group: "billing",
    concurrency: 4,
    handlers: [noting(handled, (orderId) => (orderId.startsWith("many") ? gate.pass() : undefined))],
  });
  await publish(bus, names(10), "known");
  await worker.idle();
  handled.length = 0;
  await bus.tenant("noisy").publishMany(many);
  await until(() => handled.length > 0);
  await publish(bus, names(10), "a");
  // None of the noisy tenant's handlers has ended by then.
  await until(() => handled.filter((line) => line.endsWith(" a")).length === 10);
  gate.open();
  await worker.idle();
  expect(handled).toHaveLength(510);
});

it("a tenant takes tenantConcurrency slots at most, and never more run than concurrency", async () => {
  const { bus } = await multi();
  const gate = new Gate();
  const running = new Map<string, number>();
  const handled: string[] = [];
  const worker = await started(bus, {
    group: "billing",
    concurrency: 6,
    tenantConcurrency: 2,
    handlers: [noting(handled, () => gate.pass())],
  });
  for (const orderId of ["a", "b", "c", "d"]) await publish(bus, ["acme", "globex"], orderId);
  await until(() => handled.length === 4);
  for (const one of handled) {
    const [tenant = ""] = one.split(" ");
    running.set(tenant, (running.get(tenant) ?? 0) + 1);
  }
  expect([...running.values()]).toEqual([2, 2]);
  expect(worker.inHand.running).toBe(4);
  gate.open();
  await worker.idle();
  expect(new Set(handled).size).toBe(8);
});

it("recovers what others left behind before it begins new work of the tenant", async () => {
  const { bus, stream } = await multi();
  const options = { group: "billing", leaseMs: 20, concurrency: 1 };
  await bus.worker({ ...options, tenants: ["acme"], handlers: [noting([])] }).runOnce();
  const redis = plainRedis();
  const key = `tenant:{acme}:${stream}`;
  await publish(bus, ["acme"], "old");
  // Somebody was given it, and never leased it.
  await redis.xreadgroup("GROUP", "billing", "gone", "COUNT", 1, "STREAMS", key, ">");
  for (const orderId of ["new1", "new2"]) await publish(bus, ["acme"], orderId);
  await until(async () => {
    // [[id, consumer, idle, deliveries], …]: the documented shape of XPENDING.
    const [pending] = (await redis.xpending(key, "billing", "-", "+", 1)) as [string, string, number][];
    return (pending?.[2] ?? 0) > options.leaseMs;
  });
  const handled: string[] = [];
  const worker = await started(bus, { ...options, handlers: [noting(handled)] });
  await worker.idle();
  expect(handled).toEqual(["acme old", "acme new1", "acme new2"]);
});

it("looks once more at a tenant that rings while it is being looked at", async () => {
  const stream = uniqueName("orders");
  const inner = fromIoredis(new Redis(sharedServerUrl(), { lazyConnect: true }), { logger: silentLogger });
  let held: Promise<void> | undefined;
  let looks = 0;
  let rings = 0;
  const holding = (connection: Connection): Connection => ({
    async send(requests, options) {
      const isLook = requests.some((request) => request.kind === "command" && request.name === "XREADGROUP");
      const replies = await connection.send(requests, options);
      if (isLook) {
        looks += 1;
        await held;
      }
      return replies;
    },
    nodes: (options) => connection.nodes(options),
    duplicate: () => holding(connection.duplicate()),
    onReconnect: (listener) => connection.onReconnect(listener),
    bells: (listener) =>
      connection.bells({
        deaf: (slots) => listener.deaf(slots),
        ring: (key) => {
          listener.ring(key);
          if (key.startsWith("tenant:")) rings += 1;
        },
      }),
    close: () => connection.close(),
  });
  const bus = createBus(holding(inner), { stream, events, tenancy: "multi", logger: silentLogger });
  onTestFinished(() => bus.close());
  const handled: string[] = [];
  await publish(bus, ["acme"], "first");
  const worker = await started(bus, { group: "billing", handlers: [noting(handled)] });
  await worker.idle();
  let letGo = () => {};
  held = new Promise((resolve) => {
    letGo = resolve;
  });
  const before = looks;
  rings = 0;
  await publish(bus, ["acme"], "second");
  await until(() => looks > before);
  await publish(bus, ["acme"], "third");
  await until(() => rings > 1);
  letGo();
  held = undefined;
  // Sooner than the sweep would find it.
  await until(() => handled.length === 3, { withinMs: 20_000 });
  expect(worker.metrics().counters.sluice_worker_events_found_by_sweep_total).toBe(0);
});
