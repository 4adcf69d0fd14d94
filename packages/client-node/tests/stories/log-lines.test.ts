/** What a consumer logs about an attempt: one line for one end, with all that is known of it. */
import { failure, NonRetryableError, retry, silentLogger } from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import { describe, expect, it } from "vitest";
import { setUp, shipped } from "./scenes/handlers.js";
import { events, memoryLogger, openBus, reports, started } from "./support.js";

type Handle = Parameters<typeof shipped>[0];

/** The lines about one event that a consumer with two attempts for it handles. */
async function linesOf(handle: Handle) {
  const { bus, logger } = await setUp();
  await bus.publish("order.shipped", { orderId: "o1" }, { idempotencyKey: "k1", correlationId: "story" });
  const consumer = await started(bus, {
    group: "billing",
    maxAttempts: 2,
    retry: { minDelayMs: 1, maxDelayMs: 1 },
    handlers: [shipped(handle)],
  });
  await consumer.idle();
  await consumer.stop();
  return logger.lines.filter(({ fields }) => fields.idempotencyKey === "k1");
}

const about = { idempotencyKey: "k1", correlationId: "story", eventType: "order.shipped", group: "billing" };

describe("a dead letter is logged once, with everything,", () => {
  const problem = new Error("no");

  it("after handlers that threw", async () => {
    const lines = await linesOf(() => {
      throw problem;
    });
    expect(lines).toMatchObject([
      { level: "error", message: "handler threw", fields: { ...about, attempt: 1, err: problem } },
      {
        level: "error",
        message: "event became a dead letter",
        fields: { ...about, attempt: 2, reason: "MAX_ATTEMPTS", message: "Error: no", err: problem },
      },
    ]);
  });

  it("after a NonRetryableError", async () => {
    const err = new NonRetryableError("gone");
    const lines = await linesOf(() => {
      throw err;
    });
    expect(lines).toMatchObject([
      {
        level: "error",
        message: "event became a dead letter",
        fields: { ...about, attempt: 1, reason: "FAILED", message: "NonRetryableError: gone", err },
      },
    ]);
  });

  it("after a failure that the handler answered", async () => {
    expect(await linesOf(() => failure({ reason: "declined" }))).toMatchObject([
      { level: "warn", fields: { ...about, attempt: 1, reason: "FAILED", message: "declined" } },
    ]);
  });

  it("after retries that the handler asked for", async () => {
    expect(await linesOf(() => retry({ delayMs: 0, reason: "busy" }))).toMatchObject([
      {
        level: "info",
        message: "handler asked for a retry",
        fields: { ...about, attempt: 1, reason: "busy" },
      },
      { level: "warn", fields: { ...about, attempt: 2, reason: "MAX_ATTEMPTS", message: "busy" } },
    ]);
  });
});

it("an attempt that was expected to be the last one, and is not, is logged as any other", async () => {
  const { bus, look, logger, publish } = await setUp();
  await publish("k1");
  const consumer = await started(bus, {
    group: "billing",
    maxAttempts: 1,
    retry: { minDelayMs: 1, maxDelayMs: 1 },
    handlers: [
      shipped(async (_, { attempt }) => {
        if (attempt > 1) return;
        // Another consumer changes the group's settings meanwhile.
        await look.redis.hset(look.keys.state, "maxAttempts", "2");
        throw new Error("no");
      }),
    ],
  });
  await consumer.idle();
  const lines = logger.lines.filter(({ fields }) => fields.idempotencyKey === "k1");
  expect(lines).toMatchObject([{ level: "error", message: "handler threw", fields: { attempt: 1 } }]);
});

it("lines of a handler carry the story of its event: its own key where it began one", async () => {
  const { bus, logger, publish } = await setUp();
  await publish("k1");
  const handler = shipped((_, context) => context.logger.info("handling"));
  await bus.consumer({ group: "billing", handlers: [handler] }).runOnce();
  expect(logger.lines.filter(({ message }) => message === "handling")).toMatchObject([
    {
      fields: { correlationId: "k1", idempotencyKey: "k1", handler: "shipping", eventType: "order.shipped" },
    },
  ]);
});

describe("a duplicate that is skipped", () => {
  async function withDuplicate(logger: ReturnType<typeof memoryLogger> | typeof silentLogger) {
    const bus = await openBus({ stream: uniqueName("orders"), events, publishWindowMs: 0, logger });
    const publish = () =>
      bus.publish("order.shipped", { orderId: "secret" }, { idempotencyKey: "k1", correlationId: "story" });
    await publish();
    await publish();
    return bus.consumer({ group: "billing", concurrency: 1, handlers: [shipped(() => {})] });
  }

  it("is told with its type: in the event, and at debug level", async () => {
    const logger = memoryLogger();
    const consumer = await withDuplicate(logger);
    const skipped = reports(consumer, "skipped");
    expect(await consumer.runOnce()).toMatchObject({ handled: 1, skipped: 1 });
    expect(skipped).toEqual([
      { entryId: expect.any(String), idempotencyKey: "k1", type: "order.shipped", reason: "duplicate" },
    ]);
    expect(logger.lines.filter(({ message }) => message.startsWith("skipped a duplicate"))).toMatchObject([
      {
        level: "debug",
        fields: { idempotencyKey: "k1", correlationId: "story", eventType: "order.shipped" },
      },
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain("secret");
  });

  it("is told to listeners where nothing is logged", async () => {
    const consumer = await withDuplicate(silentLogger);
    const skipped = reports(consumer, "skipped");
    await consumer.runOnce();
    expect(skipped).toMatchObject([{ type: "order.shipped", reason: "duplicate" }]);
  });

  it("is not told at debug level to a logger that has it switched off", async () => {
    const logger = { ...memoryLogger(), isLevelEnabled: (level: string) => level !== "debug" };
    const consumer = await withDuplicate(logger);
    await consumer.runOnce();
    expect(logger.lines.filter(({ message }) => message.startsWith("skipped a duplicate"))).toEqual([]);
  });
});
