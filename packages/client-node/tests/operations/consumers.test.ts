/** A group's list of consumers is of those that there are. */
import { describe, expect, it } from "vitest";
import { keysOf, type OrderBus, onOrder, openBus, place, plainRedis, started, until } from "./support.js";

async function consumersOf(bus: OrderBus): Promise<string[]> {
  const [group] = (await bus.getStreamInfo()).groups;
  return (group?.consumers ?? []).map(({ name }) => name);
}

/** The consumers of which the group's state says which process they are. */
async function recorded(bus: OrderBus): Promise<string[]> {
  const fields = await plainRedis().hkeys(keysOf(bus, "billing").state);
  return fields.filter((field) => field.startsWith("incarnation:"));
}

describe("a consumer whose name is of its own making", () => {
  it("goes when it stops, and leaves nothing behind", async () => {
    const bus = await openBus();
    const consumer = await started(bus);
    await place(bus, "a");
    await consumer.idle();
    expect(await consumersOf(bus)).toEqual([consumer.name]);
    await consumer.stop();
    expect(await consumersOf(bus)).toEqual([]);
    expect(await recorded(bus)).toEqual([]);
  });

  it("goes after runOnce, each time, also when there was nothing to do", async () => {
    const bus = await openBus();
    for (let n = 0; n < 5; n++) {
      await bus.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
      expect(await consumersOf(bus)).toEqual([]);
      expect(await recorded(bus)).toEqual([]);
    }
  });

  it("goes when it stops as soon as it has started, whether or not it has read anything", async () => {
    const bus = await openBus();
    await (await started(bus)).stop();
    expect(await consumersOf(bus)).toEqual([]);
    expect(await recorded(bus)).toEqual([]);
  });

  it("gives back what it could not finish, and goes", async () => {
    const bus = await openBus();
    let arrived = false;
    let free = () => {};
    const consumer = await started(
      bus,
      () => {
        arrived = true;
        return new Promise<undefined>((resolve) => {
          free = () => resolve(undefined);
        });
      },
      { drainTimeoutMs: 0 },
    );
    await place(bus, "a");
    await until(() => arrived);
    await consumer.stop();
    free();
    expect(await bus.getStreamInfo()).toMatchObject({ groups: [{ pending: 1, retrying: 1, consumers: [] }] });
  });
});

describe("a consumer that runs and has nothing to do", () => {
  it("is in the list as soon as it has started", async () => {
    const bus = await openBus();
    const consumer = await started(bus);
    expect(await consumersOf(bus)).toEqual([consumer.name]);
    const { checks } = await bus.health();
    expect(checks).toContainEqual({ name: "consumers:billing", status: "ok", detail: "1 of 1 alive" });
  });

  it("is heard of again and again", async () => {
    const bus = await openBus();
    await started(bus, undefined, { leaseMs: 100 });
    const idleMs = async () => (await bus.getStreamInfo()).groups[0]?.consumers[0]?.idleMs ?? 0;
    for (let times = 0; times < 3; times++) {
      let before = 0;
      await until(async () => {
        const now = await idleMs();
        const heard = now < before;
        before = now;
        return heard;
      });
    }
  });
});

describe("a consumer with a name of its own", () => {
  it("stays when it stops: its next process takes up where it was", async () => {
    const bus = await openBus();
    const consumer = await started(bus, undefined, { consumer: "worker-1" });
    await place(bus, "a");
    await consumer.idle();
    await consumer.stop();
    expect(await consumersOf(bus)).toEqual(["worker-1"]);
  });

  it("is told of with what it has pending and for how long it has not asked for entries", async () => {
    const bus = await openBus();
    const { stream } = keysOf(bus, "billing");
    const consumer = await started(bus);
    await consumer.stop();
    await place(bus, "a", "b", "c");
    const askedAt = performance.now();
    await plainRedis().xreadgroup("GROUP", "billing", "worker-1", "COUNT", 2, "STREAMS", stream, ">");
    const [group] = (await bus.getStreamInfo()).groups;
    expect(group).toMatchObject({ pending: 2, lag: 1 });
    expect(group?.consumers).toEqual([{ name: "worker-1", pending: 2, idleMs: expect.any(Number) }]);
    // Two clocks in whole milliseconds may differ by some.
    expect(group?.consumers[0]?.idleMs).toBeLessThan(performance.now() - askedAt + 20);
  });
});
