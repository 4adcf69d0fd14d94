import {
  currentTenant,
  InvalidNameError,
  SingleTenantError,
  TenantRequiredError,
  withTenant,
} from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { contents, plainRedis } from "./look.js";
import { eventful, ORDERS, setUp } from "./scenes/tenancy.js";
import { events, memoryLogger, openBus, refusal, reports } from "./support.js";

describe("tenancy", () => {
  describe("keys", () => {
    it("of a multi-tenant bus carry the tenant, all but the registry of tenants", async () => {
      const { bus, stream, redis } = await setUp();
      const acme = bus.tenant("acme");
      for (const orderId of ORDERS) await acme.publish("order.shipped", { orderId });
      await acme.consumer({ group: "billing", handlers: [eventful] }).runOnce();
      const names = [...(await contents(redis, stream)).keys()];
      expect(names.length).toBeGreaterThan(6);
      const root = `tenant:{acme}:${stream}`;
      const others = names.filter((name) => name !== root && !name.startsWith(`${root}/`));
      expect(others).toEqual([`{${stream}}/tenants`]);
    });

    it("of a single-tenant bus do not", async () => {
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events, logger: memoryLogger() });
      for (const orderId of ORDERS) await bus.publish("order.shipped", { orderId });
      await bus.consumer({ group: "billing", handlers: [eventful] }).runOnce();
      const names = [...(await contents(plainRedis(), stream)).keys()];
      expect(names.length).toBeGreaterThan(6);
      expect(names.filter((name) => name !== stream && !name.startsWith(`{${stream}}/`))).toEqual([]);
    });
  });

  it("events, emitted events, dead letters, reports and log lines carry the tenant", async () => {
    const { bus, look, logger } = await setUp();
    const acme = bus.tenant("acme");
    for (const orderId of ORDERS) await acme.publish("order.shipped", { orderId });
    const consumer = acme.consumer({ group: "billing", handlers: [eventful] });
    const told = (["handled", "retry", "deadLetter"] as const).map((event) => reports(consumer, event));
    await consumer.runOnce();

    const stored = await look("acme").entries();
    expect(stored.map(({ event }) => event.type).sort()).toEqual([
      "order.placed",
      ...ORDERS.map(() => "order.shipped"),
    ]);
    expect(stored.every(({ event }) => event.tenantid === "acme")).toBe(true);
    const [letter] = await look("acme").deadLetters();
    expect(letter).toMatchObject({ reason: "FAILED", message: "is bad" });
    expect(JSON.parse(letter?.event ?? "{}")).toMatchObject({ tenantid: "acme", data: { orderId: "bad" } });
    expect(told.flat()).toHaveLength(2 + 2 + 1);
    expect(told.flat().every(({ tenantId }) => tenantId === "acme")).toBe(true);
    const levels = new Set(logger.lines.map(({ level }) => level));
    for (const level of ["info", "warn", "error"] as const) expect(levels).toContain(level);
    for (const { message, fields } of logger.lines)
      expect(fields, message).toMatchObject({ tenantId: "acme" });
    expect(logger.lines.map(({ message }) => message)).toContain("handling");
  });

  describe("a consumer sees its tenant only", () => {
    it("whatever is published to the same stream for others", async () => {
      const { bus, look } = await setUp();
      const seen: string[] = [];
      const tenants = ["acme", "globex", "acme2", "ACME"];
      for (const tenant of tenants) {
        for (const n of [1, 2])
          await bus.tenant(tenant).publish("order.shipped", { orderId: `${tenant}${n}` });
      }
      const handler = events.handler({
        name: "h",
        eventTypes: ["order.shipped"],
        handle: (event, context) => {
          seen.push(`${event.tenantId} ${context.tenantId} ${event.data.orderId}`);
        },
      });
      for (const tenant of tenants) {
        await bus
          .tenant(tenant)
          .consumer({ group: "billing", handlers: [handler] })
          .runOnce();
      }
      expect(seen).toEqual(
        tenants.flatMap((tenant) => [1, 2].map((n) => `${tenant} ${tenant} ${tenant}${n}`)),
      );
      for (const tenant of tenants) expect(await look(tenant).processed()).toHaveLength(2);
    });

    it("and an entry that names another tenant in its document is a dead letter", async () => {
      const { bus, look } = await setUp();
      await bus.tenant("globex").publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k" });
      const [foreign] = await look("globex").entries();
      const { redis, keys } = look("acme");
      await redis.xadd(keys.stream, "*", "key", "k", "event", foreign?.text ?? "");
      const consumer = bus.tenant("acme").consumer({ group: "billing", handlers: [eventful] });
      expect(await consumer.runOnce()).toMatchObject({ handled: 0, deadLettered: 1 });
      expect(await look("acme").deadLetters()).toEqual([expect.objectContaining({ reason: "MALFORMED" })]);
    });
  });

  it("a missing tenant is refused, and nothing is written", async () => {
    const { bus, stream, redis } = await setUp();
    const calls = {
      publish: () => bus.publish("order.shipped", { orderId: "o1" }),
      publishMany: () => bus.publishMany([{ type: "order.shipped", data: { orderId: "o1" } }]),
      consumer: () => bus.consumer({ group: "billing", handlers: [eventful] }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await refusal(call);
      expect(error).toBeInstanceOf(TenantRequiredError);
      expect(error).toMatchObject({ code: "TENANT_REQUIRED", retryable: false });
      expect(String(error)).toContain(`${name} without a tenant`);
    }
    expect((await contents(redis, stream)).size).toBe(0);
  });

  describe("a bad tenant is refused by name", () => {
    it.each([
      ["*", '"*"'],
      ["{x}", '"{x}"'],
      ["a:b", '"a:b"'],
      ["a/b", '"a/b"'],
      ["", '""'],
      ["t".repeat(65), `"${"t".repeat(65)}"`],
      ["a\r\nb", '"a\\r\\nb"'],
      ["acme\n", '"acme\\n"'],
      ["\u0000", '"\\u0000"'],
      ["zürich", '"zürich"'],
      ["аcme", '"аcme"'],
      [".acme", '".acme"'],
      ["?", '"?"'],
      ["[a]", '"[a]"'],
      [undefined, "undefined"],
      [5, "5"],
      [["acme"], "an array"],
    ])("%j", async (bad, shown) => {
      const { bus, redis, stream } = await setUp();
      const tenant = bad as string; // what comes in from outside of TypeScript
      let ran = false;
      const refusals = [
        await refusal(() => bus.tenant(tenant)),
        await refusal(() =>
          withTenant(tenant, () => {
            ran = true;
          }),
        ),
      ];
      for (const error of refusals) {
        expect(error).toBeInstanceOf(InvalidNameError);
        expect(error).toMatchObject({ code: "INVALID_NAME", field: "tenant", value: bad });
        expect(String(error)).toContain(`use ${shown} as tenant: wanted`);
      }
      expect(ran).toBe(false);
      expect((await contents(redis, stream)).size).toBe(0);
    });

    it("and what is good is not: 64 characters, digits first, dots and dashes", async () => {
      const { bus } = await setUp();
      for (const tenant of ["t".repeat(64), "0", "a.b-c_d", "A"]) {
        expect(bus.tenant(tenant).tenantId).toBe(tenant);
        expect(withTenant(tenant, currentTenant)).toBe(tenant);
      }
    });
  });

  it("a single-tenant bus has no tenant()", async () => {
    const bus = await openBus({ events });
    // By type it has none either.
    const tenant = Reflect.get(bus, "tenant") as (name: string) => unknown;
    expect(await refusal(() => tenant.call(bus, "acme"))).toBeInstanceOf(SingleTenantError);
  });
});
