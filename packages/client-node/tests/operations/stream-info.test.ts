/** `getStreamInfo()`: the shape of its answer, one moment in one call, and what a handled stream looks like. */
import { TenantRequiredError } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { keysOf, onOrder, openBus, place, plainRedis, refusal, started, until } from "./support.js";

describe("a stream that is not there", () => {
  it("has the same shape, with zeros, and is not made by looking", async () => {
    const bus = await openBus();
    expect(await bus.getStreamInfo()).toEqual({
      ...{ stream: bus.streamName, exists: false, length: 0, memoryBytes: 0, deadLetters: 0, groups: [] },
    });
    expect(await plainRedis().exists(...Object.values(keysOf(bus, "billing")))).toBe(0);
  });

  it("of a tenant as well", async () => {
    const bus = await openBus({ tenancy: "multi" });
    expect(await bus.tenant("acme").getStreamInfo()).toEqual({
      ...{ stream: bus.streamName, tenantId: "acme", exists: false, length: 0, memoryBytes: 0 },
      ...{ deadLetters: 0, groups: [] },
    });
    expect(await refusal(() => bus.getStreamInfo())).toBeInstanceOf(TenantRequiredError);
  });
});

describe("a stream that is worked on", () => {
  it("tells every number of every group", async () => {
    const bus = await openBus();
    const ids = await place(bus, "done", "waits", "dies", "held");
    let arrived = false;
    let open = () => {};
    const held = new Promise<undefined>((resolve) => {
      open = () => resolve(undefined);
    });
    const consumer = await started(bus, async ({ data: { orderId } }) => {
      if (orderId === "waits") return { kind: "retry", delayMs: 60_000 };
      if (orderId === "dies") return { kind: "failure" };
      if (orderId !== "held") return undefined;
      arrived = true;
      return await held;
    });
    await bus.consumer({ group: "behind", handlers: [onOrder()] }).runOnce({ max: 1 });
    await until(() => arrived);
    await until(async () => (await bus.getStreamInfo()).groups.some(({ deadLetters }) => deadLetters === 1));
    const info = await bus.getStreamInfo();
    expect(info).toMatchObject({ exists: true, length: 4, firstId: ids[0], lastId: ids[3], deadLetters: 1 });
    expect(info.memoryBytes).toBeGreaterThan(100);
    const byName = new Map(info.groups.map((group) => [group.name, group]));
    expect(byName.get("behind")).toEqual({
      ...{ name: "behind", pending: 0, lag: 3, lagExact: true, lastDeliveredId: ids[0], oldestPendingMs: 0 },
      ...{ retrying: 0, deadLetters: 0, processedKeys: 1, lost: 0, lostExact: true, consumers: [] },
    });
    const billing = byName.get("billing");
    expect(billing).toEqual({
      ...{ name: "billing", pending: 2, lag: 0, lagExact: true, lastDeliveredId: ids[3] },
      ...{ oldestPendingMs: expect.any(Number), retrying: 1, nextRetryAt: expect.any(Number) },
      ...{ deadLetters: 1, processedKeys: 2, lost: 0, lostExact: true },
      consumers: [{ name: consumer.name, pending: 1, idleMs: expect.any(Number) }],
    });
    expect(Math.abs((billing?.nextRetryAt ?? 0) - Date.now() - 60_000)).toBeLessThan(20_000);
    open();
  });

  it("is of zeros again when everything is handled", async () => {
    const bus = await openBus();
    const consumer = await started(bus);
    await place(bus, ...Array.from({ length: 100 }, (_, n) => `o${n}`));
    await consumer.idle();
    const [group] = (await bus.getStreamInfo()).groups;
    expect(group).toMatchObject({ pending: 0, lag: 0, retrying: 0, deadLetters: 0, processedKeys: 100 });
    expect(group).not.toHaveProperty("nextRetryAt");
  });

  it("has one answer in one call once its groups are known, and sees a new group at once", async () => {
    const bus = await openBus();
    await (await started(bus)).stop();
    await bus.getStreamInfo();
    const redis = plainRedis();
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
    const before = await calls();
    await bus.getStreamInfo();
    // Other files share the server: at least this one call, and the new group is in the next answer.
    expect(await calls()).toBeGreaterThan(before);
    await bus.consumer({ group: "new", handlers: [onOrder()] }).runOnce();
    expect((await bus.getStreamInfo()).groups.map(({ name }) => name).sort()).toEqual(["billing", "new"]);
  });

  it("tells of groups that somebody else made, as far as their names are of ours", async () => {
    const bus = await openBus();
    const { stream } = keysOf(bus, "billing");
    await place(bus, "a", "b");
    const redis = plainRedis();
    for (const name of ["theirs", "not/ours", "", "ünïcode", "/waiting"])
      await redis.xgroup("CREATE", stream, name, "0");
    const { groups } = await bus.getStreamInfo();
    expect(groups).toMatchObject([{ name: "theirs", lag: 2, lagExact: true, pending: 0, consumers: [] }]);
  });

  it("keeps telling of a group that is registered and gone, with its dead letters", async () => {
    const bus = await openBus();
    await place(bus, "a");
    await bus.consumer({ group: "billing", handlers: [onOrder(() => ({ kind: "failure" }))] }).runOnce();
    await plainRedis().xgroup("DESTROY", keysOf(bus, "billing").stream, "billing");
    expect(await bus.getStreamInfo()).toMatchObject({
      deadLetters: 1,
      groups: [{ name: "billing", deadLetters: 1, pending: 0, consumers: [] }],
    });
  });
});

it("one tenant's stream tells nothing of another's", async () => {
  const bus = await openBus({ tenancy: "multi" });
  await place(bus.tenant("acme"), "a", "b");
  await bus
    .tenant("acme")
    .consumer({ group: "billing", handlers: [onOrder()] })
    .runOnce({ max: 1 });
  await place(bus.tenant("globex"), "c");
  expect(await bus.tenant("globex").getStreamInfo()).toMatchObject({
    tenantId: "globex",
    length: 1,
    groups: [],
  });
  expect(await bus.tenant("acme").getStreamInfo()).toMatchObject({ length: 2, groups: [{ lag: 1 }] });
});
