/** Every attempt and every listener runs in the async context of `start()`, whatever others did to theirs. */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { currentTenant, withTenant } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { setUp, shipped } from "./scenes/handlers.js";
import { events, memoryLogger, openBus, untyped } from "./support.js";

const storage = new AsyncLocalStorage<string>();

describe("the async context of start()", () => {
  it.each<[string, (name: string) => unknown]>([
    ["at once", (name) => storage.enterWith(name)],
    ["in an async handler", async (name) => storage.enterWith(name)],
    [
      "after waiting",
      async (name) => {
        await delay(1);
        storage.enterWith(name);
        await delay(1);
      },
    ],
    [
      "and throws",
      (name) => {
        storage.enterWith(name);
        if (name === "o3") throw new Error("no");
      },
    ],
  ])("is that of each attempt, also when handlers enter another %s", async (_, enter) => {
    const { bus, publish } = await setUp();
    const seen: (string | undefined)[] = [];
    for (let n = 0; n < 8; n++) await publish(`o${n}`);
    const consumer = bus.consumer({
      group: "billing",
      retry: { minDelayMs: 1, maxDelayMs: 1 },
      handlers: [
        shipped(({ data }) => {
          seen.push(storage.getStore());
          return untyped(enter(data.orderId));
        }),
      ],
    });
    await storage.run("of start", () => consumer.start());
    // Later ones are begun by what others have called.
    await publish("o8");
    await storage.run("of the publisher", () => publish("o9"));
    consumer.pause();
    storage.run("of whoever resumes", () => consumer.resume());
    await publish("o10");
    await consumer.idle();
    expect(new Set(seen)).toEqual(new Set(["of start"]));
    expect(seen.length).toBeGreaterThanOrEqual(11);
  });

  it("is that of each listener, whatever handlers, schemas and other listeners enter", async () => {
    const { bus, publish } = await setUp();
    const seen: string[] = [];
    const consumer = bus.consumer({
      group: "billing",
      handlers: [
        shipped(({ data }) => {
          storage.enterWith(data.orderId);
          if (data.orderId === "o1") return { kind: "failure" };
        }),
      ],
    });
    for (const name of ["handled", "deadLetter", "recovered"] as const) {
      for (const n of [1, 2]) {
        consumer.on(name, () => {
          seen.push(`${name} ${n} ${storage.getStore()}`);
          storage.enterWith(`of listener ${n}`);
        });
      }
    }
    for (const orderId of ["o0", "o1", "o2"]) await publish(orderId);
    await storage.run("of start", () => consumer.start());
    await consumer.idle();
    await storage.run("of stop", () => consumer.stop());
    expect(new Set(seen)).toEqual(
      new Set(
        ["handled", "deadLetter", "recovered"].flatMap((name) => [
          `${name} 1 of start`,
          `${name} 2 of start`,
        ]),
      ),
    );
  });

  it("is that of the second start after a stop", async () => {
    const { bus, publish } = await setUp();
    const seen: (string | undefined)[] = [];
    const consumer = bus.consumer({
      group: "billing",
      handlers: [shipped(() => void seen.push(storage.getStore()))],
    });
    for (const name of ["first", "second"]) {
      await publish(name);
      await storage.run(name, () => consumer.start());
      await consumer.idle();
      await consumer.stop();
    }
    expect(seen).toEqual(["first", "second"]);
  });

  it("leaves the tenant to each attempt", async () => {
    const bus = await openBus({
      stream: uniqueName("orders"),
      events,
      tenancy: "multi",
      logger: memoryLogger(),
    });
    const seen: string[] = [];
    const handler = shipped(async () => {
      seen.push(`${currentTenant()} ${storage.getStore()}`);
      storage.enterWith("another");
      await delay(1);
      seen.push(`${currentTenant()} ${storage.getStore()}`);
    });
    for (const tenant of ["acme", "globex"]) {
      for (const orderId of ["o1", "o2"]) await bus.tenant(tenant).publish("order.shipped", { orderId });
      const consumer = bus.tenant(tenant).consumer({ group: "billing", concurrency: 1, handlers: [handler] });
      await withTenant("elsewhere", () => storage.run("of start", () => consumer.runOnce()));
    }
    expect(seen).toEqual(
      ["acme", "globex"].flatMap((tenant) =>
        Array(2)
          .fill([`${tenant} of start`, `${tenant} another`])
          .flat(),
      ),
    );
  });
});
