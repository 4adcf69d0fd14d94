/**
 * When tenants are enrolled, and what becomes of it where the registry is out of reach: what cases cannot see, or do to a
 * connection. What is listed and forgotten, and for whom, is in the cases of `tenancy/`.
 */
import { fromIoredis } from "@sluice/core/ioredis";
import {
  type Connection,
  ConnectionError,
  createBus,
  DeadlineError,
  ServerError,
  type SluiceError,
  silentLogger,
} from "@sluice/node";
import { sharedServerUrl, uniqueName } from "@sluice/test-server";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import { Enrolment, MAX_REMEMBERED } from "../../../core/src/registry/enrolment.js";
import { plainRedis } from "./look.js";
import { events, memoryLogger, openBus, until } from "./support.js";

/** What a call of `enroll` is answered in the place of its reply, if anything. */
type Answer = (
  tenants: readonly string[],
  deadlineMs: number,
) => SluiceError | undefined | Promise<SluiceError | undefined>;

/** A connection whose calls of `enroll` are noted, and may be answered by the test. */
function connection(answer: Answer = () => undefined) {
  const inner = fromIoredis(new Redis(sharedServerUrl(), { lazyConnect: true }), { logger: silentLogger });
  onTestFinished(() => inner.close());
  const listeners = new Set<() => void>();
  const calls: string[][] = [];
  const order: string[] = [];
  const watched: Connection = {
    async send(requests, options) {
      const [request] = requests;
      if (request?.kind !== "script") return await inner.send(requests, options);
      const { name } = request.script;
      if (name === "enroll") {
        const tenants = request.args.map(String);
        calls.push(tenants);
        const answered = await answer(tenants, options.deadlineMs);
        if (answered !== undefined) return [answered];
      } else order.push(name);
      const replies = await inner.send(requests, options);
      if (name === "enroll") order.push(name);
      return replies;
    },
    nodes: (options) => inner.nodes(options),
    duplicate: () => inner.duplicate(),
    bells: (listener) => inner.bells(listener),
    onReconnect(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => inner.close(),
  };
  const reconnected = () => {
    for (const listener of listeners) listener();
  };
  return { watched, calls, order, reconnected };
}

function setUp(answer?: Answer, deadlineMs = 20_000) {
  const stream = uniqueName("orders");
  const { watched, ...rest } = connection(answer);
  const logger = memoryLogger();
  const bus = createBus(watched, { stream, events, tenancy: "multi", logger, deadlineMs });
  onTestFinished(() => bus.close());
  const redis = plainRedis();
  const publish = (tenant: string, orderId = "o") => bus.tenant(tenant).publish("order.shipped", { orderId });
  const registered = () => redis.zrange(`{${stream}}/tenants`, "0", "-1");
  return { ...rest, bus, stream, logger, redis, publish, registered };
}

/** What comes of a connection that is lost: who may send again does. */
const lost = () =>
  new ConnectionError({ attempted: "enroll", reason: "lost on purpose", maybeExecuted: false });

/** What a server says that does not take the call, and will not soon. */
const refused = () => new ServerError({ attempted: "enroll", reply: "ERR refused on purpose" });

function gate() {
  let open = () => {};
  const passed = new Promise<undefined>((resolve) => {
    open = () => resolve(undefined);
  });
  onTestFinished(() => open());
  return { open, passed };
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);

describe("a tenant is enrolled", () => {
  it("before its first event is sent, and not before the next ones", async () => {
    const { publish, calls, order } = setUp();
    await Promise.all([publish("acme", "o1"), publish("acme", "o2")]);
    await publish("acme", "o3");
    expect(order).toEqual(["enroll", "publish", "publish"]);
    expect(calls).toEqual([["acme"]]);
  });

  it("together with those that are new at the same time, a thousand a call", async () => {
    const { publish, calls, bus, registered } = setUp();
    await Promise.all(names(50).map((tenant) => publish(tenant)));
    expect(calls).toEqual([names(50)]);
    await Promise.all([
      ...names(2_100).map((tenant) => publish(tenant)),
      bus.tenant("many").publishMany([{ type: "order.shipped", data: { orderId: "o" } }]),
    ]);
    expect(calls.map(({ length }) => length)).toEqual([50, 1, 1_000, 1_000, 50]);
    expect(await registered()).toHaveLength(2_101);
  });

  it("again after a reconnect", async () => {
    const { publish, calls, reconnected } = setUp();
    await publish("acme");
    reconnected();
    await publish("acme");
    await publish("acme");
    expect(calls).toEqual([["acme"], ["acme"]]);
  });

  it("and its events keep their order, whatever waits for that", async () => {
    const held = gate();
    const { publish, calls } = setUp(() => held.passed);
    const receipts = [];
    for (const orderId of names(20)) {
      receipts.push(publish("acme", orderId));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => calls.length > 0);
    held.open();
    receipts.push(publish("acme", "last"));
    const ids = (await Promise.all(receipts)).map(({ id }) => id);
    const inOrder = [...ids].sort((a, b) => {
      const [ms = 0, seq = 0] = a.split("-").map(Number);
      const [otherMs = 0, otherSeq = 0] = b.split("-").map(Number);
      return ms - otherMs || seq - otherSeq;
    });
    expect(ids).toEqual(inOrder);
    expect(calls).toEqual([["acme"]]);
  });

  it("not on a single-tenant bus", async () => {
    const { watched, calls } = connection();
    const bus = createBus(watched, { stream: uniqueName("orders"), events, logger: silentLogger });
    onTestFinished(() => bus.close());
    await bus.publish("order.shipped", { orderId: "o1" });
    expect(calls).toEqual([]);
  });

  it("anew where a process knows more than it remembers", async () => {
    const { watched } = connection();
    const parts = { connection: watched, deadlineMs: 60_000, logger: silentLogger };
    const enrolment = new Enrolment(parts, uniqueName("orders"));
    const tenants = names(MAX_REMEMBERED + 1);
    for (let first = 0; first < tenants.length; first += 10_000) {
      await Promise.all(tenants.slice(first, first + 10_000).map((tenant) => enrolment.enroll(tenant)));
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(enrolment.enroll("t1")).toBeUndefined();
    expect(enrolment.enroll(`t${MAX_REMEMBERED}`)).toBeUndefined();
    await expect(enrolment.enroll("t0")).resolves.toBeUndefined();
  });
});

describe("where the registry is out of reach", () => {
  it("publishing goes on, nobody waits for it, and tenants are enrolled once it is back", async () => {
    const back = gate();
    let asked = 0;
    const { publish, logger, registered, calls } = setUp(() => (asked++ === 0 ? refused() : back.passed));
    await publish("acme");
    // From here on every call hangs.
    await Promise.all(["globex", "initech"].map((tenant) => publish(tenant)));
    expect(await registered()).toEqual([]);
    back.open();
    await until(() => logger.lines.length === 2);
    expect([...(await registered())].sort()).toEqual(["acme", "globex", "initech"]);
    expect(logger.lines).toMatchObject([
      { level: "warn", message: "could not enroll tenants; publishing goes on, and they are enrolled later" },
      { level: "info", message: "enrolled the tenants that had been missed", fields: { tenants: 3 } },
    ]);
    // From then on as ever.
    await publish("umbrella");
    expect(calls.at(-1)).toEqual(["umbrella"]);
  });

  it("a publish waits for a quarter of its deadline at most; an outage is told by whoever keeps the connection", async () => {
    const deadlines: number[] = [];
    const { publish, logger } = setUp((_, deadlineMs) => {
      deadlines.push(deadlineMs);
      return new DeadlineError({ attempted: "enroll", deadlineMs, maybeExecuted: true });
    }, 8_000);
    expect(await publish("acme")).toMatchObject({ duplicate: false });
    for (const deadlineMs of deadlines) expect(deadlineMs).toBeLessThanOrEqual(2_000);
    expect(logger.lines.map(({ level }) => level)).toEqual(["debug"]);
  });

  it("a loss that is over at once is no reason to publish for a tenant that nobody finds", async () => {
    let losses = 1;
    const { publish, order } = setUp(() => (losses-- > 0 ? lost() : undefined));
    await publish("acme");
    expect(order).toEqual(["enroll", "publish"]);
  });

  it("because it holds another type, that is told once, and publishing goes on", async () => {
    const { publish, redis, stream, logger, registered } = setUp();
    await redis.set(`{${stream}}/tenants`, "foreign");
    await publish("acme");
    await publish("globex");
    expect(logger.lines).toMatchObject([
      { level: "warn", fields: { stream, err: { code: "WRONG_TYPE", key: `{${stream}}/tenants` } } },
    ]);
    await redis.del(`{${stream}}/tenants`);
    await until(async () => (await registered()).length === 2);
  });

  it("close enrolls what was missed, or says how many it could not", async () => {
    for (const isBack of [true, false]) {
      let isAway = true;
      const { publish, bus, stream, registered, logger } = setUp(() => (isAway ? refused() : undefined));
      await publish("acme");
      await publish("globex");
      isAway = !isBack;
      await bus.close();
      expect(await registered()).toHaveLength(isBack ? 2 : 0);
      const last = logger.lines.at(-1);
      expect(last).toMatchObject({ level: isBack ? "info" : "warn", fields: { stream, tenants: 2 } });
    }
  });
});

it("a listing whose connection is lost begins again, as cursors are of one server, and tells each tenant once", async () => {
  const stream = uniqueName("orders");
  const { watched, reconnected } = connection();
  const cursors: unknown[] = [];
  const lossy: Connection = {
    ...watched,
    async send(requests, options) {
      const [request] = requests;
      if (request?.kind === "command" && request.name === "ZSCAN") cursors.push(request.args[1]);
      const replies = await watched.send(requests, options);
      if (cursors.length === 2) reconnected();
      return replies;
    },
  };
  const bus = createBus(lossy, { stream, events, tenancy: "multi", logger: silentLogger });
  onTestFinished(() => bus.close());
  await plainRedis().zadd(`{${stream}}/tenants`, ...names(3_000).flatMap((name) => [1, name]));
  const listed: string[] = [];
  for await (const { tenantId } of bus.tenants()) listed.push(tenantId);
  expect([...listed].sort()).toEqual(names(3_000).sort());
  expect(cursors.filter((cursor) => cursor === "0")).toHaveLength(2);
});

it("a tenant that a bus forgets is enrolled at once when it publishes again", async () => {
  const stream = uniqueName("orders");
  const bus = await openBus({ events, stream, tenancy: "multi" });
  const redis = plainRedis();
  const key = `tenant:{acme}:${stream}`;
  await bus.tenant("acme").publish("order.shipped", { orderId: "o1" });
  await redis.unlink(key, `${key}/meta`, `${key}/published.0`);
  expect(await bus.forgetTenant("acme")).toBe(true);
  expect(await redis.zscore(`{${stream}}/tenants`, "acme")).toBeNull();
  await bus.tenant("acme").publish("order.shipped", { orderId: "o1" });
  expect(await redis.zscore(`{${stream}}/tenants`, "acme")).not.toBeNull();
});
