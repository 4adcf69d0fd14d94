/** Dead letters through the API: they keep everything, are listed in pages, given back to their group, or dropped. */
import { InvalidNameError, InvalidOptionError, NonRetryableError, TenantRequiredError } from "@sluice/node";
import { describe, expect, it } from "vitest";
import {
  failedOrders,
  fails,
  handledNow,
  keysOf,
  named,
  onOrder,
  openBus,
  place,
  plainRedis,
  refusal,
  started,
} from "./support.js";

describe("a dead letter keeps", () => {
  it("the whole event, why it died, after how many attempts, when, and of which group", async () => {
    const bus = await openBus();
    const before = Date.now() - 1_000;
    const options = { idempotencyKey: "o1", subject: "s", correlationId: "c", traceparent: "00-1-2-03" };
    const { id } = await bus.publish("order.placed", { orderId: "o1" }, options);
    const consumer = await started(bus, (_, attempt) =>
      attempt === 1 ? { kind: "retry", delayMs: 20 } : fails(),
    );
    await consumer.idle();
    const [letter] = (await bus.deadLetters("billing").list()).items;
    expect(letter).toMatchObject({
      ...{ entryId: id, idempotencyKey: "o1", reason: "FAILED", message: "no such customer", attempts: 2 },
      group: "billing",
      event: {
        ...{
          id,
          type: "order.placed",
          idempotencyKey: "o1",
          data: { orderId: "o1" },
          source: bus.streamName,
        },
        ...{ subject: "s", correlationId: "c", traceparent: "00-1-2-03" },
      },
    });
    expect(letter?.firstDeliveredAt).toBeGreaterThan(before);
    expect((letter?.deadAt ?? 0) - (letter?.firstDeliveredAt ?? 0)).toBeGreaterThanOrEqual(20);
    expect(letter?.deadAt).toBeLessThan(Date.now() + 1_000);
    const [[, stored] = []] = await plainRedis().xrange(keysOf(bus, "billing").stream, "-", "+");
    expect(letter?.fields).toEqual({ key: "order.placed:o1", event: stored?.[3] });
  });

  it.each([
    ["FAILED", () => fails(), {}, "no such customer"],
    [
      "FAILED",
      () => {
        throw new NonRetryableError("never");
      },
      {},
      "never",
    ],
    [
      "MAX_ATTEMPTS",
      () => {
        throw new Error("down");
      },
      { maxAttempts: 2, retry: { minDelayMs: 1, maxDelayMs: 1 } },
      "down",
    ],
    [
      "MAX_ATTEMPTS",
      () => ({ kind: "retry", delayMs: 0, reason: "busy" }) as const,
      { maxAttempts: 3 },
      "busy",
    ],
  ])("the reason %s with the handler's message", async (reason, handle, options, message) => {
    const bus = await openBus();
    await place(bus, "o1");
    const consumer = await started(bus, handle, options);
    await consumer.idle();
    const [letter] = (await bus.deadLetters("billing").list()).items;
    expect(letter).toMatchObject({ reason, message: expect.stringContaining(message) });
    expect(letter?.attempts).toBe("maxAttempts" in options ? options.maxAttempts : 1);
  });

  it("the reason UNHANDLED where the consumer asked for that", async () => {
    const bus = await openBus();
    await bus.publish("order.noted", { orderId: "o1" });
    await (await started(bus, undefined, { unhandled: "deadLetter" })).idle();
    const [letter] = (await bus.deadLetters("billing").list()).items;
    expect(letter).toMatchObject({ reason: "UNHANDLED", message: expect.stringContaining("order.noted") });
  });
});

describe("list", () => {
  it("gives all letters in pages, oldest first", async () => {
    const orders = named("o", 25);
    const { letters } = await failedOrders(orders);
    const pages: string[][] = [];
    for (let after: string | undefined, more = true; more; ) {
      const page = await letters.list({ limit: 10, ...(after === undefined ? {} : { after }) });
      pages.push(page.items.map(({ idempotencyKey }) => idempotencyKey ?? ""));
      after = page.next;
      more = after !== undefined;
    }
    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual(orders);
  });

  it("says that there is no next page when the last one is full", async () => {
    const { letters } = await failedOrders(named("o", 10));
    const page = await letters.list({ limit: 10 });
    expect(page.items).toHaveLength(10);
    expect(page).not.toHaveProperty("next");
    expect(await letters.list({ after: page.items.at(-1)?.id ?? "" })).toEqual({ items: [] });
  });

  it("gives a hundred unless told otherwise", async () => {
    const { letters } = await failedOrders(named("o", 101));
    expect((await letters.list()).items).toHaveLength(100);
  });

  it("of a group that never was is empty", async () => {
    const bus = await openBus();
    expect(await bus.deadLetters("nobody").list()).toEqual({ items: [] });
    expect(await bus.deadLetters("nobody").discard("all")).toEqual({ done: 0, notFound: [] });
  });

  it.each([{ limit: 0 }, { limit: 1_001 }, { limit: 1.5 }, { after: "" }, { after: "$" }, { before: "1-0" }])(
    "refuses %o by the option's name",
    async (options) => {
      const bus = await openBus();
      const error = await refusal(() => bus.deadLetters("billing").list(options));
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ option: Object.keys(options)[0] });
    },
  );
});

it("get gives one letter, or undefined", async () => {
  const { letters } = await failedOrders(["o1", "o2"]);
  const [, second] = (await letters.list()).items;
  expect(await letters.get(second?.id ?? "")).toEqual(second);
  expect(await letters.get("1-0")).toBeUndefined();
});

describe("discard", () => {
  it("drops the letters asked, or all of them, for good", async () => {
    const { bus, letters } = await failedOrders(named("o", 150));
    const [first] = (await letters.list()).items;
    expect(await letters.discard([first?.id ?? "", "1-0"])).toEqual({ done: 1, notFound: ["1-0"] });
    expect(await letters.discard("all")).toEqual({ done: 149, notFound: [] });
    expect(await letters.list()).toEqual({ items: [] });
    expect(await handledNow(bus)).toEqual([]);
  });
});

describe("arguments", () => {
  const WRONG: readonly unknown[] = [
    "one",
    "ALL",
    undefined,
    7,
    [7],
    ["$"],
    ["1"],
    ["01-0"],
    ["99999999999999999999-0"],
  ];

  it.each(WRONG)("%o is refused by replay and discard before anything is sent", async (ids) => {
    const { letters } = await failedOrders(["a"]);
    const asked = ids as readonly string[]; // a caller without types
    for (const call of [() => letters.replay(asked), () => letters.discard(asked)]) {
      expect(await refusal(call)).toBeInstanceOf(InvalidOptionError);
    }
    expect((await letters.list()).items).toHaveLength(1);
  });

  it("a group's name is checked, and a tenant is needed where there are many", async () => {
    const bus = await openBus();
    expect(await refusal(() => bus.deadLetters("a/b"))).toBeInstanceOf(InvalidNameError);
    const multi = await openBus({ tenancy: "multi" });
    expect(await refusal(() => multi.deadLetters("billing"))).toBeInstanceOf(TenantRequiredError);
  });
});

it("one tenant's letters are not another's", async () => {
  const bus = await openBus<"multi">({ tenancy: "multi" });
  for (const tenant of ["acme", "globex"]) {
    await place(bus.tenant(tenant), `of ${tenant}`);
    await bus
      .tenant(tenant)
      .consumer({ group: "billing", handlers: [onOrder(fails)] })
      .runOnce();
  }
  const [acmes, globexs] = ["acme", "globex"].map((tenant) => bus.tenant(tenant).deadLetters("billing"));
  const [letter] = (await acmes?.list())?.items ?? [];
  expect(letter).toMatchObject({ idempotencyKey: "of acme", event: { tenantId: "acme" } });
  await acmes?.discard("all");
  expect((await globexs?.list())?.items).toMatchObject([{ idempotencyKey: "of globex" }]);
});
