/** What users write may throw, return and reject with anything: none of it ends the process or holds a slot. */
import { setImmediate } from "node:timers/promises";
import {
  type ConsumerOptions,
  defineEvents,
  type EventHandler,
  failure,
  InvalidOptionError,
  retry,
} from "@sluice/node";
import { uniqueName } from "@sluice/test-server";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Look, plainRedis } from "./look.js";
import { setUp, shipped } from "./scenes/handlers.js";
import { events, memoryLogger, openBus, reports, type Schemas, started, until, untyped } from "./support.js";

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeEach(() => process.on("unhandledRejection", note));
afterEach(async () => {
  // Node tells of them once the microtasks of a turn are over.
  await setImmediate();
  process.off("unhandledRejection", note);
  expect(unhandled.splice(0)).toEqual([]);
});

function throwing(): never {
  throw new Error("of a getter");
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const THEN = "then";
const thenable = (then: (...args: never[]) => unknown) => ({ [THEN]: then });

/** Each as a function, since some cannot even be listed by a test runner. */
const THROWN: readonly [string, () => unknown, string][] = [
  ["an object without a prototype", () => Object.create(null), "{}"],
  [
    "an error with a symbol as message",
    () => Object.assign(new Error(), { message: Symbol("m") }),
    "Error: Symbol(m)",
  ],
  [
    "an error whose message throws",
    () => Object.defineProperty(new Error(), "message", { get: throwing }),
    "Error: (cannot be read)",
  ],
  ["a proxy that was revoked", revoked, "an object that cannot be read"],
  [
    "a proxy whose traps throw",
    () => new Proxy({}, { get: throwing, getPrototypeOf: throwing }),
    "an object",
  ],
  ["a plain object", () => ({ code: "E_BUSY", status: 503 }), '{code: "E_BUSY", status: 503}'],
  ["an error with a code", () => Object.assign(new Error("no"), { code: "E" }), 'Error: no {code: "E"}'],
  ["text", () => "out of paper", "out of paper"],
  ["nothing", () => undefined, "undefined"],
];

type Handle = EventHandler<Schemas, "order.shipped">["handle"];

/** Has one event handled twice, beside others, by a consumer with one slot. */
async function diesOf(options: Omit<ConsumerOptions<Schemas>, "group">) {
  const { bus, look, logger, publish } = await setUp();
  await publish("bad");
  const consumer = await started(bus, {
    group: "billing",
    concurrency: 1,
    maxAttempts: 2,
    retry: { minDelayMs: 1, maxDelayMs: 1 },
    ...options,
  });
  const [retries, dead, handled] = [
    reports(consumer, "retry"),
    reports(consumer, "deadLetter"),
    reports(consumer, "handled"),
  ];
  await publish("good");
  await consumer.idle();
  return { retries, dead, handled, logger, letters: await look.deadLetters() };
}

/** A handler that handles "good". */
const unless = (bad: Handle) =>
  shipped((event, context) => (event.data.orderId === "good" ? undefined : bad(event, context)));

describe("user code", () => {
  describe("a handler", () => {
    it.each(THROWN)(
      "that throws %s: retried, then a dead letter that describes it, and the slot is free",
      async (_, thrown, text) => {
        for (const handle of [
          () => {
            throw thrown();
          },
          async () => {
            throw thrown();
          },
        ]) {
          const seen = await diesOf({ handlers: [unless(handle)] });
          expect(seen.retries).toMatchObject([{ attempt: 1, message: expect.stringContaining(text) }]);
          expect(seen.letters).toMatchObject([
            {
              key: "order.shipped:bad",
              reason: "MAX_ATTEMPTS",
              attempts: "2",
              message: expect.stringContaining(text),
            },
          ]);
          expect(seen.handled).toMatchObject([{ idempotencyKey: "good" }]);
        }
      },
    );

    it.each<[string, () => unknown, string]>([
      ["a proxy that was revoked", revoked, "TypeError"],
      ["a promise of one", async () => revoked(), "TypeError"],
      [
        "a result whose kind throws",
        () => Object.defineProperty({}, "kind", { get: throwing }),
        "Error: of a getter",
      ],
      [
        "a result whose reason throws",
        () => Object.defineProperty({ kind: "failure" }, "reason", { get: throwing }),
        "Error: of a getter",
      ],
      ["an object without a prototype", () => Object.create(null), "an object as the handler's result"],
      ["a thenable whose then throws", () => thenable(throwing), "Error: of a getter"],
      [
        "a thenable that cannot be asked",
        () => Object.defineProperty({}, THEN, { get: throwing }),
        "Error: of a getter",
      ],
      [
        "a thenable that rejects",
        () => thenable((_: unknown, no: (e: unknown) => void) => no("busy")),
        "busy",
      ],
      [
        "a promise whose species throws",
        () => Object.defineProperty(Promise.resolve(), "constructor", { get: throwing }),
        "Error: of a getter",
      ],
      ["what only looks like a promise", () => Object.create(Promise.prototype), "TypeError"],
    ])("that returns %s: an error as any other", async (_, returned, text) => {
      const { letters, handled } = await diesOf({ handlers: [unless(() => untyped(returned()))] });
      expect(letters).toMatchObject([{ reason: "MAX_ATTEMPTS", message: expect.stringContaining(text) }]);
      expect(handled).toMatchObject([{ idempotencyKey: "good" }]);
    });

    it("may return a thenable, or a promise that begins to work when it is awaited", async () => {
      class Lazy extends Promise<void> {
        static worked = 0;
        static override get [Symbol.species]() {
          return Promise;
        }
        // biome-ignore lint/suspicious/noThenProperty: clients of databases do it
        override then<A, B>(...args: Parameters<typeof Promise.prototype.then<A, B>>) {
          Lazy.worked += 1;
          return super.then(...args);
        }
      }
      const { bus, publish } = await setUp();
      await publish("o1");
      await publish("o2");
      const handler = shipped(({ data }) => {
        if (data.orderId === "o1") return new Lazy((resolve) => resolve());
        return untyped(thenable((yes: (value: unknown) => void) => yes(failure({ reason: "no" }))));
      });
      const consumer = bus.consumer({ group: "billing", handlers: [handler] });
      expect(await consumer.runOnce()).toMatchObject({ handled: 1, deadLettered: 1 });
      expect(Lazy.worked).toBe(1);
    });
  });

  describe("canHandle", () => {
    it.each<[string, () => unknown, string]>([
      [
        "throws an object without a prototype",
        () => {
          throw Object.create(null);
        },
        "{}",
      ],
      ["is async, and rejects", async () => throwing(), "a promise as canHandle"],
      ["returns a proxy that was revoked", revoked, "as canHandle"],
    ])("that %s: an error as any other", async (_, canHandle, text) => {
      const handler = untyped({
        name: "h",
        eventTypes: ["order.shipped"],
        canHandle: ({ data }: { data: { orderId: string } }) => data.orderId === "good" || canHandle(),
        handle() {},
      });
      const { letters, handled } = await diesOf({ handlers: [handler] });
      expect(letters).toMatchObject([{ reason: "MAX_ATTEMPTS", message: expect.stringContaining(text) }]);
      expect(handled).toMatchObject([{ idempotencyKey: "good" }]);
    });
  });

  describe("decode", () => {
    it.each<[string, () => unknown, string]>([
      [
        "throws a proxy that was revoked",
        () => {
          throw revoked();
        },
        "decode threw an object that cannot be read",
      ],
      ["is async, and rejects", async () => throwing(), "a promise as decode's answer"],
      [
        "answers with getters that throw",
        () => Object.defineProperty({}, "type", { get: throwing }),
        "decode threw Error: of a getter",
      ],
    ])("that %s: a dead letter that says so", async (_, decode, text) => {
      const { bus, look } = await setUp();
      await look.redis.xadd(look.keys.stream, "*", "foreign", "entry");
      const consumer = bus.consumer({
        group: "billing",
        handlers: [shipped(() => {})],
        decode: () => untyped(decode()),
      });
      expect(await consumer.runOnce()).toMatchObject({ deadLettered: 1 });
      expect(await look.deadLetters()).toMatchObject([
        { reason: "MALFORMED", message: expect.stringContaining(text) },
      ]);
    });
  });

  describe("a schema", () => {
    type Validate = StandardSchemaV1.Props<{ orderId: string }>["validate"];

    async function withSchema(validate: (value: unknown) => unknown) {
      let isBroken = false;
      const schema: StandardSchemaV1<{ orderId: string }, { orderId: string }> = {
        "~standard": {
          version: 1,
          vendor: "by-hand",
          validate: ((value: unknown) => (isBroken ? validate(value) : { value })) as Validate, // whatever the test answers
        },
      };
      const catalog = defineEvents({ "order.shipped": schema });
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events: catalog, logger: memoryLogger() });
      const publish = () => bus.publish("order.shipped", { orderId: "o1" });
      await publish();
      isBroken = true;
      const handler = catalog.handler({ name: "h", eventTypes: ["order.shipped"], handle() {} });
      const consumer = bus.consumer({
        group: "billing",
        maxAttempts: 2,
        retry: { minDelayMs: 1, maxDelayMs: 1 },
        handlers: [handler],
      });
      return { publish, consumer, look: new Look(plainRedis(), stream, "billing") };
    }

    it.each<[string, () => unknown, string]>([
      [
        "throws a proxy that was revoked",
        () => {
          throw revoked();
        },
        "an object that cannot be read",
      ],
      ["rejects with an object without a prototype", () => Promise.reject(Object.create(null)), "{}"],
      ["answers with nothing", () => undefined, "the answer of the schema of"],
      ["resolves to text", async () => "fine", "a string as the answer of the schema of"],
      ["answers with issues that are no list", () => ({ issues: "many" }), "the answer of the schema of"],
      ["answers with a thenable whose then throws", () => thenable(throwing), "Error: of a getter"],
    ])("that %s: the attempt fails as any other, and so does a publish", async (_, validate, text) => {
      const { publish, consumer, look } = await withSchema(validate);
      await consumer.start();
      await consumer.idle();
      expect(await look.deadLetters()).toMatchObject([
        { reason: "MAX_ATTEMPTS", attempts: "2", message: expect.stringContaining(text) },
      ]);
      const refused = await publish().then(
        () => "accepted",
        () => "refused",
      );
      expect(refused).toBe("refused");
      expect(await look.entries()).toHaveLength(1);
    });

    it("that lists an issue with neither text nor path: its data is invalid, and the issue is shown", async () => {
      const { publish, consumer, look } = await withSchema(() => ({
        issues: [undefined, { message: 5, path: "x" }],
      }));
      await consumer.runOnce();
      expect(await look.deadLetters()).toMatchObject([
        {
          reason: "INVALID",
          message: expect.stringMatching(/refused with undefined .*; .*refused with a number/),
        },
      ]);
      await expect(publish()).rejects.toMatchObject({ code: "VALIDATION" });
    });
  });

  describe("a listener", () => {
    it.each<[string, () => unknown]>([
      ["throws", throwing],
      [
        "throws a proxy that was revoked",
        () => {
          throw revoked();
        },
      ],
      ["rejects", async () => throwing()],
      ["rejects with an object without a prototype", () => Promise.reject(Object.create(null))],
      ["returns a thenable whose then throws", () => thenable(throwing)],
    ])("that %s: logged, and neither the others nor the consumer stop", async (_, listener) => {
      const { bus, logger, publish } = await setUp();
      const consumer = await started(bus, { group: "billing", handlers: [shipped(() => {})] });
      consumer.on("handled", listener);
      const handled = reports(consumer, "handled");
      await publish("o1");
      await publish("o2");
      await consumer.idle();
      const told = () => logger.lines.filter(({ message }) => message === "listener threw");
      await until(() => told().length === 2);
      expect(told()).toMatchObject([
        { level: "error", fields: { event: "handled", err: expect.any(Error) } },
        { level: "error", fields: { event: "handled", err: expect.any(Error) } },
      ]);
      expect(handled).toHaveLength(2);
    });
  });

  describe("a logger", () => {
    it.each<[string, () => unknown]>([
      ["throws", throwing],
      [
        "throws an object without a prototype",
        () => {
          throw Object.create(null);
        },
      ],
      ["rejects", async () => throwing()],
      ["returns a thenable whose then throws", () => Object.defineProperty({}, THEN, { get: throwing })],
    ])("that %s: attempts end as they would", async (_, log) => {
      const logger = { debug: log, info: log, warn: log, error: log };
      const stream = uniqueName("orders");
      const bus = await openBus({ stream, events, logger });
      for (const orderId of ["throws", "retries", "good"]) await bus.publish("order.shipped", { orderId });
      const consumer = await started(bus, {
        group: "billing",
        concurrency: 1,
        maxAttempts: 2,
        retry: { minDelayMs: 1, maxDelayMs: 1 },
        handlers: [
          shipped(({ data }, context) => {
            context.logger.info("handling");
            if (data.orderId === "throws") throw new Error("no");
            if (data.orderId === "retries") return retry({ delayMs: 0 });
          }),
        ],
      });
      consumer.on("handled", throwing);
      await consumer.idle();
      expect(await new Look(plainRedis(), stream, "billing").deadLetters()).toHaveLength(2);
    });
  });

  it("an answer that is no result is named by its kind, never shown", async () => {
    const { logger } = await diesOf({ handlers: [unless(() => untyped({ card: "secret" }))] });
    expect(logger.lines.some(({ fields }) => fields.err instanceof InvalidOptionError)).toBe(true);
    expect(JSON.stringify(logger.lines)).not.toContain("secret");
  });
});
