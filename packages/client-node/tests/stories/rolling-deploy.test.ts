/** What data cannot say of a rolling deployment: a consumer that is never idle finds what was handed back all the same. */
import { uniqueName } from "@sluice/test-server";
import { expect, it } from "vitest";
import { events, memoryLogger, openBus, reports, started, until } from "./support.js";

it("a consumer that is at work all the time handles what was handed back to it", async () => {
  const logger = memoryLogger();
  const bus = await openBus({ stream: uniqueName("orders"), events, logger });
  let over = false;
  // Each event leads to the next one: the consumer settles, reads and leases without a pause.
  const chain = events.handler({
    name: "chain",
    eventTypes: ["order.shipped"],
    handle({ data }, { emit }) {
      if (!over) emit("order.shipped", data);
    },
  });
  const notes = events.handler({ name: "notes", eventTypes: ["order.noted"], handle() {} });
  // Its recovery is far away, so that it is no help.
  const lease = { leaseMs: 600_000 };
  const busy = await started(bus, { group: "billing", handlers: [chain, notes], ...lease });
  const handled = reports(busy, "handled");
  const noted = () => handled.filter(({ type }) => type === "order.noted").length;
  const placed = events.handler({ name: "placed", eventTypes: ["order.placed"], handle() {} });
  const old = await started(bus, { group: "billing", handlers: [placed], ...lease });
  const skipped = reports(old, "skipped");

  let published = 0;
  const handedBack = () =>
    logger.lines.some(({ level, message, fields }) => {
      return (
        level === "debug" && message.startsWith("handed an event back") && fields.eventType === "order.noted"
      );
    });
  while (!handedBack()) {
    await bus.publish("order.noted", { text: `${published}` });
    published += 1;
  }
  await old.stop();
  await bus.publish("order.shipped", { orderId: "o1" });
  await until(() => noted() === published);
  over = true;
  await busy.idle();
  expect(skipped).toEqual([]);
  expect(busy.metrics().counters.sluice_events_skipped_unhandled_total).toBe(0);
  expect(handled.every(({ attempt }) => attempt === 1)).toBe(true);
});
