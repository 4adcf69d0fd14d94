import { setTimeout as delay } from "node:timers/promises";
import { leaseScript, openScript, publishScript, settleScript } from "@sluice/lua-scripts";
import { ConnectionError, DeadlineError } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { Look, plainRedis } from "./look.js";
import { LossyNetwork } from "./lossy.js";
import { events, openBus, privateServer, refusal, reports, until } from "./support.js";

describe("a reply that is lost", () => {
  /** A bus behind a network that loses replies, and a consumer whose lease outlasts the test by far. */
  async function lossy(options: { publishWindowMs?: number; deadlineMs?: number } = {}) {
    const server = await privateServer();
    const network = await LossyNetwork.to(server.url);
    const stream = uniqueName("orders");
    const bus = await openBus({ stream, events, redis: network.url, ...options });
    const look = new Look(plainRedis(server.url), stream, "billing");
    const attempts: number[] = [];
    const consumer = bus.consumer({
      group: "billing",
      leaseMs: 600_000,
      handlers: [
        events.handler({
          name: "h",
          eventTypes: ["order.shipped"],
          handle({ data }, { attempt, emit }) {
            attempts.push(attempt);
            emit("order.placed", { ...data, amount: 1 });
          },
        }),
      ],
    });
    const publish = (key: string) => bus.publish("order.shipped", { orderId: key }, { idempotencyKey: key });
    /** The key was handled, and its one result committed. */
    const expectOnce = async (key: string) => {
      await until(async () => (await look.processed()).includes(key));
      await consumer.idle();
      const entries = await look.entries();
      expect(entries.map(({ event }) => event.type).sort()).toEqual(["order.placed", "order.shipped"]);
      expect(await look.pending()).toEqual([]);
      expect(await look.redis.hlen(look.keys.leases)).toBe(0);
    };
    return { network, bus, look, consumer, attempts, publish, expectOnce };
  }

  it("of publish, is made up for under the same key: the caller sees one entry, and no duplicate", async () => {
    const { network, look, publish } = await lossy();
    network.lose(publishScript.sha1, { times: 3 });
    const receipt = await publish("o1");
    expect(network.lost).toBeGreaterThan(0);
    expect(receipt).toEqual({ id: expect.any(String), duplicate: false });
    expect((await look.entries()).map(({ id }) => id)).toEqual([receipt.id]);
    expect(await publish("o1")).toEqual({ ...receipt, duplicate: true });
  });

  it("of publish without a publish window, is told: it is not sent a second time", async () => {
    const { network, look, publish } = await lossy({ publishWindowMs: 0 });
    await publish("o0");
    network.lose(publishScript.sha1);
    const error = await refusal(() => publish("o1"));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ maybeExecuted: true, retryable: true });
    expect(network.lost).toBe(1);
    await delay(100);
    expect((await look.entries()).map(({ key }) => key)).toEqual(["o0", "o1"]);
  });

  it("of publish, with no server to be reached any more, is told at the deadline of the whole", async () => {
    const { network, publish } = await lossy({ deadlineMs: 400 });
    await publish("o0");
    network.lose(publishScript.sha1, { thenSilent: true });
    const startedAt = performance.now();
    const error = await refusal(() => publish("o1"));
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ maybeExecuted: true, deadlineMs: 400 });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(350);
  });

  it("of a read, leaves nothing behind: what it delivered is handled at once, as the first attempt", async () => {
    const { network, consumer, attempts, publish, expectOnce } = await lossy();
    network.lose("\r\nXREADGROUP\r\n");
    await publish("o1");
    await consumer.start();
    await expectOnce("o1");
    expect(network.lost).toBe(1);
    expect(attempts).toEqual([1]);
  });

  it("of a blocking read, neither", async () => {
    const { network, consumer, attempts, publish, expectOnce } = await lossy();
    network.lose("\r\nBLOCK\r\n");
    await consumer.start();
    await consumer.idle();
    await publish("o1");
    await expectOnce("o1");
    expect(network.lost).toBe(1);
    expect(attempts).toEqual([1]);
  });

  it("of a lease, leaves nothing behind: the entry is taken back at once", async () => {
    const { network, consumer, attempts, publish, expectOnce } = await lossy();
    await consumer.start();
    await consumer.idle();
    network.lose(leaseScript.sha1);
    await publish("o1");
    await expectOnce("o1");
    expect(network.lost).toBe(1);
    expect(attempts).toHaveLength(1);
  });

  it("of a settle, commits nothing twice, and is not taken for a lost lease", async () => {
    const { network, consumer, attempts, publish, expectOnce } = await lossy();
    await consumer.start();
    await consumer.idle();
    const lost = reports(consumer, "leaseLost");
    network.lose(settleScript.sha1);
    await publish("o1");
    await expectOnce("o1");
    expect(network.lost).toBe(1);
    expect(attempts).toEqual([1]);
    expect(lost).toEqual([]);
  });

  it("of open, does not keep a consumer from starting again", async () => {
    const { network, consumer, publish, expectOnce } = await lossy();
    network.lose(openScript.sha1);
    const outcome = await consumer.start().then(
      () => "started",
      (error: unknown) => error,
    );
    if (outcome !== "started") {
      expect(outcome).toMatchObject({ retryable: true, maybeExecuted: true });
      await consumer.start();
    }
    await publish("o1");
    await expectOnce("o1");
  });
});
