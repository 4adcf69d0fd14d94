/**
 * The ES module and the CommonJS copy of @sluice/node in one process: both run the README's quick start, and what
 * one makes the other takes. Prints a line for each thing that holds.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import * as esm from "@sluice/node";
import { z } from "zod";

const require = createRequire(import.meta.url);
const cjs = require("@sluice/node");
const { REDIS_URL: url, STREAM: stream } = process.env;
const NAMES = { ESM: esm, CJS: cjs };

function holds(what) {
  console.log(`holds: ${what}`);
}

assert.notEqual(esm.ValidationError, cjs.ValidationError);
holds("there are two copies");

await import("./example.mjs");
await require("./example.cjs").done;
holds("both run the example");

const listening = () => process.listenerCount("SIGTERM");
const ending = await Promise.all(
  Object.values(NAMES).map(({ connect, defineEvents }) => {
    const events = defineEvents({ seen: z.object({ n: z.number() }) });
    return connect({ redis: url, stream: `${stream}-ending`, events, signals: true });
  }),
);
assert.equal(listening(), 1);
await Promise.all(ending.map((bus) => bus.close()));
assert.equal(listening(), 0);
holds("both listen for a signal by one listener, which goes with the last bus");

for (const [from, to] of [
  ["ESM", "CJS"],
  ["CJS", "ESM"],
]) {
  const [there, here] = [NAMES[from], NAMES[to]];
  await there.withTenant("acme", async () => {
    assert.equal(here.currentTenant(), "acme");
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(here.currentTenant(), "acme");
  });
  assert.equal(here.currentTenant(), undefined);
  holds(`${to} sees the tenant that ${from} sets`);

  const events = there.defineEvents({ seen: z.object({ n: z.number() }) });
  const bus = await here.connect({ redis: url, stream: `${stream}-${to}`, events, tenancy: "multi" });
  const handled = [];
  const handler = events.handler({
    name: "seen",
    eventTypes: ["seen"],
    handle(event, context) {
      handled.push(`${event.data.n} by attempt ${context.attempt} for ${here.currentTenant()}`);
      if (event.data.n === 1 && context.attempt === 1) return there.retry({ delayMs: 0 });
      if (event.data.n === 2) throw new there.NonRetryableError("no use");
      if (event.data.n === 3) return there.failure({ reason: "refused" });
      return there.success();
    },
  });
  const dead = [];
  const acme = bus.tenant("acme");
  const consumer = acme.consumer({ group: "all", handlers: [handler], concurrency: 1 });
  consumer.on("deadLetter", ({ message }) => dead.push(message));
  // The tenant of the one copy is what the other copy's bus publishes for.
  await there.withTenant("acme", async () => {
    for (const n of [1, 2, 3]) await bus.publish("seen", { n });
  });
  await consumer.start();
  await consumer.idle();
  await consumer.stop();
  assert.deepEqual(handled.sort(), [
    "1 by attempt 1 for acme",
    "1 by attempt 2 for acme",
    "2 by attempt 1 for acme",
    "3 by attempt 1 for acme",
  ]);
  assert.deepEqual(dead.sort(), ["NonRetryableError: no use", "refused"]);
  holds(`${to} takes a catalog, results and errors of handlers from ${from}`);

  const refused = await acme.publish("seen", { n: "one" }).catch((error) => error);
  assert.ok(refused instanceof there.ValidationError);
  assert.ok(refused instanceof there.SluiceError);
  assert.ok(!(refused instanceof there.StreamFullError));
  assert.ok(there.isRetryable(refused) === false);
  const unnamed = await bus.publish("seen", { n: 1 }).catch((error) => error);
  assert.ok(unnamed instanceof there.TenantRequiredError);
  // This one comes out of @sluice/core/ioredis, an entry point with classes of its own.
  const unreachable = await here
    .connect({ redis: "redis://127.0.0.1:1", stream, events, deadlineMs: 200 })
    .catch((error) => error);
  assert.ok(unreachable instanceof here.ConnectionError);
  assert.ok(unreachable instanceof there.ConnectionError);
  holds(`instanceof of ${from} knows what ${to} throws`);
  await bus.close();
}
