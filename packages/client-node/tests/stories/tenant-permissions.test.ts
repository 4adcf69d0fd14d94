import { PermissionError } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { contents, Look, plainRedis } from "./look.js";
import { eventful, ORDERS } from "./scenes/tenancy.js";
import { events, memoryLogger, openBus, privateServer, refusal, reports, started } from "./support.js";

describe("tenancy", () => {
  describe("a Redis ACL user limited to one tenant's pattern", () => {
    async function limited() {
      const server = await privateServer();
      const admin = plainRedis(server.url);
      await admin.call("ACL", "SETUSER", "acme", "on", ">secret", "~tenant:{acme}:*", "+@all", "-@dangerous");
      const url = new URL(server.url);
      url.username = "acme";
      url.password = "secret";
      const options = { stream: "orders", events, tenancy: "multi", logger: memoryLogger() } as const;
      const bus = await openBus({ ...options, redis: url.href });
      const everyones = await openBus({ ...options, redis: server.url });
      return { bus, everyones, admin };
    }

    it("can publish and consume for it", async () => {
      const { bus, admin } = await limited();
      const acme = bus.tenant("acme");
      for (const orderId of ORDERS) await acme.publish("order.shipped", { orderId });
      await acme.publishMany([{ type: "order.shipped", data: { orderId: "good" } }]);
      const consumer = await started(acme, { group: "billing", leaseMs: 400, handlers: [eventful] });
      const handled = reports(consumer, "handled");
      await expect.poll(() => handled.length).toBe(4);
      await consumer.stop();
      const look = new Look(admin, "orders", "billing", "acme");
      expect(await look.processed()).toHaveLength(4 + 1); // with the mark of the dead letter
      expect(await look.deadLetters()).toHaveLength(1);
    });

    it("and for no other", async () => {
      const { bus, everyones, admin } = await limited();
      await everyones.tenant("globex").publish("order.shipped", { orderId: "secret" });
      await everyones
        .tenant("globex")
        .consumer({ group: "billing", startFrom: "$", handlers: [eventful] })
        .runOnce();
      const before = await contents(admin, "");
      for (const tenant of ["globex", "acme2", "ACME"]) {
        const other = bus.tenant(tenant);
        const calls = [
          () => other.publish("order.shipped", { orderId: "o1" }),
          () => other.publishMany([{ type: "order.shipped", data: { orderId: "o1" } }]),
          () => other.consumer({ group: "billing", handlers: [eventful] }).start(),
          () => other.consumer({ group: "billing", handlers: [eventful] }).runOnce(),
        ];
        for (const call of calls) {
          const error = await refusal(call);
          expect(error).toBeInstanceOf(PermissionError);
          expect(error).toMatchObject({ code: "PERMISSION", retryable: false });
          // Nothing of the other tenant's is in it.
          expect(String(error)).not.toContain("secret");
        }
      }
      expect([...(await contents(admin, "")).entries()]).toEqual(
        [...before.entries()].map(([name, { dump }]) => [name, expect.objectContaining({ dump })]),
      );
    });
  });
});
