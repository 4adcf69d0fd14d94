/** Replaying dead letters through the API: for their group only, under their keys, and once. */
import { describe, expect, it } from "vitest";
import {
  failedOrders,
  fails,
  handledNow,
  keysOf,
  named,
  openBus,
  place,
  plainRedis,
  refusal,
  started,
} from "./support.js";

describe("replay", () => {
  it("gives the letters asked back to this group, under the keys they had, and to no other group", async () => {
    const bus = await openBus();
    const shipping: string[] = [];
    const other = await started(bus, ({ data }) => void shipping.push(data.orderId), { group: "shipping" });
    const { letters } = await failedOrders(["a", "b", "c"], bus);
    const [a, , c] = (await letters.list()).items;
    expect(await letters.replay([a?.id ?? "", c?.id ?? ""])).toEqual({ done: 2, notFound: [] });
    expect((await letters.list()).items.map(({ idempotencyKey }) => idempotencyKey)).toEqual(["b"]);
    expect(await handledNow(bus)).toEqual(["a", "c"]);
    await other.idle();
    expect(shipping).toEqual(["a", "b", "c"]);
    expect(await handledNow(bus)).toEqual([]);
  });

  it("does so as well when the entries were trimmed away: the other group passes over them", async () => {
    const bus = await openBus();
    const seen: string[] = [];
    const other = await started(bus, ({ data }) => void seen.push(data.orderId), { group: "shipping" });
    const { letters, entryIds } = await failedOrders(["a", "b"], bus);
    await other.idle();
    await plainRedis().xtrim(keysOf(bus, "billing").stream, "MAXLEN", 0);
    await letters.replay("all");
    await other.idle();
    expect(seen).toEqual(["a", "b"]);
    expect(other.metrics().counters).toMatchObject({
      sluice_events_skipped_duplicate_total: 2,
      sluice_events_skipped_other_group_total: 0,
    });
    const handled: [string, string, number][] = [];
    const again = await started(bus, (event, attempt) => {
      handled.push([event.id, event.idempotencyKey, attempt]);
    });
    await again.idle();
    expect(handled.map(([, key, attempt]) => [key, attempt])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    // Entries of their own, in the stream.
    expect(handled.map(([id]) => id)).not.toEqual(entryIds);
  });

  it("of a trimmed entry leaves a group that has not handled its key free to handle a later event under it", async () => {
    const bus = await openBus({ publishWindowMs: 0 });
    const { letters } = await failedOrders(["a"], bus);
    const redis = plainRedis();
    await redis.xtrim(keysOf(bus, "billing").stream, "MAXLEN", 0);
    // A group that comes now has never seen the key.
    const seen: string[] = [];
    const late = await started(bus, ({ data }) => void seen.push(data.orderId), { group: "late" });
    await letters.replay("all");
    await late.idle();
    expect(late.metrics().counters).toMatchObject({ sluice_events_skipped_other_group_total: 1 });
    expect(seen).toEqual([]);
    await place(bus, "a");
    await late.idle();
    expect(seen).toEqual(["a"]);
  });

  it("twice means once, also while the first is being handled, and names what it did not find", async () => {
    const { bus, letters } = await failedOrders(["a", "b"]);
    const [a, b] = (await letters.list()).items.map(({ id }) => id) as [string, string]; // two died
    const outcomes = await Promise.all([letters.replay([a]), letters.replay([a, b]), letters.replay([a, a])]);
    expect(outcomes.reduce((sum, { done }) => sum + done, 0)).toBe(2);
    expect(await letters.replay([a, "1-0"])).toEqual({ done: 0, notFound: [a, "1-0"] });
    expect((await handledNow(bus)).sort()).toEqual(["a", "b"]);
  });

  it("of all takes what is there now, however many", async () => {
    const orders = named("o", 250);
    const { bus, letters } = await failedOrders(orders);
    expect(await letters.replay("all")).toEqual({ done: 250, notFound: [] });
    expect(await letters.list()).toEqual({ items: [] });
    expect((await handledNow(bus)).sort()).toEqual([...orders].sort());
    expect(await bus.getStreamInfo()).toMatchObject({
      deadLetters: 0,
      groups: [{ pending: 0, retrying: 0 }],
    });
  });

  it("of all, beside a consumer that fails again, ends, and every letter is there again", async () => {
    const orders = named("o", 120);
    const { bus, letters } = await failedOrders(orders);
    const failing = await started(bus, fails);
    expect(await letters.replay("all")).toEqual({ done: 120, notFound: [] });
    await failing.idle();
    const keys = (await letters.list({ limit: 1_000 })).items.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys.sort()).toEqual([...orders].sort());
  });

  it("of an event that was handled under its key meanwhile is skipped", async () => {
    const bus = await openBus({ publishWindowMs: 0 });
    const { letters } = await failedOrders(["a"], bus);
    await place(bus, "a");
    expect(await handledNow(bus)).toEqual(["a"]);
    await letters.replay("all");
    expect(await handledNow(bus)).toEqual([]);
    expect(await bus.getStreamInfo()).toMatchObject({ deadLetters: 0, groups: [{ pending: 0 }] });
  });

  it("is refused while the group is gone, and the letters stay", async () => {
    const { bus, letters } = await failedOrders(["a"]);
    await plainRedis().xgroup("DESTROY", keysOf(bus, "billing").stream, "billing");
    expect(await refusal(() => letters.replay("all"))).toMatchObject({ code: "SERVER", prefix: "NOGROUP" });
    expect((await letters.list()).items).toHaveLength(1);
  });
});
