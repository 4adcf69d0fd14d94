import { EventEmitter, once } from "node:events";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import { currentTenant, withTenant } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { eventful, setUp } from "./scenes/tenancy.js";
import { events } from "./support.js";

describe("tenancy", () => {
  describe("the context flows", () => {
    it("through timers, promises and callbacks", async () => {
      const { bus, look } = await setUp();
      const publish = (orderId: string) => bus.publish("order.shipped", { orderId });
      await withTenant("acme", async () => {
        await publish("at once");
        await Promise.resolve().then(() => publish("then"));
        await delay(1);
        await publish("after a timer");
        await setImmediate();
        await publish("after an immediate");
        await new Promise((resolve) => setTimeout(() => resolve(publish("in a timer")), 1));
        await new Promise((resolve) => queueMicrotask(() => resolve(publish("in a microtask"))));
        await new Promise((resolve) => process.nextTick(() => resolve(publish("in a tick"))));
        const emitter = new EventEmitter();
        globalThis.setTimeout(() => emitter.emit("go"), 1);
        await once(emitter, "go");
        await publish("after an event");
        await Promise.all([publish("beside"), publish("each other")]);
      });
      expect(currentTenant()).toBeUndefined();
      expect((await look("acme").entries()).map(({ event }) => event.data)).toEqual(
        [
          "at once",
          "then",
          "after a timer",
          "after an immediate",
          "in a timer",
          "in a microtask",
          "in a tick",
          "after an event",
          "beside",
          "each other",
        ].map((orderId) => ({ orderId })),
      );
    });

    it("of each tenant beside the others'", async () => {
      const { bus, look } = await setUp();
      const tenants = Array.from({ length: 20 }, (_, n) => `t${n}`);
      await Promise.all(
        tenants.map((tenant) =>
          withTenant(tenant, async () => {
            for (let n = 0; n < 5; n++) {
              await delay(Math.random() * 3);
              await bus.publish("order.shipped", { orderId: tenant });
            }
          }),
        ),
      );
      for (const tenant of tenants) {
        const entries = await look(tenant).entries();
        expect(entries.map(({ event }) => event.data)).toEqual(Array(5).fill({ orderId: tenant }));
      }
    });

    it("into handlers, and on through whatever they await", async () => {
      const { bus, look } = await setUp();
      const seen: (string | undefined)[] = [];
      const handler = events.handler({
        name: "h",
        eventTypes: ["order.shipped"],
        canHandle: () => {
          seen.push(currentTenant());
          return true;
        },
        async handle({ data }) {
          seen.push(currentTenant());
          await delay(1);
          seen.push(currentTenant());
          // Without a tenant named, as deep as one likes.
          await new Promise((resolve) =>
            setTimeout(() => resolve(bus.publish("order.placed", { orderId: data.orderId, amount: 1 })), 1),
          );
        },
      });
      const tenants = ["acme", "globex"];
      for (const tenant of tenants) {
        await bus.tenant(tenant).publish("order.shipped", { orderId: tenant });
        // Wherever the consumer was started.
        await withTenant("elsewhere", () =>
          bus
            .tenant(tenant)
            .consumer({ group: "billing", handlers: [handler] })
            .runOnce(),
        );
      }
      expect(seen).toEqual(tenants.flatMap((tenant) => [tenant, tenant, tenant]));
      for (const tenant of tenants) {
        const placed = (await look(tenant).entries()).filter(({ event }) => event.type === "order.placed");
        expect(placed.map(({ event }) => event.data)).toEqual([{ orderId: tenant, amount: 1 }]);
      }
    });

    it("and a tenant that is named goes before it", async () => {
      const { bus, look } = await setUp();
      await withTenant("acme", () => bus.tenant("globex").publish("order.shipped", { orderId: "o1" }));
      expect(await look("globex").entries()).toHaveLength(1);
      expect(await look("acme").redis.exists(look("acme").keys.stream)).toBe(0);
    });

    it("to the consumer that is made in it", async () => {
      const { bus } = await setUp();
      const consumer = withTenant("acme", () => bus.consumer({ group: "billing", handlers: [eventful] }));
      expect(consumer.tenantId).toBe("acme");
      await bus.tenant("acme").publish("order.shipped", { orderId: "good" });
      expect(await consumer.runOnce()).toMatchObject({ handled: 2 });
    });
  });
});
