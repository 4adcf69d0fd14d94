import { currentTenant, WrongTypeError } from "@sluice/node";
import { expect, it } from "vitest";
import { plainRedis } from "../stories/look.js";
import { events, reports, until } from "../stories/support.js";
import { multi, names, noting, publish } from "./support.js";

it("suspends a tenant whose calls are refused, alone, with one event and one log line", async () => {
  const { bus, stream, logger } = await multi();
  const redis = plainRedis();
  await publish(bus, ["bad", ...names(5)], "a");
  await redis.set(`tenant:{bad}:${stream}/billing/state`, "not a hash");
  const handled: string[] = [];
  const worker = bus.worker({ group: "billing", handlers: [noting(handled)] });
  const errors = reports(worker, "error");
  await worker.start();
  await until(() => handled.length === 5 && errors.length === 1);
  await publish(bus, ["bad", ...names(5)], "b");
  await until(() => handled.length === 10);
  expect(errors).toEqual([{ error: expect.any(WrongTypeError), fatal: false, tenantId: "bad" }]);
  expect(logger.lines.filter(({ level }) => level === "error").map(({ fields }) => fields.tenantId)).toEqual([
    "bad",
  ]);
  expect(worker.metrics().gauges.sluice_worker_tenants_suspended).toBe(1);
  await redis.del(`tenant:{bad}:${stream}/billing/state`);
  await until(() => handled.length === 12);
  expect(handled.filter((one) => one.startsWith("bad")).sort()).toEqual(["bad a", "bad b"]);
  expect(errors).toHaveLength(1);
});

it("keeps handlers, contexts, emitted events, log lines and reports of tenants apart under concurrency", async () => {
  const { bus, logger } = await multi();
  const tenants = names(40);
  const mixed: string[] = [];
  const shipping = events.handler({
    name: "shipping",
    eventTypes: ["order.placed"],
    handle: async (event, context) => {
      const check = (where: string, found: string | undefined) => {
        if (found !== event.data.orderId) mixed.push(`${where}: ${found} instead of ${event.data.orderId}`);
      };
      check("event", event.tenantId);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
      check("context", context.tenantId);
      check("current tenant", currentTenant());
      context.logger.info("shipping", { orderId: event.data.orderId });
      context.emit("order.shipped", { orderId: event.data.orderId });
    },
  });
  const shipped: string[] = [];
  const worker = bus.worker({ group: "shipping", handlers: [shipping, noting(shipped)] });
  const told = reports(worker, "handled");
  await worker.start();
  await Promise.all(
    tenants.flatMap((orderId) =>
      [1, 2, 3].map((amount) => bus.tenant(orderId).publish("order.placed", { orderId, amount })),
    ),
  );
  await worker.idle();
  expect(mixed).toEqual([]);
  expect(shipped.sort()).toEqual(tenants.flatMap((t) => [1, 2, 3].map(() => `${t} ${t}`)).sort());
  expect(told).toHaveLength(40 * 6);
  const lines = logger.lines.filter(({ message }) => message === "shipping");
  expect(lines).toHaveLength(120);
  expect(lines.every(({ fields }) => fields.tenantId === fields.orderId)).toBe(true);
});
