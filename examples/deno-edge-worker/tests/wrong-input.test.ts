/** Wrong input of every kind is told to the client that sent it, and changes nothing. */

import net from "node:net";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allSettled } from "./stream.js";
import { type Answer, startWorker, TENANTS, type Worker } from "./worker.js";

const MAX_BODY_BYTES = 65_536;

const stream = uniqueName("orders");
const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };
const data = { orderId: "o1", amount: 5 };
const order = { type: "order.placed", data };

let worker: Worker;
let redis: Redis;

beforeAll(async () => {
  redis = new Redis(sharedServerUrl());
  worker = await startWorker(sharedServerUrl(), stream);
});

afterAll(async () => {
  await worker?.[Symbol.asyncDispose]();
  redis?.disconnect();
});

const post = (event: unknown, headers?: Record<string, string>) => worker.post("acme", event, headers);

/** A body as it stands. */
const raw = (body: string | Uint8Array | Blob, headers: Record<string, string> = json) =>
  worker.request("/tenants/acme/events", { method: "POST", headers, body });

interface Case {
  readonly what: string;
  readonly send: () => Promise<Answer>;
  readonly status: number;
  readonly code: string;
  /** Paths of the issues, where there are any. */
  readonly at?: readonly string[][];
}

const DATA: readonly Case[] = [
  {
    what: "data of no schema",
    send: () => post({ type: "order.placed", data: { orderId: "", amount: "5" } }),
    ...{ status: 400, code: "VALIDATION", at: [["orderId"], ["amount"]] },
  },
  {
    what: "data that is missing",
    send: () => post({ type: "order.placed" }),
    ...{ status: 400, code: "BAD_BODY", at: [["data"]] },
  },
  {
    what: "an unknown type",
    send: () => post({ type: "order.lost", data }),
    ...{ status: 400, code: "UNKNOWN_EVENT_TYPE", at: [["type"]] },
  },
  {
    what: "a type that every object has",
    send: () => post({ type: "__proto__", data }),
    ...{ status: 400, code: "UNKNOWN_EVENT_TYPE", at: [["type"]] },
  },
  {
    what: "a member that nobody knows",
    send: () => post({ ...order, tenant: "globex" }),
    ...{ status: 400, code: "BAD_BODY", at: [[]] },
  },
  { what: "a list", send: () => post([order]), status: 400, code: "BAD_BODY", at: [[]] },
];

const NAMES: readonly Case[] = [
  {
    what: "a tenant that is no name",
    send: () => worker.post("a%20b", order),
    ...{ status: 400, code: "INVALID_NAME", at: [["tenant"]] },
  },
  {
    what: "a tenant with a slash",
    send: () => worker.post("acme%2Fx", order),
    ...{ status: 400, code: "INVALID_NAME", at: [["tenant"]] },
  },
  {
    what: "a tenant in no encoding",
    send: () => worker.post("%ff", order),
    ...{ status: 400, code: "INVALID_NAME", at: [["tenant"]] },
  },
  {
    what: "a tenant of others",
    send: () => worker.post("initech", order),
    ...{ status: 404, code: "UNKNOWN_TENANT" },
  },
  {
    what: "a key that is too long",
    send: () => post({ ...order, idempotencyKey: "k".repeat(257) }),
    ...{ status: 400, code: "INVALID_NAME", at: [["idempotency key"]] },
  },
  {
    what: "an empty key",
    send: () => post(order, { "idempotency-key": '""' }),
    ...{ status: 400, code: "INVALID_NAME", at: [["idempotency key"]] },
  },
  {
    what: "two keys",
    send: () => post({ ...order, idempotencyKey: "a" }, { "idempotency-key": "b" }),
    ...{ status: 400, code: "TWO_KEYS", at: [["idempotencyKey"]] },
  },
];

const BODIES: readonly Case[] = [
  {
    what: "half a document",
    send: () => raw(JSON.stringify(order).slice(0, -1)),
    ...{ status: 400, code: "NOT_JSON", at: [[]] },
  },
  { what: "nothing", send: () => raw(""), status: 400, code: "NOT_JSON", at: [[]] },
  {
    what: "text that is not UTF-8",
    send: () => raw(new Uint8Array([0x22, 0xff, 0x22])),
    ...{ status: 400, code: "NOT_JSON", at: [[]] },
  },
  { what: "a form", send: () => raw("type=order.placed", form), status: 415, code: "UNSUPPORTED_TYPE" },
  {
    what: "no type",
    send: () => raw(new Blob([JSON.stringify(order)]), {}),
    ...{ status: 415, code: "UNSUPPORTED_TYPE" },
  },
  {
    what: "another encoding",
    send: () => raw("x", { ...json, "content-encoding": "gzip" }),
    ...{ status: 415, code: "UNSUPPORTED_TYPE" },
  },
  {
    what: "another alphabet",
    send: () => raw("{}", { "content-type": "application/json; charset=utf-16" }),
    ...{ status: 415, code: "UNSUPPORTED_TYPE" },
  },
  {
    what: "a body that is too long",
    send: () => raw(" ".repeat(MAX_BODY_BYTES + 1)),
    ...{ status: 413, code: "TOO_LARGE" },
  },
];

const REQUESTS: readonly Case[] = [
  {
    what: "another method",
    send: () => worker.request("/tenants/acme/events"),
    ...{ status: 405, code: "WRONG_METHOD" },
  },
  {
    what: "another method for health",
    send: () => worker.request("/readyz", { method: "DELETE" }),
    ...{ status: 405, code: "WRONG_METHOD" },
  },
  {
    what: "another path",
    send: () => worker.request("/tenants/acme"),
    ...{ status: 404, code: "NOT_FOUND" },
  },
];

test.each([...DATA, ...NAMES, ...BODIES, ...REQUESTS])(
  "$what is answered with $status $code, and changes nothing",
  async ({ send, status, code, at }) => {
    const before = await keys();
    const answer = await send();
    expect(answer).toMatchObject({ status, body: { status, code, detail: expect.any(String) } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("allow") !== null).toBe(status === 405);
    if (at !== undefined) expect(answer.body.issues).toMatchObject(at.map((path) => ({ path })));
    expect(await keys()).toEqual(before);
  },
);

test("a body that does not end is given up while it comes in", async () => {
  const { received, sentBytes } = await sendEndlessly();
  // Closed with something unread, a connection may take the answer along.
  expect(received).toMatch(/^(HTTP\/1\.1 413 |$)/);
  // Far above what sockets hold of it on its way when the answer comes, which was up to 30 MB on a busy machine.
  expect(sentBytes).toBeLessThan(100 * 1_048_576);
});

test("the longest body that is allowed is taken", async () => {
  expect(await raw(JSON.stringify(order).padEnd(MAX_BODY_BYTES))).toMatchObject({ status: 202 });
});

test("those whose input is right are served while many send what is wrong", async () => {
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, client) => {
      if (client % 3 === 0) return post({ ...order, idempotencyKey: `mix-${client}` });
      return client % 3 === 1 ? raw("{") : post({ ...order, data: { orderId: `mix-${client}` } });
    }),
  );
  const wanted = answers.map((_, client) => (client % 3 === 0 ? 202 : 400));
  expect(answers.map(({ status }) => status)).toEqual(wanted);
  await allSettled(sharedServerUrl(), stream, "acme");
});

/** How long each tenant's stream is, and which keys there are. */
async function keys(): Promise<unknown> {
  const found = TENANTS.map(async (tenant) => {
    const key = `tenant:{${tenant}}:${stream}`;
    const derived = ["meta", "published.0", "billing/leases", "billing/retries", "billing/dead"];
    return [await redis.xlen(key), await redis.exists(...derived.map((name) => `${key}/${name}`))];
  });
  return await Promise.all(found);
}

/** A client that sends a body without end, until the worker answers or hangs up. */
async function sendEndlessly(): Promise<{ received: string; sentBytes: number }> {
  const socket = net.connect(Number(new URL(worker.base).port), "127.0.0.1");
  let received = "";
  let answered = false;
  const stop = () => {
    answered = true;
  };
  socket
    .on("error", stop)
    .on("close", stop)
    .on("data", (data) => {
      received += data;
      stop();
    });
  const head = ["POST /tenants/acme/events HTTP/1.1", "host: worker", "content-type: application/json"];
  socket.write(`${head.join("\r\n")}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `4000\r\n${" ".repeat(0x4000)}\r\n`;
  let sentBytes = 0;
  while (!answered) {
    sentBytes += chunk.length;
    await new Promise((resolve) => socket.write(chunk, resolve));
    // Writes that the socket takes at once would keep this client from hearing the answer.
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.destroy();
  return { received, sentBytes };
}
