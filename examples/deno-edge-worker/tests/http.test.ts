/** The worker over HTTP: what is accepted is handled, once, for its tenant. */

import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { allSettled } from "./stream.js";
import { startWorker, TENANTS, type Worker } from "./worker.js";

const stream = uniqueName("orders");

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker(sharedServerUrl(), stream);
});

afterAll(() => worker?.[Symbol.asyncDispose]());

const placed = (orderId: string, amount = 5) => ({ type: "order.placed", data: { orderId, amount } });

describe("events", () => {
  test("of concurrent clients are accepted, each once, and all handled for their tenant", async () => {
    const clients = Array.from({ length: 16 }, async (_, client) => {
      const tenant = TENANTS[client % 2] ?? "acme";
      const ids: string[] = [];
      for (let order = 0; order < 8; order++) ids.push(await placeTwice(tenant, `c${client}-${order}`));
      return { tenant, ids };
    });
    const done = await Promise.all(clients);
    for (const tenant of TENANTS) {
      const accepted = done.filter((client) => client.tenant === tenant).flatMap(({ ids }) => ids);
      expect(new Set(accepted).size).toBe(64);
      await allSettled(sharedServerUrl(), stream, tenant);
      expect(billed(tenant)).toEqual(accepted.sort());
    }
  });

  test("get the key of the header or of the body, or one that the answer tells", async () => {
    const key = { "idempotency-key": '"h1"' };
    const inHeader = await worker.post("acme", placed("h1"), key);
    expect(inHeader).toMatchObject({ status: 202, body: { idempotencyKey: "h1", duplicate: false } });
    const inBody = await worker.post("acme", { ...placed("h1"), idempotencyKey: "h1" });
    expect(inBody.body).toEqual({ ...inHeader.body, duplicate: true });
    const both = await worker.post("acme", { ...placed("h1"), idempotencyKey: "h1" }, key);
    expect(both.body).toEqual(inBody.body);
    const none = await worker.post("acme", placed("h2"));
    const again = await worker.post("acme", { ...placed("h2"), idempotencyKey: none.body.idempotencyKey });
    expect(again.body).toEqual({ ...none.body, duplicate: true });
  });

  test("under a key that has another payload are refused, with the entry that has it", async () => {
    const key = { "idempotency-key": "m1" };
    const { body } = await worker.post("acme", placed("m1", 5), key);
    const other = await worker.post("acme", placed("m1", 6), key);
    expect(other).toMatchObject({ status: 409, body: { code: "IDEMPOTENCY_MISMATCH", firstId: body.id } });
    // Another tenant's keys are its own.
    expect(await worker.post("globex", placed("m1", 6), key)).toMatchObject({ status: 202 });
  });
});

describe("health", () => {
  test("livez and readyz answer GET and HEAD", async () => {
    expect(await worker.request("/livez")).toMatchObject({ status: 200, body: { status: "ok" } });
    const ready = await worker.request("/readyz");
    expect(ready).toMatchObject({ status: 200, body: { checks: { connection: "ok" } } });
    expect(await worker.request("/readyz", { method: "HEAD" })).toMatchObject({ status: 200, body: {} });
  });

  test("readyz says 503 once a consumer has stopped for good", async () => {
    const redis = new Redis(sharedServerUrl());
    onTestFinished(() => redis.disconnect());
    const other = uniqueName("orders");
    await using own = await startWorker(sharedServerUrl(), other);
    expect(await own.request("/readyz")).toMatchObject({ status: 200 });
    // As if a later version of the clients had taken the stream over.
    await redis.hset(`tenant:{globex}:${other}/meta`, "protocol", "99");
    await own.post("acme", placed("o1"));
    await expect
      .poll(() => own.request("/readyz"), { timeout: 15_000 })
      .toMatchObject({ status: 503, body: { status: "down", checks: { "consumer:globex": "down" } } });
  });
});

/** Sends an order twice at once, as a client that did not see the first answer; resolves with its entry's ID. */
async function placeTwice(tenant: string, key: string): Promise<string> {
  const send = () => worker.post(tenant, placed(key), { "idempotency-key": key });
  const answers = await Promise.all([send(), send()]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  expect(answers.map(({ body }) => body.duplicate).sort()).toEqual([false, true]);
  const [first, second] = answers.map(({ body }) => String(body.id));
  expect(second).toBe(first);
  return first ?? "";
}

/** The orders of a tenant that the worker has billed, by the IDs of their entries. */
function billed(tenant: string): string[] {
  const lines = worker.log.filter((line) => line.message === "order billed" && line.tenant === tenant);
  return lines.map(({ id = "" }) => id).sort();
}
