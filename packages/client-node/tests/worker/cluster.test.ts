import { startCluster } from "@sluice/test-server";
import { Cluster } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { events, openBus } from "../stories/support.js";
import { names, noting, publish, started } from "./support.js";

it("serves tenants on every master of a Cluster", async () => {
  const cluster = await startCluster();
  onTestFinished(() => cluster.stop());
  const redis = new Cluster(cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  onTestFinished(() => redis.disconnect());
  const bus = await openBus({ events, tenancy: "multi", redis });
  await publish(bus, names(40), "a");
  const handled: string[] = [];
  const worker = await started(bus, { group: "billing", handlers: [noting(handled)] });
  await publish(bus, [...names(40), "newcomer"], "b");
  await worker.idle();
  expect(new Set(handled).size).toBe(81);
  expect(handled).toHaveLength(81);
  expect(worker.metrics().counters.sluice_worker_events_found_by_sweep_total).toBe(0);
});
