/** What the tests about idempotency begin with. */
import { uniqueName } from "@sluice/test-server";
import { Look, plainRedis } from "../look.js";
import { events, openBus } from "../support.js";

export const DAY_MS = 86_400_000;

/** A handler that counts how often each key was handled. */
export function counting() {
  const times = new Map<string, number>();
  const handler = events.handler({
    name: "counting",
    eventTypes: ["order.shipped"],
    async handle({ idempotencyKey }) {
      times.set(idempotencyKey, (times.get(idempotencyKey) ?? 0) + 1);
    },
  });
  return { times, handler };
}

/** A bus that lets duplicates into the stream, and a way to see what a key published now comes to. */
export async function setUp() {
  const stream = uniqueName("orders");
  const bus = await openBus({ stream, events, publishWindowMs: 0 });
  const redis = plainRedis();
  const look = (group = "billing") => new Look(redis, stream, group);
  const publish = (idempotencyKey: string) =>
    bus.publish("order.shipped", { orderId: idempotencyKey }, { idempotencyKey });
  /** Publishes each key once more, and answers which of them were handled. */
  const handledNow = async (
    keys: readonly string[],
    options: { idempotencyTtlMs?: number; changeSettings?: boolean; group?: string } = {},
  ) => {
    for (const key of keys) await publish(key);
    const { times, handler } = counting();
    await bus.consumer({ group: "billing", ...options, handlers: [handler] }).runOnce();
    return [...times.keys()];
  };
  return { bus, look, publish, handledNow };
}
