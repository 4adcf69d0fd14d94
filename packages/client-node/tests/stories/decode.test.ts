/** A consumer of a stream that somebody else writes to, in a layout of their own. */
import type { Event } from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { plainRedis } from "./look.js";
import { events, openBus, started } from "./support.js";

describe("entries of a foreign layout", () => {
  it("are handled once by their ID where decode knows them; those it does not know are dead letters", async () => {
    const stream = uniqueName("foreign");
    const bus = await openBus({ events, stream, redis: sharedServerUrl() });
    const redis = plainRedis();
    const known = String(await redis.xadd(stream, "*", "order", "o1", "cents", "5"));
    await redis.xadd(stream, "*", "hello", "world");
    await redis.xadd(stream, "*", "order", "o2", "cents", "many");
    const seen: Event[] = [];
    const consumer = await started(bus, {
      group: "billing",
      handlers: [
        events.handler({
          name: "billing",
          eventTypes: ["order.placed"],
          handle(event) {
            seen.push(event);
          },
        }),
      ],
      decode({ fields: [first, orderId, , cents] }) {
        if (first !== "order") return undefined;
        if (!/^\d+$/.test(cents ?? "")) throw new Error("cents are no number");
        return { type: "order.placed", data: { orderId, amount: Number(cents) }, source: "till" };
      },
    });
    await bus.publish("order.placed", { orderId: "ours", amount: 1 });
    await consumer.idle();

    expect(seen).toMatchObject([
      { id: known, idempotencyKey: known, source: "till", data: { orderId: "o1", amount: 5 } },
      { data: { orderId: "ours" } },
    ]);
    const { items } = await bus.deadLetters("billing").list();
    expect(items.map(({ reason }) => reason)).toEqual(["MALFORMED", "MALFORMED"]);
    expect(items.map(({ message }) => message)).toEqual([
      expect.stringContaining("one that decode knows"),
      expect.stringContaining("decode threw Error: cents are no number"),
    ]);
    const mark = `{${stream}}/billing/processed.0`;
    expect(await redis.sismember(mark, `#${known}`)).toBe(1);
  });
});
