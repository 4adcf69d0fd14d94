/** What the log says of an outage: once for all connections and consumers of a process that notice. */
import { type Bus, connect } from "@sluice/node";
import { type TestServer, uniqueName } from "@sluice/test-server";
import { expect, onTestFinished, test } from "vitest";
import { events, type Schemas } from "./events.js";
import { type JobConsumer, memoryLogger, plainRedis, privateServer, until, worker } from "./support.js";

const GROUPS = ["billing", "shipping"];
const TENANTS = Array.from({ length: 7 }, (_, n) => `tenant-${n}`);

async function crowd(server: TestServer, logger: ReturnType<typeof memoryLogger>, tenants = TENANTS) {
  const open = async () => {
    const options = { redis: server.url, stream: uniqueName("jobs"), events, tenancy: "multi" } as const;
    const bus = await connect({ ...options, logger, deadlineMs: 1_000 });
    onTestFinished(() => bus.close());
    return bus;
  };
  const bus = await open();
  const buses: Bus<"multi", Schemas>[] = [bus, await open()];
  const consumers = tenants.flatMap((tenant) =>
    GROUPS.map((group) => bus.tenant(tenant).consumer({ group, handlers: [worker("here")] })),
  );
  await Promise.all(consumers.map((consumer) => consumer.start()));
  // Each waits for events.
  const redis = plainRedis(server.url);
  await until(async () => (await redis.info("clients")).includes(`blocked_clients:${consumers.length}\r\n`));
  redis.disconnect();
  return { buses, consumers };
}

const told = (logger: ReturnType<typeof memoryLogger>, level: string) =>
  logger.lines.filter((line) => line.level === level && line.message !== "recovered");

test("an outage is one warning, which names servers, tenants and groups, and one line when it is over", async () => {
  const server = await privateServer({ persistence: true });
  const logger = memoryLogger();
  await crowd(server, logger);
  await server.kill();
  await until(() => told(logger, "warn").length > 0);
  await server.restart();
  await until(() => told(logger, "info").length > 0);
  const [warning, ...furtherWarnings] = told(logger, "warn");
  const [line, ...furtherLines] = told(logger, "info");
  expect([...furtherWarnings, ...furtherLines]).toEqual([]);
  expect(warning).toMatchObject({
    message: "Redis is unreachable; connections and consumers try again until it is back",
    fields: { targets: [`127.0.0.1:${server.port}`], err: expect.any(Error) },
  });
  expect(line).toMatchObject({
    message: "Redis is reachable again",
    fields: {
      targets: [`127.0.0.1:${server.port}`],
      durationMs: expect.any(Number),
      consumers: expect.any(Array),
    },
  });
  // Ten of them, and how many more there are.
  const consumers = warning?.fields.consumers as string[];
  expect(consumers).toHaveLength(11);
  expect(consumers[0]).toMatch(/^group '(billing|shipping)' of tenant 'tenant-\d', stream 'jobs/);
  expect(consumers[10]).toBe(`and ${TENANTS.length * GROUPS.length - 10} more`);
});

test("a server that answers nothing but errors is one warning as well", async () => {
  const server = await privateServer();
  const logger = memoryLogger();
  const { consumers } = await crowd(server, logger, TENANTS.slice(0, 2));
  const redis = plainRedis(server.url);
  await redis.config("SET", "min-replicas-to-write", 1);
  const errors = (consumer: JobConsumer) => consumer.metrics().counters.sluice_consumer_errors_total ?? 0;
  await until(() => told(logger, "warn").length > 0 && consumers.every((one) => errors(one) > 0));
  await redis.config("SET", "min-replicas-to-write", 0);
  await until(() => told(logger, "info").length > 0);
  expect(told(logger, "warn")).toMatchObject([
    { message: "calls of consumers fail; they are made again until they succeed" },
  ]);
  expect(told(logger, "info")).toMatchObject([{ message: "calls of consumers succeed again" }]);
  expect(told(logger, "info")[0]?.fields.consumers).toHaveLength(4);
});

test("what is closed in an outage is not said to work again", async () => {
  const server = await privateServer();
  const logger = memoryLogger();
  const { buses } = await crowd(server, logger, TENANTS.slice(0, 1));
  await server.kill();
  await until(() => told(logger, "warn").length > 0);
  await Promise.all(buses.map((bus) => bus.close()));
  expect(told(logger, "info")).toEqual([]);
});
