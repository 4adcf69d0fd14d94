/** The judge is judged: a case whose promise does not hold fails, and one that cannot run is not passed. */

import { groupKeys, peerKeys } from "@sluice/lua-scripts";
import { startServer } from "@sluice/test-server";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findRuntimes, openSuite, type Suite } from "../src/index.js";
import { readCase } from "../src/runner/load.js";
import { Names } from "../src/runner/names.js";
import { rewriteShas } from "../src/runner/rewrite.js";
import { throughWorkers } from "../src/runner/through.js";

const HEAD = "title: A case\nlevel: core\ncovers: [errors.options]\n";
const PUBLISHED = `
  - connect: {}
  - publish: { type: order.placed, data: { orderId: o1, amount: 5 }, key: k1 }
    as: first
`;

describe("a case is refused with its field", () => {
  test.each<[string, string, string]>([
    ["no level", "title: A case\ncovers: [a]\nsteps: [{ connect: {} }]", "at level"],
    ["an unknown field", `${HEAD}step: []\nsteps: [{ connect: {} }]`, '"step"'],
    ["two verbs", `${HEAD}steps: [{ connect: {}, publish: {} }]`, "wanted one verb, found connect, publish"],
    [
      "consumerOnly and no consumer",
      `${HEAD}consumerOnly: so\nsteps: [{ connect: {} }]`,
      'it has "consumerOnly" and no consumer',
    ],
    ["an unknown actor", `${HEAD}steps: [{ connect: {}, on: nobody }]`, 'there is no actor "nobody"'],
  ])("%s", (_, text, told) => expect(() => readCase("a/case", text)).toThrow(told));
});

describe("the runner", () => {
  let suite: Suite;
  let bare: Suite;

  beforeAll(async () => {
    const shared = { runtimes: await findRuntimes(["node"]), cases: [], vectors: [] };
    const url = inject("redisUrl");
    const startAnother = (args: readonly string[]) => startServer({ args });
    suite = await openSuite({ ...shared, server: { url, startAnother }, allowUsers: true });
    bare = await openSuite({ ...shared, server: { url } });
  });
  afterAll(async () => {
    await suite?.[Symbol.asyncDispose]();
    await bare?.[Symbol.asyncDispose]();
  });

  const run = (steps: string, more = "") =>
    suite.run(readCase("a/case", `${HEAD}${more}\nsteps:${steps}`), "node");

  test("passes what holds", async () => {
    expect(await run(`${PUBLISHED}    expect: { duplicate: false }\n`)).toMatchObject({ status: "passed" });
  });

  test.each<[string, string, string]>([
    [
      "an expectation that is not met",
      `${PUBLISHED}    expect: { duplicate: true }\n`,
      "step 2, publish: the reply.duplicate is false, wanted true",
    ],
    [
      "an error that was not expected",
      "\n  - connect: { publishWindowMs: -1 }\n",
      "step 1, connect: it failed with",
    ],
    [
      "an error that did not come",
      `${PUBLISHED}    fails: { code: VALIDATION }\n`,
      "step 2, publish: it succeeded with",
    ],
    [
      "another error than the expected one",
      "\n  - connect: { publishWindowMs: -1 }\n    fails: { code: VALIDATION }\n",
      'the error.code is "INVALID_OPTION", wanted "VALIDATION"',
    ],
    [
      "something in Redis that is not as expected",
      `${PUBLISHED}  - redis: [XLEN, '\${key:acme}']\n    expect: 2\n`,
      "step 3, redis: the reply is 1, wanted 2",
    ],
    ["a verb that there is not", "\n  - conect: {}\n", 'there is no verb "conect"'],
    [
      "a step inside others",
      `${PUBLISHED}  - together: [{ see: 1, expect: 1 }, { see: 1, expect: 2 }]\n`,
      "step 3.2, see: the reply is 1, wanted 2",
    ],
  ])("fails %s", async (_, steps, reason) => {
    const result = await run(steps);
    expect(result.status).toBe("failed");
    expect(result.reason).toContain(reason);
  });

  test("fails a case that does not come to its end, with the step it was at", async () => {
    const waits = `${PUBLISHED}  - wait: { for: handled }\n`;
    const result = await run(waits, "timeoutMs: 400");
    expect(result).toMatchObject({ status: "failed", reason: expect.stringContaining("wait") });
  });

  test("fails a step whose process was killed, and goes on with the next case", async () => {
    const killed = `${PUBLISHED}  - kill: {}\n  - publish: { type: order.placed, data: {} }\n`;
    const result = await run(killed, "actors: { main: { own: true } }");
    expect(result).toMatchObject({ status: "failed", reason: expect.stringContaining("ended with SIGKILL") });
    expect(await run(PUBLISHED)).toMatchObject({ status: "passed" });
  });

  test("opens a worker of the step's tenant in a consumer's place, and nothing else is another", async () => {
    const steps = `
  - connect: {}
  - repeat:
      times: 1
      steps:
        - publish: { tenant: "t\${i}", type: order.placed, data: { orderId: o1, amount: 5 } }
        - consumer: { tenant: "t\${i}", group: billing, handlers: [{ types: [order.placed] }] }
        - start: {}
        - wait: { for: handled, where: { tenantId: "\${tenant:t\${i}}" } }
  - metrics: { consumer: consumer }
    expect: { gauges: { sluice_worker_tenants_known: 1 } }
`;
    const one = readCase("a/case", `${HEAD}steps:${steps}`);
    const [worker] = throughWorkers(one);
    expect(worker).toMatchObject({ id: "a/case (worker)", steps: one.steps });
    expect(await suite.run(worker ?? one, "node")).toMatchObject({ status: "passed" });
    expect(await suite.run(one, "node")).toMatchObject({
      status: "failed",
      reason: expect.stringContaining("sluice_worker_tenants_known"),
    });
    expect(throughWorkers({ ...one, consumerOnly: "so" })).toEqual([]);
  });

  test("makes due what waits for a time, and neither what was handed back nor suspects", async () => {
    const retries = "'${key:acme/billing/retries}'";
    const waiting = `${PUBLISHED}
  - consumer: { group: billing, handlers: [{ types: [order.placed] }] }
  - redis: [ZADD, ${retries}, -3, 1-1, 0, 1-2, 1999999999999999, 1-3, 2000000000000000, 1-4, 4000000000000000, 1-5]
  - due: { group: billing }
    expect: 2
  - redis: [ZRANGEBYSCORE, ${retries}, "-inf", "(0"]
    expect: [1-1]
  - redis: [ZRANGEBYSCORE, ${retries}, 1, '\${now}']
    expect: { $unordered: [1-2, 1-3] }
  - redis: [ZRANGEBYSCORE, ${retries}, 2000000000000000, "+inf", WITHSCORES]
    expect: [1-4, "2000000000000000", 1-5, "4000000000000000"]
`;
    expect(await run(waiting)).toMatchObject({ status: "passed" });
  });

  test.each([
    ["cluster", "needs: [cluster]", "it is about a Cluster"],
    ["users", "needs: [users]", "--allow-users"],
    ["own-server", "needs: [own-server]", "this one is not its own"],
    ["second", "actors: { main: {}, other: { runtime: second } }", "2 runtimes together"],
  ])("does not pass a case that cannot run: %s", async (_, more, reason) => {
    const one = readCase("a/case", `${HEAD}${more}\nsteps: [{ connect: {} }]`);
    const result = await bare.run(one, "node");
    expect(result).toMatchObject({ status: "notApplicable", reason: expect.stringContaining(reason) });
  });
});

test("the runner's names of keys are those of the clients", () => {
  const names = new Names();
  const keys = groupKeys(names.stream("orders"), "billing", names.tenant("acme"));
  expect(names.key("acme")).toBe(keys.stream);
  expect(names.key("acme/billing/leases")).toBe(keys.leases);
  expect([...names.keysOf(names.stream("orders"), names.tenant("acme"))].sort()).toEqual(
    Object.values(keys).sort(),
  );
  expect(names.allKeys()).toEqual(
    expect.arrayContaining(Object.values(peerKeys(names.stream("orders"), "billing"))),
  );
  const single = groupKeys(names.stream("orders"), "billing");
  expect([...names.keysOf(names.stream("orders"), undefined)].sort()).toEqual(Object.values(single).sort());
});

test("other scripts take the place of those asked for, however what clients send is cut up", () => {
  const [from, to] = ["a".repeat(20) + "b".repeat(20), "c".repeat(40)];
  const text = `*3\r\n$7\r\nEVALSHA\r\n$40\r\n${from}\r\n$1\r\naa\r\n`;
  for (const size of [1, 3, 7, 39, 41, text.length]) {
    const rewrite = rewriteShas(new Map([[from, to]]));
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const sent = pieces.map((piece) => rewrite(Buffer.from(piece)).toString()).join("");
    expect(sent).toBe(text.replace(from, to));
  }
});
