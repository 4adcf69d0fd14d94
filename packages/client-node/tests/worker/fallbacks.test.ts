import { expect, it } from "vitest";
import { plainRedis } from "../stories/look.js";
import { privateServer, until } from "../stories/support.js";
import { multi, names, noting, publish, started } from "./support.js";

/** A worker's bus whose Redis user has these rules, and one of a publisher that may do all. */
async function limited(...rules: string[]) {
  const server = await privateServer();
  await plainRedis(server.url).call(
    "ACL",
    "SETUSER",
    "worker",
    "on",
    ">secret",
    "+@all",
    "allchannels",
    ...rules,
  );
  const url = new URL(server.url);
  url.username = "worker";
  url.password = "secret";
  const { bus, logger } = await multi(url.href, "orders");
  const everyones = await multi(server.url, "orders");
  return { bus, logger, publisher: everyones.bus };
}

it("polls where bells are refused, and says so once in the log and in health()", async () => {
  const { bus, logger, publisher } = await limited("~*", "-client|tracking");
  await publish(publisher, names(10), "a");
  const handled: string[] = [];
  await started(bus, { group: "billing", handlers: [noting(handled)] });
  await until(() => handled.length === 10);
  await publish(publisher, [...names(10), "newcomer"], "b");
  await until(() => handled.length === 21);
  const warnings = logger.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
  expect(warnings.filter((message) => message.includes("no bell rings"))).toHaveLength(1);
  const health = await bus.health();
  expect(health.status).toBe("degraded");
  expect(health.checks.find(({ name }) => name === "worker:billing")?.detail).toContain("tracking");
});

it("finds tenants by their streams, and listens to all, where neither registry nor beats are permitted", async () => {
  const { bus, publisher } = await limited("~tenant:*");
  await publish(publisher, names(10), "a");
  const handled: string[] = [];
  await started(bus, { group: "billing", handlers: [noting(handled)] });
  await until(() => handled.length === 10);
  await publish(publisher, names(10), "b");
  await until(() => handled.length === 20);
  expect((await bus.health()).checks.map(({ name }) => name)).not.toContain("worker:billing");
});

it("serves a list where the user may touch the keys of these tenants alone", async () => {
  const { bus, publisher } = await limited("~tenant:{acme}:*", "~tenant:{globex}:*");
  await publish(publisher, ["acme", "globex", "other"], "a");
  const handled: string[] = [];
  await started(bus, { group: "billing", tenants: ["acme", "globex"], handlers: [noting(handled)] });
  await until(() => handled.length === 2);
  await publish(publisher, ["acme", "other"], "b");
  await until(() => handled.length === 3);
  expect(handled.sort()).toEqual(["acme a", "acme b", "globex a"]);
});
