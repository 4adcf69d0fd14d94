/** What others remove before a group has settled it: told in numbers, by an event, in the log and by `health()`. */
import { type Logger, silentLogger } from "@sluice/node";
import { describe, expect, it } from "vitest";
import { keysOf, onOrder, openBus, place, plainRedis, started, until } from "./support.js";

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

function noting(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const note = (level: string) => (message: string, fields?: unknown) => {
    lines.push({ level, message, fields: { ...(fields as object | undefined) } });
  };
  const logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  return { logger, lines };
}

/** Recovers often, so that what is missing is soon found. */
const FAST = { leaseMs: 400 };

describe("unread events that others removed", () => {
  it.each(["MAXLEN of a foreign XADD", "XGROUP SETID", "XDEL"])(
    "by %s are counted, told and logged once, with group and tenant, and health names the group",
    async (act) => {
      const { logger, lines } = noting();
      const bus = await openBus({ tenancy: "multi", logger });
      const acme = bus.tenant("acme");
      const consumer = await started(acme, undefined, FAST);
      const told: unknown[] = [];
      consumer.on("trimmed", (report) => told.push(report));
      const redis = plainRedis();
      const { stream } = keysOf(bus, "billing", "acme");
      // While the consumer reads nothing.
      consumer.pause();
      const ids = await place(acme, "a", "b", "c", "d", "e");
      if (act === "XDEL") await redis.xdel(stream, ...ids.slice(1, 4));
      else if (act === "XGROUP SETID") await redis.xgroup("SETID", stream, "billing", ids[2] ?? "");
      else await redis.xadd(stream, "MAXLEN", 3, "*", "a", "b");
      const info = await acme.getStreamInfo();
      expect(info.groups).toMatchObject([{ name: "billing", lost: 3, lostAt: expect.any(Number) }]);
      const health = await acme.health();
      expect(health.status).toBe("degraded");
      const detail = expect.stringMatching(
        /^others removed (at least )?3 events before this group settled them/,
      );
      expect(health.checks).toContainEqual({ name: "group:billing", status: "degraded", detail });

      consumer.resume();
      await until(() => told.length > 0);
      await consumer.idle();
      expect(told).toEqual([{ group: "billing", tenantId: "acme", entries: 3 }]);
      expect(consumer.metrics().counters).toMatchObject({ sluice_events_trimmed_total: 3 });
      const logged = lines.filter(({ message }) => message.startsWith("events lost"));
      expect(logged).toEqual([
        {
          level: "error",
          message: expect.any(String),
          fields: expect.objectContaining({ group: "billing", tenantId: "acme", entries: 3 }),
        },
      ]);
      expect((await acme.getStreamInfo()).groups).toMatchObject([{ lost: 3 }]);
      expect((await bus.tenant("globex").getStreamInfo()).groups).toEqual([]);
    },
  );

  it("are told by health for a day, and by getStreamInfo from then on", async () => {
    const bus = await openBus();
    await (await started(bus)).stop();
    const { state } = keysOf(bus, "billing");
    const redis = plainRedis();
    const [seconds] = await redis.time();
    const hoursAgo = (hours: number) => (Number(seconds) - hours * 3_600) * 1_000;
    await redis.hset(state, "lost", 7, "lostAt", hoursAgo(23), "lostAfter", "5-1");
    const about = async () => (await bus.health()).checks.find(({ name }) => name === "group:billing");
    expect(await about()).toMatchObject({
      status: "degraded",
      detail: expect.stringMatching(/removed 7 events .* XGROUP SETID \S+ billing 5-1 delivers again/),
    });
    await redis.hset(state, "lostAt", hoursAgo(25));
    expect(await about()).toMatchObject({ status: "ok" });
    expect((await bus.getStreamInfo()).groups).toMatchObject([{ lost: 7, lostAt: hoursAgo(25) }]);
  });
});

describe("a stream that others deleted", () => {
  it("with events that the group had not settled: they are counted, and the group goes on", async () => {
    const bus = await openBus({ logger: silentLogger });
    let waits = true;
    const later = { kind: "retry", delayMs: 3_600_000 } as const;
    const handle = ({ data }: { readonly data: { readonly orderId: string } }) =>
      waits && data.orderId !== "done" ? later : undefined;
    const consumer = await started(bus, handle, FAST);
    await place(bus, "done", "a", "b", "c");
    const redis = plainRedis();
    const { stream, state } = keysOf(bus, "billing");
    // A recovery has looked at them: one is settled, and three wait.
    await until(async () => (await redis.zcard(keysOf(bus, "billing").retries)) === 3);
    await until(async () => (await redis.hget(state, "balance"))?.split("|")[1] === "4");
    waits = false;
    await redis.del(stream);
    const again = await place(bus, "a");
    await until(() => consumer.metrics().counters.sluice_events_trimmed_total === 3);
    await consumer.idle();
    expect(consumer.metrics().counters).toMatchObject({ sluice_events_handled_total: 2 });
    expect(await redis.xrange(stream, "-", "+")).toMatchObject([[again[0], expect.anything()]]);
    expect(await bus.health()).toMatchObject({ status: "degraded" });
  });

  it("with all that was recorded about it: health says that nobody knows how much was lost", async () => {
    const bus = await openBus();
    const consumer = await started(bus);
    await place(bus, "done");
    await consumer.idle();
    await plainRedis().del(...Object.values(keysOf(bus, "billing")));
    const about = async () => (await bus.health()).checks.find(({ name }) => name === "group:billing");
    await until(async () => (await about()) !== undefined);
    expect(await about()).toMatchObject({
      status: "degraded",
      detail: expect.stringMatching(/^the stream and everything recorded about it was deleted/),
    });
  });
});

describe("a publish within the window, of an event that others removed", () => {
  it.each(["DEL", "XDEL", "XTRIM"])("by %s is an event again, and is handled", async (act) => {
    const bus = await openBus();
    const [first = ""] = await place(bus, "a");
    const redis = plainRedis();
    const { stream } = keysOf(bus, "billing");
    if (act === "DEL") await redis.del(stream);
    else if (act === "XDEL") await redis.xdel(stream, first);
    else await redis.xtrim(stream, "MAXLEN", 0);
    // Others go on publishing, so that the stream's last ID is past the one that is remembered.
    await place(bus, "b");
    const publish = () => bus.publish("order.placed", { orderId: "a" }, { idempotencyKey: "a" });
    const again = await publish();
    expect(again).toMatchObject({ duplicate: false });
    expect(await publish()).toEqual({ id: again.id, duplicate: true });
    const handled: string[] = [];
    await bus
      .consumer({ group: "billing", handlers: [onOrder(({ data }) => void handled.push(data.orderId))] })
      .runOnce();
    expect(handled.sort()).toEqual(["a", "b"]);
  });

  it("that every group has settled and retention dropped is a duplicate all the same", async () => {
    const bus = await openBus();
    const [id = ""] = await place(bus, "a");
    const retention = { settledForMs: 0 };
    for (let n = 0; n < 2; n++)
      await bus.consumer({ group: "billing", handlers: [onOrder()], retention }).runOnce();
    expect(await bus.getStreamInfo()).toMatchObject({ length: 0 });
    expect(await bus.publish("order.placed", { orderId: "a" }, { idempotencyKey: "a" })).toEqual({
      id,
      duplicate: true,
    });
  });
});
