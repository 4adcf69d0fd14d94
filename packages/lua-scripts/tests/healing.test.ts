/** open, for a group that is registered and gone: it goes on where it was. */
import { describe, expect, test } from "vitest";
import { failure, retry, skip, success } from "./support/attempts.js";
import { openGroup } from "./support/group.js";
import { leasesOf, waitingIn } from "./support/look.js";
import { run, useRedis } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";
import { busyGroup } from "./support/world.js";

const redis = useRedis();

describe("a group that was deleted", () => {
  test("is answered NOGROUP by every script, until it is opened", async () => {
    const { group, inHand, delivered } = await busyGroup(redis);
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    const calls = [
      group.leaseCall("c1", delivered),
      group.settleCall("c1", [success(inHand[0])]),
      group.recoverCall("c1"),
      group.extendCall("c1", [inHand[0]]),
      group.releaseCall("c1", [inHand[0]]),
    ];
    await unchanged(redis, group.allKeys, async () => {
      for (const call of calls)
        expect(await group.refusal(call), call.script.name).toEqual({ status: "NOGROUP" });
    });
    expect(await group.open({ mode: "REJOIN" })).toMatchObject({ how: "HEALED" });
    for (const call of calls)
      expect(await run(redis, call), call.script.name).toEqual(expect.arrayContaining(["OK"]));
  });

  test("is made again at its low-water ID: nothing is skipped, nothing that was handled runs again", async () => {
    const group = await openGroup(redis);
    const [early] = await group.add("early");
    await group.settle("c1", ...(await group.take()).map((attempt) => success(attempt)));
    await group.recover("c1"); // notes the low-water ID
    const [done, dead, skipped, retried, inHand] = await group.takeAll(
      "done",
      "dead",
      "skipped",
      "retried",
      "in hand",
    );
    await group.settle("c1", success(done), failure(dead), skip(skipped), retry(retried, 20_000));
    await group.add("unread");
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await group.add("published while it was gone");

    expect(await group.open()).toMatchObject({ how: "HEALED", lowWaterId: early?.id });
    expect(await leasesOf(group)).toEqual({});
    expect(await waitingIn(group)).toEqual(new Map());
    expect((await group.take()).map(({ key, verdict }) => [key, verdict])).toEqual([
      ["done", "DUPLICATE"],
      ["dead", "DUPLICATE"],
      ["skipped", "LEASED"],
      ["retried", "LEASED"],
      ["in hand", "LEASED"],
      ["unread", "LEASED"],
      ["published while it was gone", "LEASED"],
    ]);
    expect(await group.settle("c1", success(inHand)), "of the time before").toEqual(["FENCED"]);
  });

  test("does not run a dead letter again that recovery, not lease, meets", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", failure(await group.inHand("dead")));
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await group.open();
    await group.read();
    expect((await group.recover()).counts).toMatchObject({ duplicates: 1, own: 0 });
  });

  test("runs an event under the key of a dead letter, as one that never was deleted does", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", failure(await group.inHand("a")));
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await group.open();
    await group.add("a");
    expect((await group.take()).map(({ verdict }) => verdict)).toEqual(["DUPLICATE", "LEASED"]);
  });

  test("begins with the first entry when the stream was lost with it and ends before its low-water ID", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", success(await group.inHand("a")));
    await group.recover();
    await redis.del(group.keys.stream);
    await redis.xadd(group.keys.stream, "5-0", "key", "b", "event", "{}");
    expect(await group.open()).toMatchObject({ how: "HEALED", lowWaterId: "0-0" });
    expect((await group.take()).map(({ key, verdict }) => [key, verdict])).toEqual([["b", "LEASED"]]);
  });

  test("is made with its stream when both are gone", async () => {
    const group = await openGroup(redis);
    await group.settle("c1", success(await group.inHand("a")));
    await group.recover();
    await redis.del(group.keys.stream);
    expect(await group.refusal(group.recoverCall("c1"))).toEqual({ status: "NOGROUP" });
    expect(await group.open()).toMatchObject({ how: "HEALED", lowWaterId: "0-0" });
    expect(await group.add("b")).toEqual(await group.read());
  });

  test("is opened as the first time when nothing is recorded of it", async () => {
    const group = await openGroup(redis);
    const entries = await group.add("a", "b");
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await redis.del(group.keys.meta);
    expect(await group.open()).toMatchObject({ how: "CREATED", lowWaterId: "0-0" });
    expect(await group.read()).toEqual(entries);
  });

  test("is not made again by a process whose name a newer one has taken", async () => {
    const group = await openGroup(redis);
    await group.open({ incarnation: "newer" });
    await redis.xgroup("DESTROY", group.keys.stream, group.name);
    await unchanged(redis, group.allKeys, async () => {
      expect(await group.refusal(group.openCall({ mode: "REJOIN" }))).toEqual({ status: "SUPERSEDED" });
    });
  });
});
