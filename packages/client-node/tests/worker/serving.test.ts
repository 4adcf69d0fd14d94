import { currentTenant } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { events, openBus, until } from "../stories/support.js";

const tenants = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);

async function multi() {
  return await openBus({ events, tenancy: "multi" });
}

describe("one worker for every tenant", () => {
  it("handles each event of 200 tenants once, in the context of its tenant", async () => {
    const bus = await multi();
    const all = tenants(200);
    await Promise.all(
      all.map((tenantId) => bus.tenant(tenantId).publish("order.shipped", { orderId: `${tenantId}.before` })),
    );
    const handled: string[] = [];
    const worker = bus.worker({
      group: "billing",
      handlers: [
        events.handler({
          name: "billing",
          eventTypes: ["order.shipped"],
          handle: (event, context) => {
            handled.push(`${event.tenantId} ${context.tenantId} ${currentTenant()} ${event.data.orderId}`);
          },
        }),
      ],
    });
    await worker.start();
    await Promise.all(
      all.map((tenantId) => bus.tenant(tenantId).publish("order.shipped", { orderId: `${tenantId}.after` })),
    );
    await worker.idle();
    const wanted = all.flatMap((t) => [`${t} ${t} ${t} ${t}.before`, `${t} ${t} ${t} ${t}.after`]);
    expect(handled.sort()).toEqual(wanted.sort());
    await worker.stop();
  });

  it("finds a tenant that it has never seen", async () => {
    const bus = await multi();
    const handled: (string | undefined)[] = [];
    const worker = bus.worker({
      group: "billing",
      handlers: [
        events.handler({
          name: "b",
          eventTypes: ["order.shipped"],
          handle: (event) => void handled.push(event.tenantId),
        }),
      ],
    });
    await worker.start();
    await bus.tenant("newcomer").publish("order.shipped", { orderId: "o1" });
    await until(() => handled.length > 0);
    expect(handled).toEqual(["newcomer"]);
  });
});
