/** Handlers that take long: who else may handle meanwhile what their consumer cannot. */
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { expect, it } from "vitest";
import { Child } from "./child.js";
import { Look, plainRedis } from "./look.js";
import { handler } from "./scenes/lifecycle.js";
import { events, openBus, started, until } from "./support.js";

/** Far longer than a test may take: nothing changes hands because its lease is over. */
const LEASE_MS = 3_600_000;

it("what a process that computes has leased or read ahead goes to an idle one as soon as it can tell", async () => {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events });
  const look = new Look(plainRedis(), stream, "billing");
  // All there before anybody comes, so that the one that computes takes as many as it may.
  for (let n = 0; n < 24; n++)
    await bus.publish("order.shipped", { orderId: `o${n}` }, { idempotencyKey: `o${n}` });
  const child = await Child.start({
    ...{ redis: sharedServerUrl(), stream, group: "billing", leaseMs: LEASE_MS, concurrency: 16 },
    ...{ name: "the one that computes", handle: "compute", until: "/nowhere" },
  });
  await until(() => child.said("handling").length === 1);
  const seen: string[] = [];
  await started(bus, {
    ...{ group: "billing", leaseMs: LEASE_MS },
    handlers: [handler((orderId, attempt) => void seen.push(`${orderId} attempt ${attempt}`))],
  });
  await until(async () => (await look.processed()).length >= 24);
  const computed = child.said("handling").map(({ handling }) => handling);
  // It had leased 16 of them when its thread was taken.
  expect(computed.length).toBeLessThan(16);
  expect(seen.length).toBeGreaterThan(8);
  expect(seen.every((one) => one.endsWith("attempt 1"))).toBe(true);
});
