import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { sharedServerUrl } from "@sluice/test-server";
import { expect, it, onTestFinished } from "vitest";
import { plainRedis } from "../stories/look.js";
import { Gate, reports, until } from "../stories/support.js";
import { multi, names, noting, publish, started } from "./support.js";

it("two workers handle each event once, and tell each other that they live", async () => {
  const { bus, stream } = await multi();
  await publish(bus, names(100), "a");
  const handled: string[][] = [[], []];
  const [first, second] = await Promise.all(
    handled.map((list) => started(bus, { group: "billing", handlers: [noting(list)] })),
  );
  for (const orderId of ["b", "c"]) await publish(bus, names(100), orderId);
  await first?.idle();
  await second?.idle();
  const all = handled.flat();
  expect(new Set(all).size).toBe(300);
  expect(all).toHaveLength(300);
  const workers = await plainRedis().zrange(`{${stream}}/billing/workers`, "0", "-1");
  expect(workers.sort()).toEqual([first?.name, second?.name].sort());
  await first?.stop();
  expect(await plainRedis().zrange(`{${stream}}/billing/workers`, "0", "-1")).toEqual([second?.name]);
});

it("takes over what a worker had that was killed, and goes on with its tenants", async () => {
  const { bus, stream } = await multi();
  const tenants = names(20);
  await publish(bus, tenants, "a");
  const program = fileURLToPath(new URL("./children/stuck.ts", import.meta.url));
  const child = fork(program, [sharedServerUrl(), stream], { execArgv: ["--import", "tsx"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [message] = await once(child, "message");
  expect(message).toBe("all are running");
  const handled: string[] = [];
  const worker = bus.worker({ group: "billing", leaseMs: 500, handlers: [noting(handled)] });
  const told = reports(worker, "handled");
  await worker.start();
  child.kill("SIGKILL");
  await publish(bus, tenants, "b");
  await until(() => told.length === 40);
  expect(new Set(handled).size).toBe(40);
  const attempts = new Set(told.filter(({ attempt }) => attempt === 2).map(({ tenantId }) => tenantId));
  expect(attempts.size).toBe(20);
});

it("workers that do not listen to a tenant help with what its listeners cannot take", async () => {
  const { bus } = await multi();
  await publish(bus, ["acme"], "known");
  const handled: string[][] = [[], [], [], []];
  // Nothing ends before a third worker has begun something: until then the two listeners have no slot left.
  const begun = new Set<number>();
  const gate = new Gate();
  await Promise.all(
    handled.map((list, worker) => {
      const held = (orderId: string) => {
        if (orderId === "known") return undefined;
        begun.add(worker);
        if (begun.size > 2) gate.open();
        return gate.pass();
      };
      return started(bus, { group: "billing", concurrency: 2, handlers: [noting(list, held)] });
    }),
  );
  await until(() => handled.flat().length === 1);
  const many = Array.from({ length: 100 }, (_, n) => {
    return { type: "order.shipped" as const, data: { orderId: `${n}` } };
  });
  await bus.tenant("acme").publishMany(many);
  await until(() => handled.flat().length === 101);
  expect(new Set(handled.flat()).size).toBe(101);
  expect(begun.size).toBeGreaterThan(2);
});
